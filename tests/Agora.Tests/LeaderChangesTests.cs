using Agora.Cluster;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class LeaderChangesTests
{
    private readonly LeaderChanges _changes = new();

    [Fact]
    public void Another_leader_is_a_change_and_the_same_one_is_none()
    {
        Assert.Equal(
            ["products: products/1 leads, term 7"],
            See((0, "follower", 7, 1), (1, "leader", 7, 1), (2, "follower", 7, 1))
        );
        Assert.Empty(See((0, "follower", 7, 1), (1, "leader", 7, 1), (2, "follower", 7, 1)));
        Assert.Equal(
            ["products: products/2 leads, term 8 (before: products/1, term 7)"],
            See((0, "follower", 8, 2), (2, "leader", 8, 2))
        );
    }

    [Fact]
    public void Of_two_leaders_the_one_with_the_higher_term_leads()
    {
        Assert.Equal(
            ["products: products/2 leads, term 8"],
            See((0, "follower", 8, 2), (1, "leader", 7, 1), (2, "leader", 8, 2))
        );

        // The answer of one that does not know yet that it was replaced.
        Assert.Empty(See((1, "leader", 7, 1)));
    }

    [Fact]
    public void That_there_is_none_is_said_only_if_a_majority_knows_none()
    {
        See((0, "follower", 7, 1), (1, "leader", 7, 1), (2, "follower", 7, 1));

        Assert.Empty(See((0, "follower", 7, 1), (2, "follower", 7, 1)));
        Assert.Empty(See((0, "candidate", 8, null)));
        Assert.Equal(
            ["products: no leader (before: products/1, term 7)"],
            See((0, "candidate", 8, null), (2, "candidate", 8, null))
        );
        Assert.Empty(See((0, "candidate", 9, null), (2, "candidate", 9, null)));
        Assert.Equal(["products: products/0 leads, term 9"], See((0, "leader", 9, 0), (2, "follower", 9, 0)));
    }

    // Three replicas; those that are not named do not answer.
    private IReadOnlyList<string> See(params (int Replica, string Role, long Term, int? Leader)[] answers) =>
        _changes.See(
            new ClusterStatus(
                true,
                [
                    .. Enumerable
                        .Range(0, 3)
                        .Select(replica =>
                        {
                            var answer = answers.FirstOrDefault(a => a.Replica == replica && a.Role is not null);
                            return new ProcessStatus(
                                FormattableString.Invariant($"products/{replica}"),
                                Components.Products,
                                replica,
                                1,
                                ProcessState.Running,
                                0,
                                answer.Role,
                                1,
                                0,
                                1,
                                new Dictionary<string, string>(),
                                Database: answer.Role is null
                                    ? null
                                    : new DatabaseStatus("raft", true, answer.Leader, answer.Term, 1, 1, 0, 0, 0, [])
                            );
                        }),
                ]
            )
        );
}
