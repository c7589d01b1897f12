using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Evaluation.Tests;

public sealed class PatienceTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void It_is_over_once_looks_have_taken_longer_than_the_bound()
    {
        Patience patience = new(TimeSpan.FromSeconds(10), _time);
        for (var looks = 0; looks < 10; looks++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.False(patience.IsOver());
        }
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(patience.IsOver());
    }

    [Fact]
    public void A_machine_that_stands_still_does_not_use_it_up()
    {
        Patience patience = new(TimeSpan.FromSeconds(10), _time);
        _time.Advance(TimeSpan.FromMinutes(8));
        Assert.False(patience.IsOver());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(patience.IsOver());
        Assert.Equal(TimeSpan.FromSeconds(481), patience.Elapsed);
    }

    [Fact]
    public void Nor_does_it_wait_for_ever_where_every_look_is_slow()
    {
        Patience patience = new(TimeSpan.FromSeconds(10), _time);
        var looks = 1;
        for (; !patience.IsOver(); looks++)
        {
            _time.Advance(TimeSpan.FromMinutes(1));
        }
        Assert.True(looks <= 5, $"{looks} looks");
    }
}
