using RotatingSequencer.Processes;

namespace RotatingSequencer.Tests;

/// <summary>
/// Real members, each a process, whose datagrams pass a faulty network; they are killed with −9 under load. For longer
/// campaigns, run <c>dotnet run -c Release --project tests/RotatingSequencer.Processes -- --seconds N</c>.
/// </summary>
[Collection(nameof(Alone))]
public sealed class ProcessTests
{
    private const int Seed = 1;

    [Fact]
    public async Task Whatever_the_network_and_kill_9_do_all_histories_are_equal_and_hold_once_what_was_acknowledged()
    {
        var lines = new List<string>();
        var result = await Campaign.RunAsync(
            new CampaignOptions(Seed, TimeSpan.FromSeconds(20)) { Log = lines.Add },
            TestContext.Current.CancellationToken
        );

        Assert.True(result.Problem is null, $"seed {Seed}: {result.Problem}\n{string.Join('\n', lines)}\n{result}");
        // The faults did occur, and the group worked in between.
        Assert.All(Enum.GetValues<CampaignFault>(), kind => Assert.True(result.Faults.GetValueOrDefault(kind) > 0));
        Assert.All(
            [
                result.Network.Lost,
                result.Network.Doubled,
                result.Network.HeldBack,
                result.Network.CutOff,
                result.Acknowledged,
            ],
            count => Assert.True(count > 50)
        );
    }

    [Fact]
    public async Task A_member_that_forgets_when_it_is_killed_is_found()
    {
        var result = await Campaign.RunAsync(
            new CampaignOptions(Seed, TimeSpan.FromSeconds(20)) { Journal = false },
            TestContext.Current.CancellationToken
        );

        Assert.Contains("without a journal", result.Problem, StringComparison.Ordinal);
    }

    /// <summary>Beside tests that use all processors, the members would hardly run between two faults.</summary>
    [CollectionDefinition(nameof(Alone), DisableParallelization = true)]
    public sealed class Alone;
}
