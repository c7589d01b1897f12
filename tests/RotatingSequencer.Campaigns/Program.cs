using System.Diagnostics;
using RotatingSequencer.Campaigns;
using RotatingSequencer.Campaigns.Exhaustive;
using RotatingSequencer.Simulation;
using RotatingSequencer.Simulation.Pictures;

// --seeds N [--from N] [--parallel N]: runs many seeds.
// --seed N [--trace]: runs one.
// --lying, beside these: seeds of small groups whose disks lie often.
// --exhaustive [--members N] [--requests N] [--losses N] [--duplicates N] [--timers N] [--crashes N] [--reads N]
// [--lost-disks N] [--window N] [--journal] [--delays N] [--states N]: searches everything that can happen within these
// bounds; without bounds, the suite of the tests.
// --mutations [NAME...] [--seeds N]: builds each deliberate bug and shows what finds it.
// --pictures: makes the pictures and the page in docs/protocol anew.
if (args.Contains("--pictures"))
{
    DocumentFiles.Write(MutationRuns.Root);
    return 0;
}

if (args.Contains("--exhaustive"))
{
    return SearchAll();
}

if (args.Contains("--mutations"))
{
    return MutationRuns.Run(
        [.. args.Where((argument, i) => !argument.StartsWith('-') && (i == 0 || args[i - 1] != "--seeds"))],
        Option("--seeds") ?? 3_000,
        Console.Out
    )
        ? 0
        : 1;
}

var seeds = Option("--seeds") ?? 1_000;
var from = Option("--from") ?? 0;
var lying = args.Contains("--lying");
if (Option("--seed") is { } only)
{
    if (args.Contains("--trace"))
    {
        SimulationRuns.RunTraced(only, Console.Out, lying);
        return 0;
    }

    (from, seeds) = (only, 1);
}

var statistics = new Statistics();
var clock = Stopwatch.StartNew();
var (done, failed) = (0, 0);
Parallel.For(
    from,
    from + seeds,
    new ParallelOptions { MaxDegreeOfParallelism = Option("--parallel") ?? Environment.ProcessorCount },
    (seed, loop) =>
    {
        if (SimulationRuns.Run(seed, statistics, lying) is { } failure)
        {
            lock (statistics)
            {
                failed++;
                Console.WriteLine(failure);
                Console.WriteLine();
                if (failed >= 5)
                {
                    loop.Stop();
                }
            }
        }

        if (Interlocked.Increment(ref done) % Math.Max(seeds / 20, 1) == 0)
        {
            Console.Error.WriteLine(
                $"{done:N0} of {seeds:N0} seeds, {failed} failed, {clock.Elapsed.TotalSeconds:F0} s"
            );
        }
    }
);

Console.WriteLine($"{done:N0} seeds from {from}, {failed} failed, {clock.Elapsed.TotalSeconds:F1} s");
Console.Write(statistics);
return failed == 0 ? 0 : 1;

int SearchAll()
{
    var bounds = new SearchBounds
    {
        Members = Option("--members") ?? 3,
        Requests = Option("--requests") ?? 2,
        Losses = Option("--losses") ?? 0,
        Duplicates = Option("--duplicates") ?? 0,
        Timers = Option("--timers") ?? 0,
        Crashes = Option("--crashes") ?? 0,
        Reads = Option("--reads") ?? 0,
        LostDisks = Option("--lost-disks") ?? 0,
        Window = Option("--window") ?? 256,
        Journal = args.Contains("--journal"),
        Delays = Option("--delays"),
        MaxStates = Option("--states") ?? int.MaxValue,
    };
    var suite = args.All(argument =>
        !argument.StartsWith("--", StringComparison.Ordinal) || argument is "--exhaustive" or "--states"
    );
    foreach (var within in suite ? SearchBounds.Suite.Select(b => b with { MaxStates = bounds.MaxStates }) : [bounds])
    {
        var search = new StateSearch(within);
        var took = Stopwatch.StartNew();
        var failure = search.Run();
        Console.WriteLine($"{within}: {search}, {took.Elapsed.TotalSeconds:F1} s");
        if (failure is not null)
        {
            Console.WriteLine(failure);
            return 1;
        }
    }

    return 0;
}

int? Option(string name)
{
    var at = Array.IndexOf(args, name);
    return at < 0 || at + 1 >= args.Length
        ? null
        : int.Parse(args[at + 1], System.Globalization.CultureInfo.InvariantCulture);
}
