using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class ReplicaClockTests
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _system = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly ShiftedTime _time;
    private long? _stateTime;

    public ReplicaClockTests() => _time = new ShiftedTime(_system);

    [Fact]
    public void A_replica_alone_takes_commands() => Assert.Equal(_time.Now, Clock(0).Stamp());

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 2)]
    public void A_replica_takes_commands_once_a_majority_including_itself_has_compared(int others, int needed)
    {
        var clock = Clock(others);
        for (var i = 0; i < needed; i++)
        {
            Assert.Throws<ReplicaUnavailableException>(() => clock.Stamp());
            Assert.False(clock.IsWrong);
            clock.Compare(i, _time.Now, _time.Now);
        }

        Assert.Equal(_time.Now, clock.Stamp());
    }

    [Theory]
    [InlineData(30, false)]
    [InlineData(31, true)]
    [InlineData(-30, false)]
    [InlineData(-31, true)]
    [InlineData(3600, true)]
    public void A_clock_further_than_the_bound_from_the_others_is_wrong(int secondsAhead, bool isWrong)
    {
        var clock = Compared(secondsAhead, secondsAhead, secondsAhead, secondsAhead);
        Assert.Equal(isWrong, clock.IsWrong);
        Assert.Equal(isWrong, clock.Problem is not null);
    }

    /// <summary>The right replicas see one that is far from them, and go on.</summary>
    [Theory]
    [InlineData(3600, 0, 0, 0)]
    [InlineData(3600, -3600, 0, 0)]
    [InlineData(3600, 0)]
    public void Others_that_are_wrong_do_not_stop_a_right_replica(params int[] secondsAhead) =>
        Assert.Null(Compared(secondsAhead).Problem);

    [Fact]
    public void It_says_how_wrong_it_is() =>
        Assert.Contains(
            "3600 s behind 3 of 4 other replicas",
            Compared(-3600, -3600, 0, -3600).Problem,
            StringComparison.Ordinal
        );

    /// <summary>A clock that runs too fast takes the state's time along with it.</summary>
    [Fact]
    public void A_clock_that_most_others_contradict_is_wrong_though_the_states_time_agrees_with_it()
    {
        _stateTime = _time.Now;
        Assert.True(Compared(3600, 3600, 0, 3600).IsWrong);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(3600, true)]
    public void Between_two_clocks_the_states_time_decides(int secondsAheadOfState, bool isWrong)
    {
        _stateTime = _time.Now - (secondsAheadOfState * 1000);
        Assert.Equal(isWrong, Compared(3600).IsWrong);
    }

    /// <summary>Another answer will say which of the two is wrong.</summary>
    [Fact]
    public void A_tie_among_the_first_answers_is_no_verdict()
    {
        var clock = Clock(2);
        clock.Compare(0, _time.Now - 3_600_000, _time.Now);
        Assert.NotNull(clock.Problem);
        Assert.False(clock.IsWrong);
        clock.Compare(1, _time.Now, _time.Now);
        Assert.Null(clock.Problem);
    }

    [Fact]
    public void A_jump_shows_at_once_without_another_comparison_and_so_does_its_end()
    {
        var clock = Compared(0, 0);
        _system.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(_time.Now, clock.Stamp());
        _time.Shift = TimeSpan.FromHours(1);
        Assert.Throws<ReplicaUnavailableException>(() => clock.Stamp());
        _time.Shift = TimeSpan.Zero;
        Assert.Equal(_time.Now, clock.Stamp());
    }

    [Fact]
    public void What_was_compared_long_ago_no_longer_counts()
    {
        var clock = Compared(3600, 3600);
        _system.Advance(TimeSpan.FromMinutes(11));
        Assert.False(clock.IsWrong);
        Assert.NotNull(clock.Problem);
    }

    private ReplicaClock Clock(int others) => new(_time, () => _stateTime ?? 0, others, s_bound);

    private ReplicaClock Compared(params int[] secondsAhead)
    {
        var clock = Clock(secondsAhead.Length);
        foreach (var (i, seconds) in secondsAhead.Index())
        {
            clock.Compare(i, _time.Now - (seconds * 1000), _time.Now);
        }

        return clock;
    }
}
