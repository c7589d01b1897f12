using System.CommandLine;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// Options of several commands. Each command gets a new one, because an option belongs to its command.
/// </summary>
internal static class SharedOptions
{
    public static Option<string> Data() =>
        new("--data")
        {
            Description = "The data directory",
            HelpName = "DIR",
            DefaultValueFactory = _ => DataDirectory.DefaultName,
        };

    public static Option<string?> Cluster() =>
        new("--cluster")
        {
            Description =
                "The cluster file; without it the one that AGORA_CLUSTER names, else the built-in default on 127.0.0.1",
            HelpName = "FILE",
        };

    public static Option<string?> ShapeOfTemporaryMarketplace() =>
        new("--cluster")
        {
            Description =
                "The cluster file with the engines, numbers of replicas and settings of the temporary marketplace; "
                + "without it the built-in default",
            HelpName = "FILE",
        };

    public static Option<string?> Secrets() =>
        new("--secrets")
        {
            Description =
                "The directory of keys and certificates; without it the one that AGORA_SECRETS names, "
                + "else 'secrets' beside the cluster file, else in the data directory",
            HelpName = "DIR",
        };

    public static Option<bool> JsonLogs() =>
        new("--json-logs") { Description = "Write logs as JSON, one object a line" };
}
