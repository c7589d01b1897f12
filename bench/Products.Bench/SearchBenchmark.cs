using System.Diagnostics;
using System.Globalization;
using Agora.Contracts.Products;
using Agora.Products.Processes;

namespace Products.Bench;

/// <summary>Measures linearizable searches in a large catalogue, at all replicas in turn, in pages of 50.</summary>
internal static class SearchBenchmark
{
    private const int Categories = 20;
    private const int RegisteringCallers = 100;
    private const int PageSize = 50;

    // Some words are on every tenth item, others on a few.
    private static readonly string[] s_words =
    [
        .. Enumerable
            .Range(0, 300)
            .Select(i => $"{"bcdfghklmnprst"[i % 14]}{"aeiou"[i / 14 % 5]}{"lmnrst"[i / 70]}o{i % 10}"),
    ];

    public static async Task<int> RunAsync(int items, TimeSpan length, CancellationToken cancellationToken)
    {
        using ProductsGroup group = new();
        await group.StartAsync(cancellationToken);
        await group.LeaderAsync(cancellationToken);
        Console.WriteLine(
            $"{items:N0} items in {Categories} categories, {s_words.Length} keywords, 3 an item, "
                + $"{Environment.ProcessorCount} cores, {length.TotalSeconds} s a figure"
        );
        var next = -1;
        await Task.WhenAll(
            Enumerable
                .Range(0, RegisteringCallers)
                .Select(_ =>
                    Task.Run(
                        async () =>
                        {
                            for (int i; (i = Interlocked.Increment(ref next)) < items; )
                            {
                                if (
                                    await group.ExecuteAsync(Register(i), TimeSpan.FromSeconds(30), cancellationToken)
                                    is null
                                )
                                {
                                    throw new InvalidOperationException("An item was not registered.");
                                }
                            }
                        },
                        cancellationToken
                    )
                )
        );

        Console.WriteLine();
        Console.WriteLine("| search | callers | searches/s | items found | p50 ms | p99 ms |");
        Console.WriteLine("|---|---|---|---|---|---|");
        foreach (var callers in new[] { 1, 10 })
        {
            foreach (var (what, query) in Queries())
            {
                await CallAsync(group, callers, query, length / 4, cancellationToken);
                var (latencies, found) = await CallAsync(group, callers, query, length, cancellationToken);
                latencies.Sort();
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"| {what} | {callers} | {latencies.Count / length.TotalSeconds:N0} "
                            + $"| {(double)found / latencies.Count:N0} "
                            + $"| {latencies[latencies.Count / 2]:N2} | {latencies[latencies.Count * 99 / 100]:N2} |"
                    )
                );
            }
        }

        return 0;
    }

    private static ProductsCommand Register(int number)
    {
        Random random = new(number);
        RegisterItem item = new()
        {
            SellerId = 1 + (number % 1_000),
            Category = number % Categories,
            Condition = Condition.New,
            PriceCents = 100,
            Quantity = 1,
            Name = $"item {number}",
        };
        item.Keywords.Add(
            Enumerable
                .Range(0, 3)
                .Select(_ => s_words[(int)(s_words.Length * Math.Pow(random.NextDouble(), 2))])
                .Distinct()
        );
        item.SearchKeywords.Add(item.Keywords);
        return new ProductsCommand { RegisterItem = item };
    }

    private static IEnumerable<(string What, Func<Random, SearchQuery> Query)> Queries()
    {
        yield return ("a category", random => Query(random));
        yield return ("one keyword", random => Query(random, Word(random)));
        yield return ("three keywords", random => Query(random, Word(random), Word(random), Word(random)));
        yield return ("the beginning of a keyword", random => Query(random, Word(random)[..2]));
    }

    private static string Word(Random random) => s_words[random.Next(s_words.Length)];

    private static SearchQuery Query(Random random, params string[] keywords)
    {
        SearchQuery query = new() { Category = random.Next(Categories), Limit = PageSize };
        query.Keywords.Add(keywords);
        return query;
    }

    private static async Task<(List<double> Latencies, long Found)> CallAsync(
        ProductsGroup group,
        int callers,
        Func<Random, SearchQuery> query,
        TimeSpan length,
        CancellationToken cancellationToken
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
                            Random random = new(caller);
                            List<double> latencies = [];
                            long found = 0;
                            for (var n = caller; Stopwatch.GetElapsedTime(start) < length; n++)
                            {
                                var asked = query(random);
                                var begun = Stopwatch.GetTimestamp();
                                found += (await group.SearchAsync(n % ProductsGroup.Size, asked, cancellationToken))
                                    .Items
                                    .Count;
                                latencies.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
                            }

                            return (latencies, found);
                        },
                        cancellationToken
                    )
                )
        );
        return ([.. all.SelectMany(a => a.latencies)], all.Sum(a => a.found));
    }
}
