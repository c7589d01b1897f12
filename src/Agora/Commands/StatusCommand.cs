using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;
using Agora.Launcher;
using Agora.Trading;

namespace Agora.Commands;

/// <summary>
/// <c>agora status</c>: what the supervisor says; without one here, what the processes of the cluster file answer.
/// </summary>
internal static class StatusCommand
{
    /// <summary>From this many columns on there is room for the addresses.</summary>
    private const int RoomyWidth = 125;

    private const string Yellow = "33";

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);
    private static readonly SystemTerminal s_terminal = new();

    public static Command Create()
    {
        Option<string> data = SharedOptions.Data();
        Option<string?> cluster = SharedOptions.Cluster();
        Option<string?> secrets = SharedOptions.Secrets();
        Option<bool> json = new("--json") { Description = "For programs; with --watch one object a line" };
        Option<bool> watch = new("--watch", "-w") { Description = "Show it again every second, until Ctrl-C" };
        Command command = new("status", "Show every process: up or not, role, how far it has applied and lags, memory") { data, cluster, secrets, json, watch };
        command.SetAction(async (parse, cancellationToken) =>
        {
            bool isJson = parse.GetValue(json);
            TextWriter notices = isJson ? TextWriter.Null : Console.Error;
            DataDirectory directory = new(parse.GetValue(data)!);
            using Source source = new(directory, parse.GetValue(cluster), parse.GetValue(secrets), notices);
            if (parse.GetValue(watch))
            {
                await WatchAsync(source, isJson, cancellationToken);
                return 0;
            }
            ClusterStatus status = await source.ReadAsync(cancellationToken);
            if (isJson)
            {
                Console.WriteLine(JsonSerializer.Serialize(status, LauncherJson.Default.ClusterStatus));
            }
            else
            {
                Console.Write(Picture(status));
            }
            return status.Processes.Any(p => p.State == ProcessState.Running) ? 0 : 1;
        });
        return command.WithExamples(
            "agora status",
            "agora status --watch",
            "agora status --json | jq .ready");
    }

    private static async Task WatchAsync(Source source, bool json, CancellationToken cancellationToken)
    {
        try
        {
            JsonSerializerOptions oneLine = new(LauncherJson.Default.Options)
            {
                WriteIndented = false,
                TypeInfoResolver = LauncherJson.Default,
            };
            string again = s_terminal is { HasScreen: true, KnowsEscapes: true } ? "\u001b[H\u001b[2J" : "";
            while (true)
            {
                ClusterStatus status = await source.ReadAsync(cancellationToken);
                Console.Write(json ? JsonSerializer.Serialize(status, oneLine) + "\n" : again + Picture(status));
                await Task.Delay(s_interval, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C is how it ends.
        }
    }

    private static string Picture(ClusterStatus status)
    {
        // Where nobody looks at a screen, nothing need fit one.
        int width = s_terminal.HasScreen ? s_terminal.Width : 2 * RoomyWidth;
        bool isStyled = s_terminal is { HasScreen: true, WantsColours: true };
        return string.Concat(Lines(status, width, isStyled).Select(line => line + "\n"));
    }

    internal static IEnumerable<string> Lines(ClusterStatus status, int width, bool isStyled)
    {
        static string Number(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";
        static string Mebibytes(long? bytes) => bytes is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0} MiB");

        bool isRoomy = width >= RoomyWidth;
        Column[] columns =
        [
            new("process"), new("state"), new("pid", IsRight: true), new("restarts", IsRight: true), new("role"),
            new("applied", IsRight: true), new("lag", IsRight: true), new("memory", IsRight: true),
        ];
        TextTable table = new([.. columns, .. isRoomy ? (Column[])[new("addresses")] : []]);
        foreach (ProcessStatus process in status.Processes)
        {
            string? style = process.State switch
            {
                ProcessState.Running => null,
                ProcessState.Starting or ProcessState.Stopping or ProcessState.Restarting => Yellow,
                _ => TextTable.Red,
            };
            string[] cells =
            [
                process.Name, process.State, Number(process.Pid), Number(process.Restarts), process.Role ?? "",
                Number(process.Applied), Number(process.Lag), Mebibytes(process.MemoryBytes),
            ];
            string addresses = string.Join(", ", process.Addresses.Select(a => $"{a.Key} {a.Value}"));
            table.Add([.. cells, .. isRoomy ? (string[])[addresses] : []], style);
        }
        int up = status.Processes.Count(p => p.State == ProcessState.Running);
        long? memory = status.Processes.Sum(p => p.MemoryBytes);
        return table.Lines(width, isStyled).Append(string.Create(CultureInfo.InvariantCulture,
            $"{(status.Ready ? "ready" : "not ready")}: {up} of {status.Processes.Count} running{(memory > 0 ? ", " + Mebibytes(memory) : "")}"));
    }

    private sealed class Source(
        DataDirectory data, string? clusterPath, string? secrets, TextWriter notices) : IDisposable
    {
        private readonly ControlClient _control = new(data);
        private ComponentIdentity? _identity;
        private ClusterProbe? _probe;

        public async Task<ClusterStatus> ReadAsync(CancellationToken cancellationToken)
        {
            if (clusterPath is null && await _control.StatusAsync(cancellationToken) is { } status)
            {
                return status;
            }

            // Where somebody else starts the processes (systemd, a container engine), they can be asked all the same.
            // Those of a directory are the ones that were last started from it, not whatever answers at the default
            // ports.
            bool isNamed = clusterPath is not null || Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable) is { Length: > 0 };
            ClusterFile cluster = !isNamed && File.Exists(data.ClusterFile) ? ClusterFile.Load(data.ClusterFile) : ClusterFile.Resolve(clusterPath);
            ClusterProcess[] processes = [.. cluster.Processes().Where(ComponentHost.CanRun)];
            if (!isNamed && _probe is null)
            {
                notices.WriteLine(LogFiles.ComplaintPrefix + (File.Exists(data.ClusterFile)
                    ? $"nothing is up from {data.Root}; this is what answers at the addresses of its last start"
                    : $"nothing was started from {data.Root}; this is what answers at the addresses "
                        + "of the built-in default. One started from elsewhere is seen with --data DIR"));
            }
            ClusterSecrets keys = ClusterSecrets.Find(secrets, clusterPath, data.Root);
            _identity ??= Keys.Watcher(keys, processes);
            if (_identity is null && _probe is null)
            {
                notices.WriteLine(LogFiles.ComplaintPrefix + Keys.NoOperator(keys));
            }
            _probe ??= new ClusterProbe(_identity);
            return await _probe.StatusAsync(processes, _ => null, brief: false, cancellationToken);
        }

        public void Dispose()
        {
            _control.Dispose();
            _probe?.Dispose();
            _identity?.Dispose();
        }
    }
}
