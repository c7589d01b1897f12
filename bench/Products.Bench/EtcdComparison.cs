using System.Diagnostics;
using System.Globalization;
using Agora.Contracts.Products;
using Agora.Products.Processes;
using Google.Protobuf;

namespace Products.Bench;

/// <summary>
/// Measures the products database and etcd with the same callers and values. Both groups run side by side and are
/// measured in turn, so that a disturbance hits both; each figure is the median of the rounds. Each caller has one call
/// under way. Writes go to the leader, reads to all nodes in turn.
/// </summary>
internal sealed class EtcdComparison(EtcdComparisonOptions options, CancellationToken cancellationToken)
{
    private static readonly ByteString s_value = ByteString.CopyFromUtf8(new string('v', 100));

    public static async Task<int> RunAsync(EtcdComparisonOptions options, CancellationToken cancellationToken)
    {
        using ProductsGroup products = new();
        await products.StartAsync(cancellationToken);
        using var etcd = options.WithEtcd ? new EtcdGroup() : null;
        await (etcd?.ReadyAsync(cancellationToken) ?? Task.CompletedTask);
        await new EtcdComparison(options, cancellationToken).MeasureAsync(products, etcd);
        return 0;
    }

    private async Task MeasureAsync(ProductsGroup products, EtcdGroup? etcd)
    {
        var leader = await products.LeaderAsync(cancellationToken);
        var first = (await products.ExecuteAsync(Register(), TimeSpan.FromSeconds(10), cancellationToken))!.Item.ItemId;
        List<Subject> subjects =
        [
            new Subject(
                "products",
                products.Processes,
                $"products-{leader}",
                async (_, _) =>
                    Require(await products.ExecuteAsync(Register(), TimeSpan.FromSeconds(10), cancellationToken)),
                async (_, n) =>
                    Require(await products.GetAsync((int)(n % ProductsGroup.Size), first, cancellationToken))
            ),
        ];
        if (etcd is not null)
        {
            subjects.Insert(
                0,
                new Subject(
                    "etcd",
                    etcd.Processes,
                    etcd.Leader,
                    async (caller, n) => await etcd.PutAsync($"{caller}-{n}", s_value, cancellationToken),
                    async (caller, n) =>
                        await etcd.GetAsync((int)(n % ProductsGroup.Size), $"{caller}-{n % 100}", cancellationToken)
                )
            );
        }

        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"five nodes each, {Environment.ProcessorCount} cores, 100-byte values; "
                    + $"medians of {options.Rounds} rounds of {options.Length.TotalSeconds} s, "
                    + $"each after {options.WarmUp.TotalSeconds} s of warm-up"
            )
        );
        Console.WriteLine();
        Console.WriteLine(
            "| | calls/s | times etcd | p50 ms | p99 ms | CPU ms a call: nodes | of that the leader | the callers |"
        );
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var subject in subjects)
        {
            // Warm-up: code is compiled and tables are grown, as in a process that runs for long.
            await CallAsync(100, subject.Write, TimeSpan.FromSeconds(5));
            await CallAsync(100, subject.Read, TimeSpan.FromSeconds(3));
        }

        foreach (var figure in options.Figures.Split(','))
        {
            var (write, callers) = (figure.StartsWith('w'), int.Parse(figure[1..], CultureInfo.InvariantCulture));
            var rounds = subjects.Select(_ => new List<RoundResult>()).ToArray();
            for (var round = 0; round < options.Rounds; round++)
            {
                for (var i = 0; i < subjects.Count; i++)
                {
                    rounds[i]
                        .Add(await SampleAsync(subjects[i], callers, write ? subjects[i].Write : subjects[i].Read));
                }
            }

            for (var i = 0; i < subjects.Count; i++)
            {
                double Median(Func<RoundResult, double> of) =>
                    rounds[i].Select(of).Order().ElementAt(options.Rounds / 2);
                var ratio = rounds[i]
                    .Zip(rounds[0], (own, first) => own.PerSecond / first.PerSecond)
                    .Order()
                    .ElementAt(options.Rounds / 2);
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"| {subjects[i].Name}, {(write ? "write" : "read")}, {callers} callers "
                            + $"| {Median(s => s.PerSecond):N0} | {ratio:N2} "
                            + $"| {Median(s => s.P50):N2} | {Median(s => s.P99):N2} "
                            + $"| {Median(s => s.Nodes):N3} "
                            + $"| {Median(s => s.Leader):N3} | {Median(s => s.Callers):N3} |"
                    )
                );
            }
        }
    }

    private static ProductsCommand Register() =>
        new()
        {
            RegisterItem = new RegisterItem
            {
                SellerId = 1,
                Category = 1,
                Condition = Condition.New,
                PriceCents = 1,
                Quantity = 1,
                Name = s_value.ToStringUtf8(),
            },
        };

    private static void Require(object? reply) =>
        _ = reply ?? throw new InvalidOperationException("A call failed although no node did.");

    private async Task<RoundResult> SampleAsync(Subject subject, int callers, Func<int, long, Task> call)
    {
        await CallAsync(callers, call, options.WarmUp);
        var (nodes, leader, own) = (
            subject.Processes.Cpu,
            subject.Processes.CpuOf(subject.Leader),
            Environment.CpuUsage.TotalTime
        );
        var (latencies, elapsed) = await CallAsync(callers, call, options.Length);
        latencies.Sort();
        double PerCall(double milliseconds) => milliseconds / latencies.Count;
        return new RoundResult(
            latencies.Count / elapsed.TotalSeconds,
            Percentile(latencies, 50),
            Percentile(latencies, 99),
            PerCall(subject.Processes.Cpu - nodes),
            PerCall(subject.Processes.CpuOf(subject.Leader) - leader),
            PerCall((Environment.CpuUsage.TotalTime - own).TotalMilliseconds)
        );
    }

    private static double Percentile(List<double> sorted, int percent) => sorted[(sorted.Count - 1) * percent / 100];

    private async Task<(List<double> Latencies, TimeSpan Elapsed)> CallAsync(
        int callers,
        Func<int, long, Task> call,
        TimeSpan length
    )
    {
        var start = Stopwatch.GetTimestamp();
        var all = await Task.WhenAll(
            Enumerable
                .Range(0, callers)
                .Select(caller =>
                    Task.Run(
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
                        },
                        cancellationToken
                    )
                )
        );
        return ([.. all.SelectMany(l => l)], Stopwatch.GetElapsedTime(start));
    }

    private sealed record Subject(
        string Name,
        ProcessGroup Processes,
        string Leader,
        Func<int, long, Task> Write,
        Func<int, long, Task> Read
    );

    private sealed record RoundResult(
        double PerSecond,
        double P50,
        double P99,
        double Nodes,
        double Leader,
        double Callers
    );
}

/// <summary>What is compared, and for how long.</summary>
internal sealed record EtcdComparisonOptions(
    TimeSpan Length,
    TimeSpan WarmUp,
    int Rounds,
    string Figures,
    bool WithEtcd
);
