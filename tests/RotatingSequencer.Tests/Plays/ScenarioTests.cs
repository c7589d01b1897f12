using RotatingSequencer.Simulation;
using RotatingSequencer.Simulation.Plays;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Tests.Plays;

/// <summary>What the told scenarios say is what happens in them.</summary>
public sealed class ScenarioTests
{
    public static TheoryData<string> Names => Played.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_told_step_ends_with_what_it_tells(string name)
    {
        var play = Played.Told(name);
        var told = play.Scenario.Told;

        Assert.True(play.IsTold);
        Assert.Null(play.Broken);
        Assert.InRange(told.Count, 5, 10);
        Assert.Equal(told.Count + 1, play.Steps.Count);
        for (var i = 0; i < told.Count; i++)
        {
            var step = play.Steps[i + 1];
            Assert.True(told[i].Ends(play.MomentOf(step)), $"step {i + 1} never ends: {step.Sentence}");
            Assert.True(step.End > play.Steps[i].End, $"step {i + 1} has ended before it begins: {step.Sentence}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_told_scenario_begins_silent_and_ends_with_everything_dropped(string name)
    {
        var play = Played.Told(name);
        var last = play.MomentOf(play.Steps[^1]);

        Assert.Equal(2 * play.Members, play.Recording.First.Numbers);
        Assert.All(
            play.Recording.First.States,
            state => Assert.Equal((9, 9, 9, 9), (state.Held, state.Stable, state.Delivered, state.Dropped))
        );
        Assert.All(last.States, state => Assert.Equal(last.Numbers - 1, state.Dropped));
        Assert.Single(play.Deliveries().Distinct());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Nothing_moves_in_a_told_scenario_that_its_story_does_not_need(string name)
    {
        // Neither heartbeats nor measurements, which would only confuse.
        var play = Played.Told(name);

        Assert.DoesNotContain(
            play.Datagrams(),
            datagram => name != "read" && datagram.IsToAll && datagram.Messages.Any(message => message.Asks)
        );
    }

    [Fact]
    public void Three_requests_get_three_numbers_from_three_members()
    {
        var play = Played.Told("normal");

        Assert.Equal([(10L, 0), (11, 1), (12, 2)], Assigned(play));
        Assert.Equal("10=⟨3,2⟩ 11=⟨4,2⟩ 12=⟨1,2⟩", play.Deliveries()[0]);
        Assert.DoesNotContain(play.Datagrams(), datagram => datagram.IsLost);
        Assert.DoesNotContain(play.Datagrams(), datagram => datagram.Messages.Any(message => message.IsAgain));
    }

    [Fact]
    public void With_idle_knowledge_the_submitter_delivers_first()
    {
        var play = Played.Told("idle");

        var first = play.First(moment => moment.Delivered.Count > 0);
        Assert.Equal(3, first.Member);
        // Nothing repeats, and nothing is asked: claims alone are enough.
        Assert.DoesNotContain(
            play.Datagrams(),
            datagram => datagram.Messages.Any(message => message.Kind == MessageKind.Retransmit || message.IsAgain)
        );
    }

    [Fact]
    public void One_Request_is_lost_and_its_sender_repeats_it_to_the_asker_alone()
    {
        var play = Played.Told("lost-request");

        var lost = Assert.Single(play.Datagrams(), datagram => datagram.IsLost);
        Assert.Equal((3, 2), (lost.From, lost.To));
        Assert.Equal(new RequestId(3, 2), Assert.Single(lost.Messages).Id);
        var question = Assert.Single(play.Datagrams(), NamesMissing(MissingRequest(3, 2)));
        Assert.Equal((2, 3), (question.From, question.To));
        var answer = Assert.Single(play.Datagrams(), datagram => datagram.Messages.Any(m => m.IsAgain));
        Assert.Equal((3, 2, false), (answer.From, answer.To, answer.IsToAll));
        Assert.Equal(2, play.Recording.Moments.Last(moment => moment.Delivered.Count > 0).Member);
    }

    [Fact]
    public void One_Sequence_is_lost_and_its_owner_repeats_it_to_the_asker_alone()
    {
        var play = Played.Told("lost-sequence");

        var lost = Assert.Single(play.Datagrams(), datagram => datagram.IsLost);
        Assert.Equal((0, 2), (lost.From, lost.To));
        Assert.Equal(10, Assert.Single(lost.Messages).Number);
        var question = Assert.Single(play.Datagrams(), NamesMissing(new MissingRange(MissingRange.Sequences, 10, 1)));
        Assert.Equal((2, 0), (question.From, question.To));
        var answer = Assert.Single(play.Datagrams(), datagram => datagram.Messages.Any(m => m.IsAgain));
        Assert.Equal((0, 2, false), (answer.From, answer.To, answer.IsToAll));
        Assert.Equal(10, Assert.Single(answer.Messages, m => m.IsSequence).Number);
    }

    [Fact]
    public void A_lost_tail_is_repeated_unasked_to_the_next_sequencer_first()
    {
        var play = Played.Told("tail-loss");

        Assert.Equal([0, 1, 2, 4], play.Datagrams().Where(datagram => datagram.IsLost).Select(d => d.To).Order());
        var again = play.Datagrams().First(datagram => datagram.Messages.Any(message => message.IsAgain));
        Assert.Equal((3, 0), (again.From, again.To));
        // Nobody had asked for it before.
        Assert.DoesNotContain(
            play.Datagrams().TakeWhile(datagram => datagram != again),
            datagram => datagram.Messages.Any(message => message.NamesMissing)
        );
    }

    [Fact]
    public void A_slow_member_holds_up_its_own_number_only()
    {
        var play = Played.Told("slow");

        var goesOn = play.First(moment => moment.Events.Contains(MemberEvent.GoesOn));
        Assert.Equal([9L, 11, 11, 11, 11], goesOn.States.Select(state => state.Delivered).Order());
        Assert.Equal(12, goesOn.Numbers);
        Assert.All(goesOn.States.Where((_, member) => member != 2), state => Assert.NotEmpty(state.Waiting));
        Assert.Equal([(10L, 0), (11, 1), (12, 2)], Assigned(play));
    }

    [Fact]
    public void A_member_that_was_killed_comes_back_with_all_that_it_claimed()
    {
        var play = Played.Told("crash");

        var dies = play.First(moment => moment.Events.Contains(MemberEvent.Dies));
        var starts = play.First(moment => moment.Events.Contains(MemberEvent.Starts));
        Assert.Equal((1, 1), (dies.Member, starts.Member));
        // What had reached it was not on its disk yet, and so not claimed: it asks for it again.
        Assert.Empty(starts.States[1].Waiting);
        Assert.Contains(
            play.Datagrams(),
            datagram => datagram.From == 1 && datagram.Messages.Any(m => m.Missing.Contains(MissingRequest(3, 2)))
        );
        Assert.All(
            play.Datagrams().Where(datagram => datagram.From == 1 && datagram.Moment.Index < dies.Index),
            datagram => Assert.True(datagram.Held <= starts.States[1].Held)
        );
        Assert.Equal(dies.States[1].Held, starts.States[1].Held);
        Assert.Equal(11, starts.Numbers);
        Assert.Equal([(10L, 0), (11, 1)], Assigned(play));
        Assert.Contains(play.Datagrams(), datagram => datagram is { To: 1, IsMissed: true });
    }

    [Fact]
    public void A_read_waits_for_what_was_delivered_elsewhere_before_it_began()
    {
        var play = Played.Told("read");

        var begins = play.First(moment => moment.Events.Contains(MemberEvent.BeginsToRead));
        var ends = play.First(moment => moment.Events.Contains(MemberEvent.Reads));
        Assert.Equal((4, 4), (begins.Member, ends.Member));
        Assert.Equal(10, begins.States[3].Delivered);
        Assert.Equal(9, begins.States[4].Delivered);
        Assert.Equal(10, ends.States[4].Delivered);
        var lost = Assert.Single(play.Datagrams(), datagram => datagram.IsLost);
        Assert.Equal((0, 4), (lost.From, lost.To));
    }

    /// <summary>Each number, and which member assigned it.</summary>
    private static List<(long Number, int Member)> Assigned(Play play) =>
        [
            .. play.Datagrams()
                .SelectMany(datagram => datagram.Messages.Select(message => (message, datagram.From)))
                .Where(sent => sent.message is { IsSequence: true, IsAgain: false })
                .Select(sent => (sent.message.Number, sent.From))
                .Distinct(),
        ];

    private static MissingRange MissingRequest(int sender, long local) => new(sender, local, 1);

    private static Predicate<SentDatagram> NamesMissing(MissingRange range) =>
        datagram => datagram.Messages.Any(message => message.Missing.Contains(range));
}
