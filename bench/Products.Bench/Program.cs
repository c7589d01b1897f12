using System.CommandLine;
using System.Globalization;
using Products.Bench;

// What is measured are processes of their own, as in real use: this program's replicas, and etcd's.
if (args is ["replica", var number, var clusterFile, var directory])
{
    return await ProductsGroup.RunReplicaAsync(int.Parse(number, CultureInfo.InvariantCulture), clusterFile, directory);
}

Option<double> seconds = new("--seconds") { Description = "Length of each measurement.", DefaultValueFactory = _ => 3 };
Option<double> warmUp = new("--warm-up") { Description = "Seconds before each measurement.", DefaultValueFactory = _ => 1 };
Option<int> rounds = new("--rounds") { Description = "How often each figure is measured.", DefaultValueFactory = _ => 5 };
Option<string> figures = new("--figures") { Description = "Writes (w) and reads (r) with so many callers.", DefaultValueFactory = _ => "w1,w10,w100,r1,r10,r100" };
Option<bool> alone = new("--alone") { Description = "Without etcd." };
Command compare = new("compare", "Writes and linearizable reads, beside five etcd nodes (Debian package etcd-server)") { seconds, warmUp, rounds, figures, alone };
compare.SetAction((parsed, cancellation) => Compare.RunAsync(
    new Comparison(TimeSpan.FromSeconds(parsed.GetValue(seconds)), TimeSpan.FromSeconds(parsed.GetValue(warmUp)), parsed.GetValue(rounds),
        parsed.GetValue(figures)!, !parsed.GetValue(alone)), cancellation));

Option<int> kills = new("--kills") { Description = "Leaders to kill.", DefaultValueFactory = _ => 100 };
Option<int?> seed = new("--seed") { Description = "What is drawn at random; another one each time unless given." };
Option<bool> leadersOnly = new("--leaders-only") { Description = "Kill nothing but leaders." };
Command failover = new("failover", "Kills leaders and others under load; checks that histories are linearizable and stock is conserved") { kills, seed, leadersOnly };
failover.SetAction((parsed, cancellation) =>
    Failover.RunAsync(parsed.GetValue(kills), parsed.GetValue(seed), Console.Out, cancellation, parsed.GetValue(leadersOnly)));

Option<long> writes = new("--writes") { Description = "How many.", DefaultValueFactory = _ => 1_000_000 };
Command fill = new("fill", "Many writes; memory, descriptors, mappings and disk along the way") { writes };
fill.SetAction((parsed, cancellation) => Fill.RunAsync(parsed.GetValue(writes), cancellation));

Option<int> items = new("--items") { Description = "Size of the catalogue.", DefaultValueFactory = _ => 100_000 };
Command search = new("search", "Searches in a large catalogue") { items, seconds };
search.SetAction((parsed, cancellation) => Search.RunAsync(parsed.GetValue(items), TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellation));

return await new RootCommand("Measures the products database as the marketplace runs it: five replicas, Raft.") { compare, failover, fill, search }.Parse(args).InvokeAsync();
