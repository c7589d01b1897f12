using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Agora.Cluster;
using Agora.Launcher;
using Agora.Trading;

namespace Agora.Commands;

/// <summary>
/// <c>agora status</c>: shows the supervisor's status; without a supervisor here, the answers of the processes.
/// </summary>
internal static class StatusCommand
{
    /// <summary>A screen of at least this many columns has room for the addresses.</summary>
    private const int RoomyWidth = 125;

    private const string Yellow = "33";

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);
    private static readonly SystemTerminal s_terminal = new();

    public static Command Create()
    {
        var data = SharedOptions.Data();
        var cluster = SharedOptions.Cluster();
        var secrets = SharedOptions.Secrets();
        Option<bool> json = new("--json") { Description = "Print JSON; with --watch one object a line" };
        Option<bool> watch = new("--watch", "-w") { Description = "Show it again every second, until Ctrl-C" };
        Command command = new("status", "Show every process: state, role, applied position, lag, memory")
        {
            data,
            cluster,
            secrets,
            json,
            watch,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var isJson = parse.GetValue(json);
                var notices = isJson ? TextWriter.Null : Console.Error;
                DataDirectory directory = new(parse.GetValue(data)!);
                using StatusSource source = new(directory, parse.GetValue(cluster), parse.GetValue(secrets), notices);
                if (parse.GetValue(watch))
                {
                    await WatchAsync(source, isJson, cancellationToken);
                    return 0;
                }

                var status = await source.ReadAsync(cancellationToken);
                if (isJson)
                {
                    Console.WriteLine(JsonSerializer.Serialize(status, LauncherJson.Default.ClusterStatus));
                }
                else
                {
                    Console.Write(Picture(status));
                }

                return status.Processes.Any(p => p.State == ProcessState.Running) ? 0 : 1;
            }
        );
        return command.WithExamples("agora status", "agora status --watch", "agora status --json | jq .ready");
    }

    private static async Task WatchAsync(StatusSource source, bool json, CancellationToken cancellationToken)
    {
        try
        {
            JsonSerializerOptions oneLine = new(LauncherJson.Default.Options)
            {
                WriteIndented = false,
                TypeInfoResolver = LauncherJson.Default,
            };
            var again = s_terminal is { HasScreen: true, KnowsEscapes: true } ? "\u001b[H\u001b[2J" : "";
            while (true)
            {
                var status = await source.ReadAsync(cancellationToken);
                Console.Write(json ? JsonSerializer.Serialize(status, oneLine) + "\n" : again + Picture(status));
                await Task.Delay(s_interval, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C ends the watch.
        }
    }

    /// <summary>The lines below the table: what is not served, and why processes died.</summary>
    private static string[] Below(ClusterStatus status)
    {
        var now = TimeProvider.System.GetUtcNow();
        return
        [
            .. status.Missing.Select(what => $"not served: {what}"),
            .. status.MixedBuilds is { } builds ? (string[])[$"builds differ: {builds}"] : [],
            .. status
                .Processes.Where(p => p.Database?.Joining is not null)
                .Select(p => $"{p.Name} {p.Database!.Joining}"),
            .. status.Processes.SelectMany(p => (p.Database?.Problems ?? []).Select(why => $"{p.Name}: {why}")),
            .. status
                .Processes.Select(p => (p.Name, Exit: p.Trouble(now)))
                .Where(p => p.Exit is not null)
                .Select(p => $"{p.Name} {p.Exit} ({Ago(now.UtcDateTime - p.Exit!.At)})"),
        ];
    }

    /// <summary>A line for each database: who leads in which term, and how far a majority is.</summary>
    private static IEnumerable<string> Groups(ClusterStatus status)
    {
        foreach (var group in status.Processes.Where(p => p.Database is not null).GroupBy(p => p.Component))
        {
            var leader = group.Where(p => p.Role == "leader").MaxBy(p => p.Database!.Term);
            var term = leader?.Database!.Term ?? group.Max(p => p.Database!.Term);
            var leads =
                term is null ? ""
                : leader is null ? string.Create(CultureInfo.InvariantCulture, $"no leader in term {term}, ")
                : string.Create(CultureInfo.InvariantCulture, $"{leader.Name} leads in term {term}, ");
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{group.Key}: {leads}a majority holds up to {group.Max(p => p.Database!.Committed)}"
            );
        }
    }

    private static string Ago(TimeSpan since) =>
        since.TotalSeconds < 120 ? string.Create(CultureInfo.InvariantCulture, $"{since.TotalSeconds:0} s ago")
        : since.TotalMinutes < 120 ? string.Create(CultureInfo.InvariantCulture, $"{since.TotalMinutes:0} min ago")
        : string.Create(CultureInfo.InvariantCulture, $"{since.TotalHours:0} h ago");

    private static string Picture(ClusterStatus status)
    {
        // Without a screen the width does not matter.
        var width = s_terminal.HasScreen ? s_terminal.Width : 2 * RoomyWidth;
        var isStyled = s_terminal is { HasScreen: true, WantsColours: true };
        return string.Concat(Lines(status, width, isStyled).Select(line => line + "\n"));
    }

    internal static IEnumerable<string> Lines(ClusterStatus status, int width, bool isStyled)
    {
        static string Number(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";
        static string Mebibytes(long? bytes) =>
            bytes is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0} MiB");

        var isRoomy = width >= RoomyWidth;
        Column[] columns =
        [
            new("process"),
            new("state"),
            new("pid", IsRight: true),
            new("restarts", IsRight: true),
            new("role"),
            new("applied", IsRight: true),
            new("lag", IsRight: true),
            new("memory", IsRight: true),
        ];
        TextTable table = new([.. columns, .. isRoomy ? (Column[])[new("addresses")] : []]);
        foreach (var process in status.Processes)
        {
            var style = process.State switch
            {
                ProcessState.Running => null,
                ProcessState.Starting or ProcessState.Stopping or ProcessState.Restarting => Yellow,
                _ => TextTable.Red,
            };
            string[] cells =
            [
                process.Name,
                process.State,
                Number(process.Pid),
                Number(process.Restarts),
                process.Role ?? "",
                Number(process.Applied),
                Number(process.Lag),
                Mebibytes(process.MemoryBytes),
            ];
            var addresses = string.Join(", ", process.Addresses.Select(a => $"{a.Key} {a.Value}"));
            table.Add([.. cells, .. isRoomy ? (string[])[addresses] : []], style);
        }

        var up = status.Processes.Count(p => p.State == ProcessState.Running);
        var memory = status.Processes.Sum(p => p.MemoryBytes);
        return
        [
            .. table.Lines(width, isStyled),
            .. Groups(status),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{(status.Ready ? "ready" : "not ready")}: {up} of {status.Processes.Count} running"
                    + $"{(memory > 0 ? ", " + Mebibytes(memory) : "")}"
            ),
            .. Below(status).Select(Printable.Of),
        ];
    }
}
