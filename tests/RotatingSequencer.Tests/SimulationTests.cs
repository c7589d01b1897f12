using System.Collections.Concurrent;
using RotatingSequencer.Simulation;

namespace RotatingSequencer.Tests;

/// <summary>Whole groups in virtual time, with every fault; more of them with <c>dotnet run --project tests/RotatingSequencer.Simulation</c>.</summary>
public sealed class SimulationTests
{
    private const int Seeds = 2_000;

    [Fact]
    public void Every_rule_holds_whatever_the_network_the_disks_and_crashes_do()
    {
        var statistics = new Statistics();
        var failures = new ConcurrentQueue<string>();

        Parallel.For(0, Seeds, new ParallelOptions { CancellationToken = TestContext.Current.CancellationToken }, (seed, loop) =>
        {
            if (Runs.Run(seed, statistics) is { } failure)
            {
                failures.Enqueue(failure);
                loop.Stop();
            }
        });

        Assert.True(failures.IsEmpty, failures.FirstOrDefault());
        Assert.Equal(Seeds, statistics.Runs);
        // The faults did occur.
        Assert.All(
            [
                statistics.Lost, statistics.LostAtFullBuffer, statistics.LostToCuts, statistics.Duplicated, statistics.Late, statistics.Replayed,
                statistics.Corrupted, statistics.Malformed, statistics.Halves, statistics.Pauses, statistics.Kills, statistics.PowerLosses,
                statistics.DeathsWithinStep, statistics.TornWrites, statistics.Checkpoints, statistics.PayloadsCut, statistics.Barriers,
                statistics.IgnoredBeyondWindow,
            ],
            count => Assert.True(count > 100));
    }

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        var (first, second) = (new StringWriter(), new StringWriter());

        Runs.RunTraced(7, first);
        Runs.RunTraced(7, second);

        Assert.Equal(first.ToString(), second.ToString());
    }
}
