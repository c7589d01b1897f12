using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using RotatingSequencer.Bench.Corosync;

namespace RotatingSequencer.Bench;

/// <summary>
/// Measures all systems in one run, so that the figures can be compared: other machines, and other hours, differ.
/// </summary>
internal sealed partial class SystemComparison(
    int members,
    int payload,
    int outstanding,
    TimeSpan length,
    double[] losses,
    string[] only,
    bool loopback
)
{
    /// <summary>A group of corosync daemons does not always come up.</summary>
    private const int Attempts = 2;

    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-bench-").FullName;

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var inNamespaces = !loopback && Hosts.WhyNoNamespaces is null;
        var place = inNamespaces
            ? "each in a network namespace of its own, joined by a bridge"
            : "all on the loopback interface";
        Console.WriteLine(
            $"{members} members, {place}; {payload} B a request, {Environment.ProcessorCount} cores, "
                + $"{length.TotalSeconds} s a measurement."
        );
        if (!inNamespaces && losses.Any(loss => loss > 0))
        {
            Console.Error.WriteLine(
                $"Losses cannot be made on the loopback interface: {Hosts.WhyNoNamespaces ?? "leave out --loopback"}."
            );
            return 1;
        }

        using var hosts = inNamespaces ? Hosts.InNamespaces(members) : Hosts.OnLoopback(members);
        try
        {
            Console.WriteLine(
                $"A write of 400 B and its fdatasync, alone on this disk: {SyncMicroseconds():N0} µs (median)."
            );
            Console.WriteLine();
            Console.WriteLine(
                "| system | loss | senders × under way | requests/s | p50 µs | p99 µs | worst µs "
                    + "| CPU µs/request, all members | datagrams/request | bytes/request | syncs/request |"
            );
            Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
            foreach (var loss in losses)
            {
                if (inNamespaces)
                {
                    hosts.Lose(loss);
                }

                await MeasureOwnAsync(hosts, "memory", loss, cancellationToken);
                await MeasureOwnAsync(hosts, "journal", loss, cancellationToken);
                foreach (var transport in new[] { "udp", "udpu", "knet" })
                {
                    await MeasureCorosyncAsync(hosts, transport, loss, inNamespaces, cancellationToken);
                }
            }
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }

        return 0;
    }

    private bool IsWanted(string system) => only.Length == 0 || only.Contains(system);

    private async Task MeasureOwnAsync(Hosts hosts, string system, double loss, CancellationToken cancellationToken)
    {
        if (!IsWanted(system))
        {
            return;
        }

        var journals = Directory.CreateTempSubdirectory("rotating-sequencer-bench-").FullName;
        var addresses = string.Join(',', hosts.Members.Select(member => member.ToString()));
        var processes = new List<BenchProcess>();
        try
        {
            for (var id = 0; id < members; id++)
            {
                var journal = system == "journal" ? Path.Combine(journals, $"{id}") : "-";
                processes.Add(
                    BenchProcess.Start(hosts.At(id, Environment.ProcessPath!, "member", $"{id}", addresses, journal))
                );
            }

            await MeasureAsync(
                system == "journal" ? "ours, journal" : "ours, in memory",
                processes,
                loss,
                cancellationToken
            );
        }
        finally
        {
            processes.ForEach(p => p.Dispose());
            Directory.Delete(journals, recursive: true);
        }
    }

    private async Task MeasureCorosyncAsync(
        Hosts hosts,
        string transport,
        double loss,
        bool inNamespaces,
        CancellationToken cancellationToken
    )
    {
        if (!IsWanted(transport))
        {
            return;
        }

        if ((inNamespaces ? CorosyncCluster.WhyNot : "the members share the loopback interface") is { } why)
        {
            Console.Error.WriteLine($"Left out: corosync, {transport}: {why}.");
            return;
        }

        var name = $"corosync {transport}{(transport == "knet" ? " sha256" : "")}{(loss > 0 ? ", tuned" : "")}";
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            // Many lost datagrams keep it from forming a group at all, and that is not measured here.
            if (loss > 0)
            {
                hosts.Lose(0);
            }

            using var corosync = CorosyncCluster.Start(
                hosts,
                transport,
                tuned: loss > 0,
                Path.Combine(_directory, $"{transport}-{loss}-{attempt}")
            );
            try
            {
                await RunAsync(corosync.Clients, 1, 1, length / 4, cancellationToken);
                if (loss > 0)
                {
                    hosts.Lose(loss);
                }

                await MeasureAsync(name, corosync.Clients, loss, cancellationToken);
                return;
            }
            catch (InvalidOperationException)
            {
                Console.Error.WriteLine(
                    $"{name} did not form its group or broke up (attempt {attempt} of {Attempts})."
                );
            }
        }
    }

    private async Task MeasureAsync(
        string system,
        List<BenchProcess> processes,
        double loss,
        CancellationToken cancellationToken
    )
    {
        // What runs often is compiled by its number of calls: all senders at full speed get there soonest. A single
        // request at a time would be measured while it is still being compiled.
        await RunAsync(processes, members, outstanding, length, cancellationToken);
        foreach (var (senders, depth) in new[] { (1, 1), (1, outstanding), (members, outstanding) })
        {
            await RunAsync(processes, senders, depth, length / 2, cancellationToken);
            var result = await RunAsync(processes, senders, depth, length, cancellationToken);
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {system} | {loss:P0} | {senders} × {depth} | {result.PerSecond:N0} | {result.P50:N0} "
                        + $"| {result.P99:N0} | {result.Worst:N0} | {result.Cpu:N0} | {result.Datagrams:N1} "
                        + $"| {result.Bytes:N0} | {result.Syncs:N2} |"
                )
            );
        }
    }

    private async Task<BenchResult> RunAsync(
        List<BenchProcess> processes,
        int senders,
        int depth,
        TimeSpan duration,
        CancellationToken cancellationToken
    )
    {
        var runs = processes
            .Select((p, id) => p.RunAsync(id < senders ? depth : 0, payload, duration, cancellationToken))
            .ToList();
        return BenchResult.Sum(await Task.WhenAll(runs), duration);
    }

    /// <summary>The least that the disk takes: the file has its final length, and nothing else writes.</summary>
    private double SyncMicroseconds()
    {
        const int Writes = 500;
        var path = Path.Combine(_directory, "sync");
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        RandomAccess.Write(file, new byte[1 << 20], 0);
        RandomAccess.FlushToDisk(file);
        var record = new byte[400];
        var times = new double[Writes];
        for (var i = 0; i < Writes; i++)
        {
            var started = Stopwatch.GetTimestamp();
            RandomAccess.Write(file, record, i * record.Length);
            _ = OperatingSystem.IsLinux() ? SyncData(file) : 0;
            times[i] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        }

        return times.Order().ElementAt(Writes / 2);
    }

    [LibraryImport("libc", EntryPoint = "fdatasync")]
    private static partial int SyncData(SafeFileHandle file);
}
