using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Tests.Plays;

public sealed class PlayAddressTests
{
    [Fact]
    public void An_address_survives_the_way_through_a_query()
    {
        var address = new PlayAddress
        {
            Scenario = PlayAddress.SeedScenario,
            Seed = 7,
            Step = 12,
            Interventions =
            [
                new(InterventionKind.Lose, 17),
                new(InterventionKind.Kill, 2, 3_200),
                new(InterventionKind.Start, 2, 9_000),
            ],
            Message = 4,
            Member = 1,
        };

        var read = PlayAddress.Parse(QueryOf(address));

        Assert.Equal(
            "?scenario=seed&seed=7&step=12&act=lose.17,kill.2.3200,start.2.9000&message=4&member=1",
            read.ToQuery()
        );
        Assert.Equal(address.Interventions, read.Interventions);
        Assert.False(read.LeavesOut);
    }

    [Fact]
    public void Without_a_query_it_is_the_normal_case()
    {
        Assert.Equal(("normal", 0), (PlayAddress.Parse([]).Scenario, PlayAddress.Parse([]).Step));
    }

    [Theory]
    [InlineData("step", "-1")]
    [InlineData("step", "9999999999")]
    [InlineData("step", " 1")]
    [InlineData("seed", "1e3")]
    [InlineData("seed", "٣")]
    [InlineData("message", "0x1")]
    [InlineData("member", "<script>")]
    [InlineData("act", "lose")]
    [InlineData("act", "lose.")]
    [InlineData("act", "lose.-1")]
    [InlineData("act", "lose.1.2")]
    [InlineData("act", "lose.100000")]
    [InlineData("act", "kill.1")]
    [InlineData("act", "kill.1.60000001")]
    [InlineData("act", "kill.1.2.3")]
    [InlineData("act", "explode.1")]
    [InlineData("act", "LOSE.1")]
    public void What_cannot_be_read_is_left_out(string name, string value)
    {
        var address = PlayAddress.Parse([new(name, value)]);

        Assert.True(address.LeavesOut);
        Assert.Equal(new PlayAddress().ToQuery(), address.ToQuery());
    }

    [Theory]
    [InlineData("step", "")]
    [InlineData("act", "")]
    [InlineData("act", ",,")]
    [InlineData("colour", "red")]
    public void What_says_nothing_is_ignored(string name, string value)
    {
        Assert.False(PlayAddress.Parse([new(name, value)]).LeavesOut);
    }

    [Fact]
    public void Interventions_are_bounded()
    {
        var many = string.Join(',', Enumerable.Range(0, 60).Select(i => $"lose.{i}"));

        var address = PlayAddress.Parse([new("act", many), new("act", "lose.99")]);

        Assert.Equal(PlayAddress.MaxInterventions, address.Interventions.Count);
        Assert.True(address.LeavesOut);
        Assert.Null(address.With(new Intervention(InterventionKind.Lose, 100), step: 1));
        Assert.True(PlayAddress.Parse([new("act", new string('1', 10_000))]).LeavesOut);
    }

    [Fact]
    public void Another_act_on_the_same_message_replaces_the_first()
    {
        var address = new PlayAddress { Interventions = [new(InterventionKind.Lose, 3)] };

        var other = address.With(new Intervention(InterventionKind.Delay, 3), step: 2)!;

        Assert.Equal([new(InterventionKind.Delay, 3)], other.Interventions);
        Assert.Empty(other.Without(new(InterventionKind.Delay, 3)).Interventions);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("")]
    [InlineData("../../etc/passwd")]
    public void There_is_no_play_of_an_unknown_scenario(string name)
    {
        Assert.Null(Play.Of(new PlayAddress { Scenario = name }));
    }

    [Fact]
    public void Any_seed_and_any_step_can_be_asked_for()
    {
        var play = Play.Of(new PlayAddress { Scenario = "seed", Seed = int.MaxValue })!;

        Assert.Equal(play.Steps[^1], play.StepOf(new PlayAddress { Step = int.MaxValue }));
    }

    private static IEnumerable<KeyValuePair<string, string>> QueryOf(PlayAddress address) =>
        address.ToQuery()[1..].Split('&').Select(part => part.Split('=')).Select(p => KeyValuePair.Create(p[0], p[1]));
}
