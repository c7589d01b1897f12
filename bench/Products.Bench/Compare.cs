using System.Diagnostics;
using System.Globalization;
using Agora.Contracts.Products;
using Google.Protobuf;

namespace Products.Bench;

/// <summary>The same callers and values for both: each caller has one call under way. Writes go to the leader, reads to all in turn.</summary>
internal static class Compare
{
    private static readonly ByteString Value = ByteString.CopyFromUtf8(new string('v', 100));

    public static async Task<int> RunAsync(TimeSpan length, TimeSpan warmUp, CancellationToken cancellation)
    {
        Console.WriteLine($"five nodes each, {Environment.ProcessorCount} cores, 100-byte values, {length.TotalSeconds} s a figure after {warmUp.TotalSeconds} s of warm-up");
        Console.WriteLine();
        Console.WriteLine("| | calls/s | p50 ms | p99 ms | CPU ms a call, all nodes |");
        Console.WriteLine("|---|---|---|---|---|");
        using (EtcdGroup etcd = new())
        {
            await etcd.ReadyAsync(cancellation);
            await MeasureAsync("etcd", etcd.Processes,
                async (caller, n) => await etcd.PutAsync($"{caller}-{n}", Value, cancellation),
                async (caller, n) => await etcd.GetAsync((int)(n % ProductsGroup.Size), $"{caller}-{n % 100}", cancellation), length, warmUp, cancellation);
        }

        using ProductsGroup products = new();
        await products.StartAsync(cancellation);
        await products.LeaderAsync(cancellation);
        var first = (await products.ExecuteAsync(Register(), TimeSpan.FromSeconds(10), cancellation))!.Item.ItemId;
        await MeasureAsync("products", products.Processes,
            async (_, _) => Require(await products.ExecuteAsync(Register(), TimeSpan.FromSeconds(10), cancellation)),
            async (_, n) => Require(await products.GetAsync((int)(n % ProductsGroup.Size), first, cancellation)), length, warmUp, cancellation);
        return 0;
    }

    private static Command Register() => new()
    {
        RegisterItem = new RegisterItem { SellerId = 1, Category = 1, Condition = Condition.New, PriceCents = 1, Quantity = 1, Name = Value.ToStringUtf8() },
    };

    private static void Require(object? reply) => _ = reply ?? throw new InvalidOperationException("A call failed while nothing did.");

    private static async Task MeasureAsync(
        string name, Processes processes, Func<int, long, Task> write, Func<int, long, Task> read, TimeSpan length, TimeSpan warmUp, CancellationToken cancellation)
    {
        foreach (var (what, callers, call) in new[] { ("write", 1, write), ("write", 10, write), ("write", 100, write), ("read", 1, read), ("read", 100, read) })
        {
            await CallAsync(callers, call, warmUp, cancellation);
            var cpu = processes.Cpu;
            var (latencies, elapsed) = await CallAsync(callers, call, length, cancellation);
            cpu = processes.Cpu - cpu;
            latencies.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {name}, {what}, {callers} callers | {latencies.Count / elapsed.TotalSeconds:N0} | {Percentile(latencies, 50):N2} | {Percentile(latencies, 99):N2} | {cpu / latencies.Count:N2} |"));
        }
    }

    private static double Percentile(List<double> sorted, int percent) => sorted[(sorted.Count - 1) * percent / 100];

    private static async Task<(List<double> Latencies, TimeSpan Elapsed)> CallAsync(
        int callers, Func<int, long, Task> call, TimeSpan length, CancellationToken cancellation)
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
}
