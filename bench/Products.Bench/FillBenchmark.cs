using System.Globalization;
using Agora.Contracts.Products;
using Agora.Products.Processes;

namespace Products.Bench;

/// <summary>
/// Writes for long, and shows the replicas' memory, descriptors, mappings and sizes on disk along the way.
/// </summary>
internal static class FillBenchmark
{
    private const int Callers = 200;
    private const int Samples = 20;

    public static async Task<int> RunAsync(long writes, CancellationToken cancellationToken)
    {
        using ProductsGroup group = new();
        await group.StartAsync(cancellationToken);
        await group.LeaderAsync(cancellationToken);
        var items = new ItemRecord[Callers];
        await Task.WhenAll(
            items.Select(
                async (_, i) =>
                    items[i] = (
                        await group.ExecuteAsync(
                            new ProductsCommand
                            {
                                RegisterItem = new RegisterItem
                                {
                                    SellerId = 1,
                                    Category = 1,
                                    Condition = Condition.New,
                                    PriceCents = 1,
                                    Name = $"item {i}",
                                },
                            },
                            TimeSpan.FromSeconds(10),
                            cancellationToken
                        )
                    )!.Item
            )
        );
        Console.WriteLine(
            "| writes | writes/s | memory MiB, most | descriptors, most | mappings, most "
                + "| log MiB, most | state MiB, most |"
        );
        Console.WriteLine("|---|---|---|---|---|---|---|");
        long done = 0;
        for (var sample = 1; sample <= Samples; sample++)
        {
            var (until, from, start) = (writes * sample / Samples, done, Environment.TickCount64);
            await Task.WhenAll(
                items.Select(item =>
                    Task.Run(
                        async () =>
                        {
                            for (long n; (n = Interlocked.Increment(ref done)) <= until; )
                            {
                                _ =
                                    await group.ExecuteAsync(
                                        new ProductsCommand
                                        {
                                            ChangePrice = new ChangePrice
                                            {
                                                ItemId = item.ItemId,
                                                SellerId = 1,
                                                PriceCents = n,
                                            },
                                        },
                                        TimeSpan.FromSeconds(30),
                                        cancellationToken
                                    ) ?? throw new InvalidOperationException("A write was not answered.");
                            }
                        },
                        cancellationToken
                    )
                )
            );
            done = until;
            var replicas = Enumerable.Range(0, ProductsGroup.Size).ToList();
            var resources = replicas.Select(group.Resources).ToList();
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {until:N0} | {(until - from) * 1000.0 / (Environment.TickCount64 - start):N0} "
                        + $"| {resources.Max(r => r.Memory)} | {resources.Max(r => r.Descriptors)} "
                        + $"| {resources.Max(r => r.Mappings)} "
                        + $"| {replicas.Max(r => Size(Path.Combine(group.DataOf(r), "raft"), "*.log"))} "
                        + $"| {replicas.Max(r => Size(group.DataOf(r), "state.db*"))} |"
                )
            );
        }

        return 0;
    }

    // A replica may delete a file of its log while this looks at it.
    private static long Size(string directory, string pattern) =>
        new DirectoryInfo(directory).EnumerateFiles(pattern).Where(f => f.Exists).Sum(f => f.Length) >> 20;
}
