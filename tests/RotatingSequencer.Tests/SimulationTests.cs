using System.Collections.Concurrent;
using RotatingSequencer.Campaigns;
using RotatingSequencer.Simulation;

namespace RotatingSequencer.Tests;

/// <summary>
/// Whole groups in virtual time, with every fault. For more of them, run <c>dotnet run --project
/// tests/RotatingSequencer.Campaigns</c>.
/// </summary>
public sealed class SimulationTests
{
    private const int Seeds = 2_000;
    private const int SeedsOfLyingDisks = 300;

    [Fact]
    public void Every_rule_holds_whatever_the_network_the_disks_and_crashes_do()
    {
        var statistics = RunAll(Seeds, lying: false);
        // The faults did occur.
        Assert.All(
            [
                statistics.Lost,
                statistics.LostAtFullBuffer,
                statistics.LostToCuts,
                statistics.Duplicated,
                statistics.Late,
                statistics.Replayed,
                statistics.Corrupted,
                statistics.Malformed,
                statistics.Halves,
                statistics.Pauses,
                statistics.Kills,
                statistics.PowerLosses,
                statistics.DeathsWithinStep,
                statistics.TornWrites,
                statistics.Checkpoints,
                statistics.PayloadsCut,
                statistics.Barriers,
                statistics.IgnoredBeyondWindow,
            ],
            count => Assert.True(count > 100)
        );
        Assert.All(
            [
                statistics.DisksLost,
                statistics.StatesLost,
                statistics.OlderCopies,
                statistics.OthersDisks,
                statistics.SecondProcesses,
                statistics.ProcessesReplaced,
            ],
            count => Assert.True(count > 20)
        );
    }

    /// <summary>"Disks that lie": lost, rolled back, copied, and copies used twice, many times in each run.</summary>
    [Fact]
    public void Every_rule_holds_in_small_groups_whose_disks_lie_often()
    {
        var statistics = RunAll(SeedsOfLyingDisks, lying: true);
        Assert.All(
            [
                statistics.DisksLost,
                statistics.StatesLost,
                statistics.OlderCopies,
                statistics.OthersDisks,
                statistics.JournalsCutShort,
                statistics.SecondProcesses,
                statistics.LossesNoticed,
                statistics.StatesCopied,
            ],
            count => Assert.True(count > 50)
        );
        Assert.True(statistics.ProcessesReplaced > 10);
    }

    /// <summary>What long campaigns have found.</summary>
    [Theory]
    [InlineData(4024)] // A member of an earlier epoch asks for what a later one has made void.
    public void A_seed_that_once_failed_passes(int seed) => Assert.Null(SimulationRuns.Run(seed, new Statistics()));

    /// <summary>The same, of small groups whose disks lie often.</summary>
    [Theory]
    [InlineData(2591)] // Two members lack what a third has dropped, since it had copied a state.
    [InlineData(126329)] // A replaced incarnation hears only one that it takes for a copy left behind.
    [InlineData(50537)] // A copy of a journal that was replaced comes back, from before its first epoch.
    [InlineData(8246)] // A coordinator that lost the end of its journal leads on from an epoch that it had left.
    [InlineData(10676)] // A read waits for a number that a new epoch has made void.
    [InlineData(17285)] // A promise holds up a group that takes itself for settled.
    [InlineData(1226)] // A coordinator with a new disk is refused by a member that has promised more than its epoch.
    public void A_seed_of_lying_disks_that_once_failed_passes(int seed) =>
        Assert.Null(SimulationRuns.Run(seed, new Statistics(), lying: true));

    [Theory]
    [InlineData(nameof(Defect.ClaimsTooMuch), "claims name only what would survive")]
    [InlineData(nameof(Defect.BelievesTooMuch), "rule 2(b)")]
    [InlineData(nameof(Defect.SaysSyncedTooEarly), "claims name only what would survive")]
    [InlineData(nameof(Defect.LosesSynced), "what is claimed survives")]
    [InlineData(nameof(Defect.AppliesTwice), "without gap or duplicate")]
    [InlineData(nameof(Defect.SkipsPayload), "without gap or duplicate")]
    [InlineData(nameof(Defect.AppliedTooEarly), "A Request of member")]
    [InlineData(nameof(Defect.AltersDatagrams), "one Request for each local number")]
    [InlineData(nameof(Defect.StaysCut), "without faults the group settles")]
    [InlineData(nameof(Defect.NeverSilent), "a settled group asks nothing")]
    public void The_observer_finds_every_deliberate_bug_around_the_core(string defect, string rule)
    {
        Assert.Contains(
            SimulationRuns.Find(Enum.Parse<Defect>(defect), seeds: 200),
            found => found.Contains(rule, StringComparison.Ordinal)
        );
    }

    /// <summary>Keeps the deliberate bugs, which <c>--mutations</c> builds and runs, up to date.</summary>
    [Fact]
    public void Every_deliberate_bug_still_fits_the_source()
    {
        var mutations = Mutation.All(MutationRuns.Root);

        Assert.True(mutations.Count >= 12);
        Assert.All(mutations, mutation => Assert.NotEmpty(mutation.Apply(MutationRuns.Root)));
        Assert.All(mutations, mutation => Assert.EndsWith(".", mutation.Description, StringComparison.Ordinal));
    }

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        var (first, second) = (new StringWriter(), new StringWriter());

        SimulationRuns.RunTraced(7, first);
        SimulationRuns.RunTraced(7, second);

        Assert.Equal(first.ToString(), second.ToString());
    }

    private static Statistics RunAll(int seeds, bool lying)
    {
        var statistics = new Statistics();
        var failures = new ConcurrentQueue<string>();
        Parallel.For(
            0,
            seeds,
            new ParallelOptions { CancellationToken = TestContext.Current.CancellationToken },
            (seed, loop) =>
            {
                if (SimulationRuns.Run(seed, statistics, lying) is { } failure)
                {
                    failures.Enqueue(failure);
                    loop.Stop();
                }
            }
        );
        Assert.True(failures.IsEmpty, failures.FirstOrDefault());
        Assert.Equal(seeds, statistics.Runs);
        return statistics;
    }
}
