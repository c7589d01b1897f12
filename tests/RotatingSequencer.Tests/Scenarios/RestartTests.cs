using System.Buffers;
using RotatingSequencer.Journal;
using RotatingSequencer.Simulation;
using static RotatingSequencer.Tests.Scenarios.PuppetMessages;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>
/// "A member keeps a journal on disk of what it holds: it never claims in metadata, nor sends as its own Request or
/// Sequence, what is not on disk, so a member killed at any instant and started again goes on as if it had only been
/// slow."
/// </summary>
public sealed class RestartTests
{
    [Fact]
    public void An_own_Request_is_sent_when_it_is_on_disk()
    {
        var script = new Script(3, journal: true);
        script.Submit(1, "x");
        Assert.Empty(script.Act(1));

        script.Sync(1);

        Assert.Equal(["all: Request ⟨1,0⟩ 2 B"], script.Act(1));
    }

    [Fact]
    public void An_own_Sequence_is_sent_when_it_is_on_disk()
    {
        var script = new Script(3, journal: true);
        script.Send(2, to: 0, Request(2, 0));
        Assert.Empty(script.Act(0));

        script.Sync(0);

        Assert.Equal(["all: Sequence 0 = ⟨2,0⟩"], script.Act(0));
    }

    [Fact]
    public void What_is_recorded_while_a_sync_is_under_way_waits_for_the_next()
    {
        var script = new Script(3, journal: true);
        script.Submit(1, "x");
        script.Act(1);
        script[1].BeginSync();
        script.Submit(1, "y");
        Assert.Empty(script.Act(1));
        Assert.False(script[1].WantsSync);

        script[1].SyncCompleted();
        Assert.Equal(["all: Request ⟨1,0⟩ 2 B"], script.Act(1));
        script.Sync(1);

        Assert.Equal(["all: Request ⟨1,1⟩ 2 B"], script.Act(1));
    }

    [Fact]
    public void Claims_name_only_what_is_on_disk()
    {
        var script = new Script(3, journal: true);
        script.Send(0, to: 1, Request(0, 0), Sequence(0, 0, 0), Asks());
        script.Act(1);
        Assert.Equal(["holds -1, sequences -1, locals -1 -1 -1"], script.ClaimsSent(1));

        script.Sync(1);
        script.Act(1);

        Assert.Equal(["holds 0, sequences 0, locals 0 -1 -1"], script.ClaimsSent(1));
    }

    [Fact]
    public void Only_what_is_on_disk_here_is_delivered_here()
    {
        var script = new Script(3, journal: true);
        script.Send(0, to: 1, Holds(0, 0, -1, -1), Request(0, 0), Sequence(0, 0, 0));
        script.Send(2, to: 1, Holds(0, 0, -1, -1));
        script.Act(1);
        Assert.Empty(script.Delivered(1));

        script.Sync(1);
        script.Act(1);

        Assert.Equal(["0 = ⟨0,0⟩"], script.Delivered(1));
    }

    [Fact]
    public void A_member_that_comes_back_goes_on_with_its_next_local_number()
    {
        var script = new Script(3, journal: true);
        script.Submit(1, "x");
        script.Act(1);
        script.Sync(1);
        script.Restart(1, JournalOf(1, state => state.Requests.Add((new(1, 0), [6, 120]))));

        script.Submit(1, "y");
        script.Act(1);
        script.Sync(1);

        Assert.Contains("all: Request ⟨1,1⟩ 2 B", script.Act(1));
    }

    [Fact]
    public void What_it_had_written_but_not_sent_the_others_see_from_its_claims()
    {
        var script = new Script(3, journal: true);
        script.Restart(1, JournalOf(1, state => state.Requests.Add((new(1, 0), [6, 120]))));
        script.Act(1);
        script.Pass(1, 2);
        script.Act(2);
        script.Wait(300);

        Assert.Equal(["1: Retransmit asks: Request 1/0"], script.Act(2));
        script.Pass(2, 1);

        Assert.Contains("2: Request ⟨1,0⟩ 2 B", script.Act(1));
    }

    [Fact]
    public void It_delivers_again_from_where_the_application_had_made_its_state_durable()
    {
        var script = new Script(3, journal: true);
        script.Restart(
            1,
            JournalOf(
                1,
                state =>
                {
                    state.Requests.AddRange([(new(0, 0), [2]), (new(0, 1), [2])]);
                    state.Sequences.AddRange([(0, new(0, 0)), (1, new(0, 1))]);
                }
            )
        );
        script.Act(1);
        Assert.Empty(script.Delivered(1));

        script.Send(0, to: 1, Holds(1, 1, -1, -1));
        script.Act(1);

        Assert.Equal(["0 = ⟨0,0⟩", "1 = ⟨0,1⟩"], script.Delivered(1));
    }

    [Fact]
    public void A_checkpoint_holds_the_applications_position_and_what_is_not_dropped()
    {
        var script = new Script(3, journal: true);
        script.Send(0, to: 1, Holds(0, 1, -1, -1), Request(0, 0), Request(0, 1), Sequence(0, 0, 0));
        script.Act(1);
        script.Sync(1);
        Assert.Equal(["all: Sequence 1 = ⟨0,1⟩"], script.Act(1));
        script.Send(2, to: 1, Request(2, 0), Holds(0, 0, -1, 0));
        script.Act(1);
        script.Apply(1);
        script.Act(1);
        var journal = new ArrayBufferWriter<byte>();

        script[1]
            .BeginCheckpoint(
                journal,
                position: 0,
                [
                    [],
                    [],
                    [7, 7],
                ]
            );

        var state = JournalFormat.Read(journal.WrittenSpan, out _)!;
        Assert.Equal((0, 0, 0), (state.Dropped, state.Applied, state.Position));
        Assert.Equal([0, -1, -1], state.DroppedLocals);
        Assert.Equal([new(0, 1), new(2, 0)], state.Requests.Select(r => r.Id));
        Assert.Equal([(1, new(0, 1))], state.Sequences);
        Assert.Equal(
            [
                [],
                [],
                [7, 7],
            ],
            state.Partial
        );
        Assert.Equal(World.FormedIncarnation(1), state.Incarnation);
        Assert.Equal(World.FormedEpoch(3).Incarnations, state.Epoch.Incarnations);
        Assert.True(state.Operated);
    }

    [Fact]
    public void An_application_that_is_ahead_of_the_journal_is_refused()
    {
        JournalState state = new(1, 3, World.FormedEpoch(3)) { Applied = 0, Incarnation = World.FormedIncarnation(1) };

        Assert.Throws<JournalLostException>(() => new Script(3, journal: true).Restart(1, state));
    }

    private static JournalState JournalOf(int member, Action<JournalState> hold)
    {
        var state = Script.Formed(member, 3);
        hold(state);
        return state;
    }
}
