using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class RestartPauseTests
{
    private static readonly TimeSpan s_short = TimeSpan.FromSeconds(1);

    [Fact]
    public void It_doubles_with_each_death_up_to_its_bound()
    {
        RestartPause pause = new();

        TimeSpan[] pauses = [.. Enumerable.Range(0, 12).Select(_ => pause.After(s_short))];

        Assert.Equal(RestartPause.Min, pauses[0]);
        Assert.Equal(RestartPause.Min * 2, pauses[1]);
        Assert.Equal(RestartPause.Min * 4, pauses[2]);
        Assert.Equal(RestartPause.Max, pauses[^1]);
        Assert.Equal(pauses.Order(), pauses);
    }

    [Fact]
    public void It_is_short_again_after_a_stable_while()
    {
        RestartPause pause = new();
        for (var i = 0; i < 12; i++)
        {
            pause.After(s_short);
        }

        Assert.Equal(RestartPause.Min, pause.After(RestartPause.StableAfter));
        Assert.Equal(RestartPause.Min * 2, pause.After(s_short));
    }

    [Fact]
    public void It_is_short_again_after_a_start_by_hand()
    {
        RestartPause pause = new();
        pause.After(s_short);
        pause.After(s_short);

        pause.Reset();

        Assert.Equal(RestartPause.Min, pause.After(s_short));
    }
}
