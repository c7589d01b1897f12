using System.CommandLine;
using Agora.Products.Processes;
using Products.Bench;

Option<double> seconds = new("--seconds") { Description = "Length of each measurement.", DefaultValueFactory = _ => 3 };
Option<double> warmUp = new("--warm-up")
{
    Description = "Seconds before each measurement.",
    DefaultValueFactory = _ => 1,
};
Option<int> rounds = new("--rounds")
{
    Description = "Rounds in which each figure is measured.",
    DefaultValueFactory = _ => 5,
};
Option<string> figures = new("--figures")
{
    Description = "What to measure: w for writes or r for reads, and the number of callers.",
    DefaultValueFactory = _ => "w1,w10,w100,r1,r10,r100",
};
Option<bool> alone = new("--alone") { Description = "Leave out etcd." };
Command compare = new("compare", "Writes and linearizable reads, beside five etcd nodes (Debian package etcd-server)")
{
    seconds,
    warmUp,
    rounds,
    figures,
    alone,
};
compare.SetAction(
    (parsed, cancellationToken) =>
        EtcdComparison.RunAsync(
            new EtcdComparisonOptions(
                TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                TimeSpan.FromSeconds(parsed.GetValue(warmUp)),
                parsed.GetValue(rounds),
                parsed.GetValue(figures)!,
                !parsed.GetValue(alone)
            ),
            cancellationToken
        )
);

Option<int> kills = new("--kills") { Description = "Leaders to kill.", DefaultValueFactory = _ => 100 };
Option<int?> seed = new("--seed") { Description = "Seed of everything random; a new one for each run by default." };
Option<bool> leadersOnly = new("--leaders-only") { Description = "Kill only leaders." };
Command failover = new(
    "failover",
    "Kills leaders and others under load; checks that histories are linearizable and stock is conserved"
)
{
    kills,
    seed,
    leadersOnly,
};
failover.SetAction(
    (parsed, cancellationToken) =>
        Failover.RunAsync(
            parsed.GetValue(kills),
            parsed.GetValue(seed),
            Console.Out,
            cancellationToken,
            parsed.GetValue(leadersOnly)
        )
);

Option<long> writes = new("--writes") { Description = "Number of writes.", DefaultValueFactory = _ => 1_000_000 };
Command fill = new("fill", "Many writes; memory, descriptors, mappings and disk along the way") { writes };
fill.SetAction((parsed, cancellationToken) => FillBenchmark.RunAsync(parsed.GetValue(writes), cancellationToken));

Option<int> items = new("--items") { Description = "Items in the catalogue.", DefaultValueFactory = _ => 100_000 };
Command search = new("search", "Searches in a large catalogue") { items, seconds };
search.SetAction(
    (parsed, cancellationToken) =>
        SearchBenchmark.RunAsync(
            parsed.GetValue(items),
            TimeSpan.FromSeconds(parsed.GetValue(seconds)),
            cancellationToken
        )
);

return await new RootCommand("Measures the products database as the marketplace runs it: five replicas, Raft.")
{
    compare,
    failover,
    fill,
    search,
}
    .Parse(args)
    .InvokeAsync();
