using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;
using Agora.Launcher;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Agora.Commands;

/// <summary><c>agora status</c>: what the supervisor says; without one here, what the processes of the cluster file answer.</summary>
internal static class StatusCommand
{
    /// <summary>From this many columns on there is room for the addresses.</summary>
    private const int RoomyWidth = 125;

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

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
            using Source source = new(new DataDirectory(parse.GetValue(data)!), parse.GetValue(cluster), parse.GetValue(secrets));
            if (parse.GetValue(watch))
            {
                await WatchAsync(source, parse.GetValue(json), cancellationToken);
                return 0;
            }
            ClusterStatus status = await source.ReadAsync(cancellationToken);
            if (parse.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(status, LauncherJson.Default.ClusterStatus));
            }
            else
            {
                AnsiConsole.Write(Picture(status));
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
            if (json || Console.IsOutputRedirected)
            {
                JsonSerializerOptions oneLine = new(LauncherJson.Default.Options) { WriteIndented = false, TypeInfoResolver = LauncherJson.Default };
                while (true)
                {
                    ClusterStatus status = await source.ReadAsync(cancellationToken);
                    if (json)
                    {
                        Console.WriteLine(JsonSerializer.Serialize(status, oneLine));
                    }
                    else
                    {
                        AnsiConsole.Write(Picture(status));
                    }
                    await Task.Delay(s_interval, cancellationToken);
                }
            }
            await AnsiConsole.Live(Picture(await source.ReadAsync(cancellationToken))).StartAsync(async live =>
            {
                while (true)
                {
                    await Task.Delay(s_interval, cancellationToken);
                    live.UpdateTarget(Picture(await source.ReadAsync(cancellationToken)));
                }
            });
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C is how it ends.
        }
    }

    private static IRenderable Picture(ClusterStatus status) =>
        Below(status) is { Length: > 0 } below ? new Rows([Table(status), .. below.Select(line => new Text(line))]) : Table(status);

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

    private static Table Table(ClusterStatus status)
    {
        static string Number(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";
        static string Mebibytes(long? bytes) => bytes is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0} MiB");

        static TableColumn Column(string name, bool right = false) => new(name) { NoWrap = true, Alignment = right ? Justify.Right : Justify.Left };

        // Where nobody looks at a screen, nothing need fit one.
        bool roomy = Console.IsOutputRedirected || AnsiConsole.Profile.Width >= RoomyWidth;
        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = 2 * RoomyWidth;
        }
        Table table = new Table().Border(TableBorder.Simple).AddColumns(
            Column("process"), Column("state"), Column("pid", right: true), Column("restarts", right: true),
            Column("role"), Column("applied", right: true), Column("lag", right: true), Column("memory", right: true));
        if (roomy)
        {
            table.AddColumn(Column("addresses"));
        }
        foreach (ProcessStatus process in status.Processes)
        {
            string colour = process.State switch
            {
                ProcessState.Running => "green",
                ProcessState.Starting or ProcessState.Stopping or ProcessState.Restarting => "yellow",
                _ => "red",
            };
            List<Markup> row =
            [
                new(process.Name), new($"[{colour}]{process.State}[/]"), new(Number(process.Pid)), new(Number(process.Restarts)),
                new(process.Role ?? ""), new(Number(process.Applied)), new(Number(process.Lag)), new(Mebibytes(process.MemoryBytes)),
            ];
            if (roomy)
            {
                row.Add(new(string.Join(", ", process.Addresses.Select(a => $"{a.Key} {Markup.Escape(a.Value)}"))));
            }
            table.AddRow(row);
        }
        int up = status.Processes.Count(p => p.State == ProcessState.Running);
        long? memory = status.Processes.Sum(p => p.MemoryBytes);
        return table.Caption(string.Create(CultureInfo.InvariantCulture,
            $"{(status.Ready ? "ready" : "not ready")}: {up} of {status.Processes.Count} running{(memory > 0 ? ", " + Mebibytes(memory) : "")}"));
    }

    private sealed class Source(DataDirectory data, string? clusterPath, string? secrets) : IDisposable
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
                return await ProbeAsync(deadline: null, cancellationToken);
            }
            using CancellationTokenSource bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task<ClusterStatus?> told = _control.StatusAsync(bound.Token);
            if (await Task.WhenAny(told, Task.Delay(s_patience, cancellationToken)) == told)
            {
                return await told ?? await ProbeAsync(deadline: null, cancellationToken);
            }

            // It may only be late, as what it asks is; it knows more than anybody else. But nobody waits for it for longer than for the processes themselves.
            ClusterStatus own = await ProbeAsync(s_shortDeadline, cancellationToken);
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
                Console.Error.WriteLine($"{LogFiles.ComplaintPrefix}{_control.Silent().Message}. What follows is what the processes answer themselves");
            }
            return own;
        }

        private async Task<ClusterStatus> ProbeAsync(TimeSpan? deadline, CancellationToken cancellationToken)
        {
            // Where somebody else starts the processes (systemd, a container engine), they can be asked all the same. Those of a directory are the
            // ones that were last started from it, not whatever answers at the default ports.
            bool isNamed = clusterPath is not null || Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable) is { Length: > 0 };
            ClusterFile cluster = !isNamed && File.Exists(data.ClusterFile) ? ClusterFile.Load(data.ClusterFile) : ClusterFile.Resolve(clusterPath);
            ClusterProcess[] processes = [.. cluster.Processes().Where(ComponentHost.CanRun)];
            _identity ??= Keys.Operator(ClusterSecrets.Find(secrets, clusterPath, data.Root)) ?? (isNamed ? null : Keys.Operator(data.SecretsInUse));
            if (_identity is null && _probe is null)
            {
                Console.Error.WriteLine(
                    $"{LogFiles.ComplaintPrefix}there is no operator's key here, without which the databases do not answer: "
                    + "name the data directory with --data, or the keys with --secrets");
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
