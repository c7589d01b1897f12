using RotatingSequencer.Simulation;
using RotatingSequencer.Simulation.Pictures;
using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Tests.Plays;

public sealed class PlayTests
{
    public static TheoryData<string> Names => Played.Names;

    [Fact]
    public void The_same_address_gives_the_same_picture()
    {
        var address = PlayAddress.Parse([
            new("scenario", "seed"),
            new("seed", "42"),
            new("step", "9"),
            new("act", "lose.3,pause.0.900"),
        ]);

        Assert.Equal(Picture(address), Picture(PlayAddress.Parse(QueryOf(address))));
    }

    /// <summary>A recording only looks: every line of the trace is the same with it.</summary>
    [Fact]
    public void A_recording_changes_nothing()
    {
        var lines = 0;
        for (var seed = 0; seed < 30; seed++)
        {
            var (without, with) = (TraceOf(seed, isRecorded: false), TraceOf(seed, isRecorded: true));

            lines += with.Count;
            Assert.Equal(without.Take(with.Count), with);
        }

        Assert.True(lines > 2_000);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Whatever_message_is_lost_doubled_or_late_everything_is_delivered_everywhere(string name)
    {
        var told = Played.Told(name);
        var numbers = told.Recording.Moments[^1].Numbers;
        InterventionKind[] kinds = [InterventionKind.Lose, InterventionKind.Double, InterventionKind.Delay];
        foreach (var datagram in told.Datagrams().Where((_, i) => i % 3 == 0))
        {
            var intervention = new Intervention(kinds[datagram.Id / 3 % 3], datagram.Id);

            var play = Played.Told(name, intervention);

            Assert.True(play.Broken is null, $"{intervention}: {play.Broken}");
            var last = play.Recording.Moments[^1];
            Assert.All(last.States, state => Assert.Equal(numbers - 1, state.Delivered));
            Assert.Single(play.Deliveries().Distinct());
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Any_member_may_be_killed_and_restarted_at_any_step(string name)
    {
        var told = Played.Told(name);
        foreach (var step in told.Steps)
        {
            var member = step.Index % told.Members;
            Intervention[] both =
            [
                new(InterventionKind.Kill, member, step.ShownAt),
                new(InterventionKind.Start, member, step.ShownAt + 9_000),
            ];

            var play = Played.Told(name, both);

            Assert.True(play.Broken is null, $"{both[0]}: {play.Broken}");
            // A member that dies may take along a request that it had not yet sent, and none that was delivered.
            var states = play.Recording.Moments[^1].States;
            Assert.All(states, state => Assert.True(state.IsUp));
            Assert.Single(states.Select(state => state.Delivered).Distinct());
        }
    }

    [Fact]
    public void Up_to_an_intervention_the_play_is_the_same_and_its_step_shows_it()
    {
        var told = Played.Told("normal");
        foreach (var datagram in told.Datagrams())
        {
            var step = told.StepWithout(datagram.Id);

            var play = Played.Told("normal", new Intervention(InterventionKind.Lose, datagram.Id));

            Assert.False(play.IsTold);
            Assert.True(PlayViews.MessageOf(play, play.Steps[step], datagram.Id)!.IsLost);
            Assert.Null(PlayViews.MessageOf(play, play.Steps[step - 1], datagram.Id));
            Assert.Equal(
                told.Recording.Moments.Take(datagram.Moment.Index).Select(Print),
                play.Recording.Moments.Take(datagram.Moment.Index).Select(Print)
            );
        }
    }

    [Fact]
    public void A_member_that_is_killed_is_down_at_the_step_that_follows()
    {
        var told = Played.Told("normal");
        foreach (var step in told.Steps.SkipLast(1))
        {
            var after = told.StepAfter(step.ShownAt);

            var play = Played.Told("normal", new Intervention(InterventionKind.Kill, 2, step.ShownAt));

            Assert.False(PlayViews.MembersOf(play, play.Steps[after])[2].IsUp);
            Assert.True(PlayViews.MembersOf(play, play.Steps[after - 1])[2].IsUp);
        }
    }

    [Fact]
    public void A_member_without_a_journal_cannot_be_killed()
    {
        var seed = Enumerable.Range(0, 100).First(seed => !Played.Seed(seed).HasJournal);

        var play = Played.Seed(seed, new Intervention(InterventionKind.Kill, 0, 100));

        Assert.True(play.Refuses);
        Assert.Empty(play.Interventions);
        Assert.Null(play.Broken);
    }

    [Fact]
    public void A_member_that_does_not_exist_is_left_alone()
    {
        var play = Played.Told("normal", new Intervention(InterventionKind.Kill, 5, 100));

        Assert.True(play.Refuses);
        Assert.True(play.IsTold);
    }

    /// <summary>Bounds in what one request costs: moments, messages, and bytes of a picture.</summary>
    [Fact]
    public void Every_seed_ends_at_a_bound_and_no_picture_is_large()
    {
        var slowest = TimeSpan.Zero;
        for (var seed = 0; seed < 150; seed++)
        {
            var clock = System.Diagnostics.Stopwatch.StartNew();
            var play = Played.Seed(seed);
            var step = play.Steps[play.Steps.Count / 2];
            var picture = Diagram.Draw(play, step, new DiagramOptions { MaxHeight = 520, MessageLink = _ => "?" });
            slowest = seed > 5 && clock.Elapsed > slowest ? clock.Elapsed : slowest;

            Assert.Null(play.Broken);
            // A step that is under way at the bound is finished.
            Assert.InRange(play.Recording.Moments.Count, 0, 1_550);
            Assert.InRange(play.Recording.Datagrams.Count, 0, 5_200);
            Assert.InRange(picture.Length, 1_000, 600_000);
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"slowest {slowest.TotalMilliseconds:F1} ms");
    }

    [Fact]
    public void Steps_are_in_order_and_each_says_something()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var steps = Played.Seed(seed).Steps;

            for (var i = 1; i < steps.Count; i++)
            {
                Assert.True(steps[i].End > steps[i - 1].End);
                Assert.True(steps[i].ShownAt >= steps[i - 1].ShownAt);
                Assert.EndsWith(".", steps[i].Sentence, StringComparison.Ordinal);
            }
        }
    }

    private static string Picture(PlayAddress address)
    {
        var play = Play.Of(address)!;
        return Diagram.Draw(play, play.StepOf(address), new DiagramOptions());
    }

    private static IEnumerable<KeyValuePair<string, string>> QueryOf(PlayAddress address) =>
        address.ToQuery()[1..].Split('&').Select(part => part.Split('=')).Select(p => KeyValuePair.Create(p[0], p[1]));

    private static string Print(Moment moment) =>
        $"{moment.At} {moment.Member} {moment.Numbers} {string.Join(',', moment.Events)} "
        + string.Join(';', moment.Sent.Select(datagram => $"{datagram.To} {Sentences.Of(datagram)}"));

    private static List<string> TraceOf(int seed, bool isRecorded)
    {
        var trace = new Trace(int.MaxValue, null);
        var world = new World(seed, trace);
        if (isRecorded)
        {
            world.Recording = new Recording(world, maxMoments: 400, maxDatagrams: 4_000);
        }

        world.PlanStorm();
        world.RunUntil(Math.Min(world.Setup.Storm, 100_000));
        return [.. trace.Lines];
    }
}
