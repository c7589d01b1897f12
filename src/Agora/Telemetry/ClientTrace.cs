using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using Agora.Cluster;

namespace Agora.Telemetry;

/// <summary>
/// The span of one command of a person, with which a trace begins: <c>agora buyer buy</c>. Only its words are told, no
/// option and no value.
/// </summary>
internal sealed class ClientTrace : IDisposable
{
    private const string Client = "client";

    private static readonly ActivitySource s_source = new("Agora.Client");

    // At a prompt each line is a trace of its own, and all of them share what sends them.
    private static readonly Lazy<ProcessTelemetry> s_telemetry = new(() =>
    {
        ProcessTelemetry telemetry = new(Client, Environment.MachineName, isBrief: true);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => telemetry.Dispose();
        return telemetry;
    });

    private readonly Activity? _span;

    private ClientTrace(Activity? span) => _span = span;

    /// <summary>Begins it; null where nothing is traced.</summary>
    public static ClientTrace? Begin(ParseResult parse)
    {
        List<string> words = [];
        for (var command = parse.CommandResult; command is not null; command = command.Parent as CommandResult)
        {
            words.Insert(0, command.Command.Name);
        }

        if (words is not [_, "seller" or "buyer", ..] || !Exporting.Traces)
        {
            return null;
        }

        words[0] = "agora";
        _ = s_telemetry.Value;
        return new ClientTrace(s_source.StartActivity(string.Join(' ', words), ActivityKind.Client));
    }

    public void Dispose() => _span?.Dispose();
}
