using Xunit;

namespace Agora.Replication.Tests;

public sealed class SharedRoundTests
{
    private readonly List<TaskCompletionSource<int>> _rounds = [];
    private readonly SharedRound<int> _shared;

    public SharedRoundTests() =>
        _shared = new SharedRound<int>(() =>
        {
            lock (_rounds)
            {
                _rounds.Add(new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously));
                return _rounds[^1].Task;
            }
        });

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_caller_does_not_join_the_round_that_is_running_but_the_next()
    {
        var first = _shared.JoinAsync(Cancelled);
        var second = _shared.JoinAsync(Cancelled);
        var third = _shared.JoinAsync(Cancelled);
        Assert.Single(_rounds);
        _rounds[0].SetResult(1);
        Assert.Equal(1, await first);
        await Group.EventuallyAsync(() => Task.FromResult(_rounds.Count == 2 ? true : (bool?)null));
        Assert.False(second.IsCompleted);
        _rounds[1].SetResult(2);
        Assert.Equal(2, await second);
        Assert.Equal(2, await third);
        Assert.Equal(2, _rounds.Count);
    }

    [Fact]
    public async Task A_round_that_fails_fails_its_callers_and_not_those_of_the_next()
    {
        var first = _shared.JoinAsync(Cancelled);
        var second = _shared.JoinAsync(Cancelled);
        _rounds[0].SetException(new ReplicaUnavailableException("gone"));
        await Assert.ThrowsAsync<ReplicaUnavailableException>(() => first);
        await Group.EventuallyAsync(() => Task.FromResult(_rounds.Count == 2 ? true : (bool?)null));
        _rounds[1].SetResult(2);
        Assert.Equal(2, await second);
    }

    [Fact]
    public async Task A_caller_that_gives_up_does_not_end_the_round_of_the_others()
    {
        using CancellationTokenSource givenUp = new();
        var first = _shared.JoinAsync(givenUp.Token);
        await givenUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        var second = _shared.JoinAsync(Cancelled);
        _rounds[0].SetResult(1);
        await Group.EventuallyAsync(() => Task.FromResult(_rounds.Count == 2 ? true : (bool?)null));
        _rounds[1].SetResult(2);
        Assert.Equal(2, await second);
    }
}
