using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Evaluation.Tests;

public sealed class PollDeadlineTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void It_passes_once_polls_have_taken_longer_than_the_bound()
    {
        PollDeadline deadline = new(TimeSpan.FromSeconds(10), _time);
        for (var polls = 0; polls < 10; polls++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.False(deadline.HasPassed());
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(deadline.HasPassed());
    }

    [Fact]
    public void A_machine_that_stands_still_uses_little_of_it()
    {
        PollDeadline deadline = new(TimeSpan.FromSeconds(10), _time);
        _time.Advance(TimeSpan.FromMinutes(8));
        Assert.False(deadline.HasPassed());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(deadline.HasPassed());
        Assert.Equal(TimeSpan.FromSeconds(481), deadline.Elapsed);
    }

    [Fact]
    public void It_passes_also_where_every_poll_is_slow()
    {
        PollDeadline deadline = new(TimeSpan.FromSeconds(10), _time);
        var polls = 1;
        for (; !deadline.HasPassed(); polls++)
        {
            _time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.True(polls <= 5, $"{polls} polls");
    }
}
