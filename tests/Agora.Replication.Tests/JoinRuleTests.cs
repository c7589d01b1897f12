using Xunit;

namespace Agora.Replication.Tests;

/// <summary>The argument of <see cref="Raft.JoinProcedure"/>, tried on a model.</summary>
public sealed class JoinRuleTests
{
    private const int Steps = 800;

    [Theory]
    [InlineData(3, 4_000)]
    [InlineData(4, 4_000)]
    [InlineData(5, 10_000)]
    [InlineData(7, 4_000)]
    public void Whatever_members_lose_or_however_many_are_silent_no_term_has_two_leaders_and_nothing_committed_changes(
        int members,
        int runs
    )
    {
        var joins = 0;
        for (var seed = 0; seed < runs; seed++)
        {
            JoinRuleModel model = new(members, JoinRule.BehindAnEntryOfItsOwn, new Random(seed));
            var fault = model.Run(Steps);
            Assert.True(fault is null, $"seed {seed}: {fault}");
            joins += model.Done.Joins;
        }

        Assert.True(joins > runs / 10, $"only {joins} members joined in {runs} runs: the model shows nothing");
    }

    [Fact]
    public void The_model_finds_what_a_weaker_rule_allows()
    {
        // Seeds among which one does. It takes a candidate that is forgotten for long, with the vote of a member that
        // was wiped since, and an entry that this member helped to commit.
        var isFound = Enumerable
            .Range(7_000, 2_000)
            .Any(seed => new JoinRuleModel(5, JoinRule.BehindWhatWasThere, new Random(seed)).Run(Steps) is not null);
        Assert.True(isFound);
    }
}
