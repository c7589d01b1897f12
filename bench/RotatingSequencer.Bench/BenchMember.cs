using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace RotatingSequencer.Bench;

/// <summary>
/// The process of one member: an application that does nothing, and as many requests under way as a command asks for.
/// </summary>
internal static class BenchMember
{
    public static async Task<int> RunAsync(string[] args)
    {
        IPEndPoint[] members = [.. args[1].Split(',').Select(IPEndPoint.Parse)];
        await using var member = await Member.StartAsync(
            new MemberOptions
            {
                Id = int.Parse(args[0], CultureInfo.InvariantCulture),
                Members = members,
                GroupKey = "a key that only benchmarks know"u8.ToArray(),
                JournalDirectory = args[2] == "-" ? null : args[2],
            },
            new Application(),
            CancellationToken.None
        );
        using var counters = new Counters(
            "rotating_sequencer.datagrams.sent",
            "rotating_sequencer.datagrams.sent.bytes",
            "rotating_sequencer.journal.syncs"
        );
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var words = line.Split(' ');
            var report = await RunAsync(
                member,
                counters,
                int.Parse(words[0], CultureInfo.InvariantCulture),
                new byte[int.Parse(words[1], CultureInfo.InvariantCulture)],
                TimeSpan.FromSeconds(double.Parse(words[2], CultureInfo.InvariantCulture))
            );
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(report));
        }

        return 0;
    }

    private static async Task<BenchReport> RunAsync(
        Member member,
        Counters counters,
        int outstanding,
        byte[] payload,
        TimeSpan length
    )
    {
        var cpu = Environment.CpuUsage.TotalTime;
        var before = counters.Read();
        var started = Stopwatch.GetTimestamp();
        var latencies = new List<double>[outstanding];
        await Task.WhenAll(
            Enumerable
                .Range(0, outstanding)
                .Select(async i =>
                {
                    var own = latencies[i] = [];
                    while (Stopwatch.GetElapsedTime(started) < length)
                    {
                        var begun = Stopwatch.GetTimestamp();
                        await member.BroadcastAsync(payload);
                        own.Add(Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
                    }
                })
                .Append(Task.Delay(length))
        );
        var all = latencies.SelectMany(l => l).ToArray();
        // A sample bounds the line that carries the report.
        Random.Shared.Shuffle(all);
        var after = counters.Read();
        return new BenchReport(
            all.Length,
            (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds,
            after[0] - before[0],
            after[1] - before[1],
            after[2] - before[2],
            all[..Math.Min(all.Length, 20_000)]
        );
    }

    private sealed class Application : IDeliveryHandler
    {
        public long Applied { get; private set; } = -1;

        public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results) =>
            Applied = deliveries[^1].Number;

        public bool TryFlush() => true;
    }

    /// <summary>Reads some of the library's own counters.</summary>
    private sealed class Counters : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly long[] _values;

        public Counters(params string[] names)
        {
            _values = new long[names.Length];
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (Array.IndexOf(names, instrument.Name) is >= 0 and var index)
                {
                    listener.EnableMeasurementEvents(instrument, index);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, value, _, index) => _values[(int)index!] = value);
            _listener.Start();
        }

        public void Dispose() => _listener.Dispose();

        public long[] Read()
        {
            _listener.RecordObservableInstruments();
            return [.. _values];
        }
    }
}
