using System.Diagnostics;
using System.Globalization;
using Agora.Contracts.Products;
using Google.Protobuf;

namespace Products.Bench;

/// <summary>
/// The same callers and values for both groups, which are up side by side and measured in turn: a disturbance hits both, and each figure is the median
/// of the rounds. Each caller has one call under way. Writes go to the leader, reads to all in turn.
/// </summary>
internal sealed class Compare(Comparison options, CancellationToken cancellation)
{
    private static readonly ByteString Value = ByteString.CopyFromUtf8(new string('v', 100));

    public static async Task<int> RunAsync(Comparison options, CancellationToken cancellation)
    {
        using ProductsGroup products = new();
        await products.StartAsync(cancellation);
        using var etcd = options.WithEtcd ? new EtcdGroup() : null;
        await (etcd?.ReadyAsync(cancellation) ?? Task.CompletedTask);
        await new Compare(options, cancellation).MeasureAsync(products, etcd);
        return 0;
    }

    private async Task MeasureAsync(ProductsGroup products, EtcdGroup? etcd)
    {
        var leader = await products.LeaderAsync(cancellation);
        var first = (await products.ExecuteAsync(Register(), TimeSpan.FromSeconds(10), cancellation))!.Item.ItemId;
        List<Subject> subjects =
        [
            new Subject("products", products.Processes, $"products-{leader}",
                async (_, _) => Require(await products.ExecuteAsync(Register(), TimeSpan.FromSeconds(10), cancellation)),
                async (_, n) => Require(await products.GetAsync((int)(n % ProductsGroup.Size), first, cancellation))),
        ];
        if (etcd is not null)
        {
            subjects.Insert(0, new Subject("etcd", etcd.Processes, etcd.Leader,
                async (caller, n) => await etcd.PutAsync($"{caller}-{n}", Value, cancellation),
                async (caller, n) => await etcd.GetAsync((int)(n % ProductsGroup.Size), $"{caller}-{n % 100}", cancellation)));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"five nodes each, {Environment.ProcessorCount} cores, 100-byte values; medians of {options.Rounds} rounds of {options.Length.TotalSeconds} s, each after {options.WarmUp.TotalSeconds} s of warm-up"));
        Console.WriteLine();
        Console.WriteLine("| | calls/s | times etcd | p50 ms | p99 ms | CPU ms a call: nodes | of that the leader | the callers |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var subject in subjects)
        {
            // Compiled and grown to size, as what runs for long is.
            await CallAsync(100, subject.Write, TimeSpan.FromSeconds(5));
            await CallAsync(100, subject.Read, TimeSpan.FromSeconds(3));
        }

        foreach (var figure in options.Figures.Split(','))
        {
            var (write, callers) = (figure.StartsWith('w'), int.Parse(figure[1..], CultureInfo.InvariantCulture));
            var rounds = subjects.Select(_ => new List<Sample>()).ToArray();
            for (var round = 0; round < options.Rounds; round++)
            {
                for (var i = 0; i < subjects.Count; i++)
                {
                    rounds[i].Add(await SampleAsync(subjects[i], callers, write ? subjects[i].Write : subjects[i].Read));
                }
            }

            for (var i = 0; i < subjects.Count; i++)
            {
                double Median(Func<Sample, double> of) => rounds[i].Select(of).Order().ElementAt(options.Rounds / 2);
                var ratio = rounds[i].Zip(rounds[0], (own, first) => own.PerSecond / first.PerSecond).Order().ElementAt(options.Rounds / 2);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {subjects[i].Name}, {(write ? "write" : "read")}, {callers} callers | {Median(s => s.PerSecond):N0} | {ratio:N2} | {Median(s => s.P50):N2} | {Median(s => s.P99):N2} | {Median(s => s.Nodes):N3} | {Median(s => s.Leader):N3} | {Median(s => s.Callers):N3} |"));
            }
        }
    }

    private static Command Register() => new()
    {
        RegisterItem = new RegisterItem { SellerId = 1, Category = 1, Condition = Condition.New, PriceCents = 1, Quantity = 1, Name = Value.ToStringUtf8() },
    };

    private static void Require(object? reply) => _ = reply ?? throw new InvalidOperationException("A call failed while nothing did.");

    private async Task<Sample> SampleAsync(Subject subject, int callers, Func<int, long, Task> call)
    {
        await CallAsync(callers, call, options.WarmUp);
        var (nodes, leader, own) = (subject.Processes.Cpu, subject.Processes.CpuOf(subject.Leader), Environment.CpuUsage.TotalTime);
        var (latencies, elapsed) = await CallAsync(callers, call, options.Length);
        latencies.Sort();
        double A(double milliseconds) => milliseconds / latencies.Count;
        return new Sample(latencies.Count / elapsed.TotalSeconds, Percentile(latencies, 50), Percentile(latencies, 99), A(subject.Processes.Cpu - nodes),
            A(subject.Processes.CpuOf(subject.Leader) - leader), A((Environment.CpuUsage.TotalTime - own).TotalMilliseconds));
    }

    private static double Percentile(List<double> sorted, int percent) => sorted[(sorted.Count - 1) * percent / 100];

    private async Task<(List<double> Latencies, TimeSpan Elapsed)> CallAsync(int callers, Func<int, long, Task> call, TimeSpan length)
    {
        var start = Stopwatch.GetTimestamp();
        var all = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(
            async () =>
            {
                List<double> latencies = [];
                for (long n = caller; Stopwatch.GetElapsedTime(start) < length; n++)
                {
                    var begun = Stopwatch.GetTimestamp();
                    await call(caller, n);
                    latencies.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
                }

                return latencies;
            }, cancellation)));
        return ([.. all.SelectMany(l => l)], Stopwatch.GetElapsedTime(start));
    }

    private sealed record Subject(string Name, Processes Processes, string Leader, Func<int, long, Task> Write, Func<int, long, Task> Read);

    private sealed record Sample(double PerSecond, double P50, double P99, double Nodes, double Leader, double Callers);
}

/// <summary>What is compared, and for how long.</summary>
internal sealed record Comparison(TimeSpan Length, TimeSpan WarmUp, int Rounds, string Figures, bool WithEtcd);
