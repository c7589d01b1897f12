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

    /// <summary>What a column has no room for: what is not served, and why processes died.</summary>
    private static string[] Below(ClusterStatus status)
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return
        [
            .. status.Missing.Select(what => $"not served: {what}"),
            .. status.Processes.Select(p => (p.Name, Exit: p.Trouble(now))).Where(p => p.Exit is not null)
                .Select(p => $"{p.Name} {p.Exit} ({Ago(now.UtcDateTime - p.Exit!.At)})"),
        ];
    }

    private static string Ago(TimeSpan since) => since.TotalSeconds < 120 ? string.Create(CultureInfo.InvariantCulture, $"{since.TotalSeconds:0} s ago")
        : since.TotalMinutes < 120 ? string.Create(CultureInfo.InvariantCulture, $"{since.TotalMinutes:0} min ago")
        : string.Create(CultureInfo.InvariantCulture, $"{since.TotalHours:0} h ago");

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
        return
        [
            .. table.Lines(width, isStyled),
            string.Create(CultureInfo.InvariantCulture,
                $"{(status.Ready ? "ready" : "not ready")}: {up} of {status.Processes.Count} running{(memory > 0 ? ", " + Mebibytes(memory) : "")}"),
            .. Below(status).Select(Printable.Of),
        ];
    }

    private sealed class Source(
        DataDirectory data, string? clusterPath, string? secrets, TextWriter notices) : IDisposable
    {
        // A supervisor answers in a fraction of this, save while something hangs that it asks itself.
        private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1.5);
        private static readonly TimeSpan s_shortDeadline = TimeSpan.FromSeconds(1);
        private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(0.5);

        private readonly ControlClient _control = new(data);
        private ComponentIdentity? _identity;
        private ClusterProbe? _probe;
        private bool _toldOfSilence;

        public async Task<ClusterStatus> ReadAsync(CancellationToken cancellationToken)
        {
            if (clusterPath is not null)
            {
                return await ProbeAsync(deadline: null, isSilent: false, cancellationToken);
            }
            using CancellationTokenSource bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task<ClusterStatus?> told = _control.StatusAsync(bound.Token);
            if (await Task.WhenAny(told, Task.Delay(s_patience, cancellationToken)) == told)
            {
                return await told ?? await ProbeAsync(deadline: null, isSilent: false, cancellationToken);
            }

            // It may only be late, as what it asks is; it knows more than anybody else. But nobody waits for it for longer than for the processes themselves.
            ClusterStatus own = await ProbeAsync(s_shortDeadline, isSilent: true, cancellationToken);
            if (await Task.WhenAny(told, Task.Delay(s_grace, cancellationToken)) == told && await told is { } late)
            {
                return late;
            }
            await bound.CancelAsync();
            await ((Task)told).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            if (!_toldOfSilence)
            {
                _toldOfSilence = true;
                notices.WriteLine($"{LogFiles.ComplaintPrefix}{_control.Silent().Message}. What follows is what the processes answer themselves");
            }
            return own;
        }

        private async Task<ClusterStatus> ProbeAsync(TimeSpan? deadline, bool isSilent, CancellationToken cancellationToken)
        {
            // Where somebody else starts the processes (systemd, a container engine), they can be asked all the same.
            // Those of a directory are the ones that were last started from it, not whatever answers at the default
            // ports.
            bool isNamed = clusterPath is not null || Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable) is { Length: > 0 };
            ClusterFile cluster = !isNamed && File.Exists(data.ClusterFile) ? ClusterFile.Load(data.ClusterFile) : ClusterFile.Resolve(clusterPath);
            ClusterProcess[] processes = [.. cluster.Processes().Where(ComponentHost.CanRun)];
            if (!isNamed && !isSilent && _probe is null)
            {
                notices.WriteLine(LogFiles.ComplaintPrefix + (File.Exists(data.ClusterFile)
                    ? $"nothing is up from {data.Root}; this is what answers at the addresses of its last start"
                    : $"nothing was started from {data.Root}; this is what answers at the addresses "
                        + "of the built-in default. One started from elsewhere is seen with --data DIR"));
            }
            ClusterSecrets keys = ClusterSecrets.Find(secrets, clusterPath, data.Root);
            _identity ??= Keys.Watcher(keys, processes) ?? (isNamed ? null : Keys.Watcher(data.SecretsInUse, processes));
            if (_identity is null && _probe is null)
            {
                notices.WriteLine(LogFiles.ComplaintPrefix + Keys.NoOperator(keys));
            }
            _probe ??= new ClusterProbe(_identity, deadline);
            ClusterStatus status = await _probe.StatusAsync(processes, _ => null, brief: false, cancellationToken);
            return isNamed
                ? status
                : status with { Processes = [.. status.Processes.Zip(processes, (row, process) => row with { LastExit = ProcessExit.Read(data.ExitFileOf(process)) })] };
        }

        public void Dispose()
        {
            _control.Dispose();
            _probe?.Dispose();
            _identity?.Dispose();
        }
    }
}
