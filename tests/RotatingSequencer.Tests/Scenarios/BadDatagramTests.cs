using System.Buffers.Binary;
using static RotatingSequencer.Tests.Scenarios.PuppetMessages;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>
/// "Truncated, oversized, random, from another group, of another version, from a member id that does not match:
/// counted, dropped, never an exception." These have a good seal: others never get here.
/// </summary>
public sealed class BadDatagramTests
{
    [Theory]
    [InlineData(0, "magic")]
    [InlineData(1, "magic")]
    [InlineData(2, "version")]
    [InlineData(3, "sender")]
    public void Another_beginning_is_counted_and_dropped(int at, string what)
    {
        var script = new Script(3);
        var datagram = script.Datagrams(0, 1, Request(0, 0))[0];
        datagram[at] = (byte)(what == "sender" ? 3 : 99);
        var malformed = script[1].Counters.Malformed;

        script[1].Receive(datagram, script.Now);

        Assert.Equal(malformed + 1, script[1].Counters.Malformed);
        Assert.Equal(0, script[1].Counters.Requests);
    }

    [Fact]
    public void A_datagram_that_names_the_member_itself_as_its_sender_is_counted_and_dropped()
    {
        var script = new Script(3);

        script[1].Receive(script.Datagrams(1, 1, Request(1, 0))[0], script.Now);

        Assert.Equal(1, script[1].Counters.Malformed);
    }

    [Fact]
    public void A_datagram_that_ends_early_is_believed_up_to_there()
    {
        var script = new Script(3);
        var datagram = script.Datagrams(0, 1, Request(0, 0), Request(0, 1, "longer"))[0];

        script[1].Receive(datagram.AsSpan(..^1), script.Now);

        Assert.Equal(1, script[1].Counters.Malformed);
        Assert.Equal(1, script[1].Counters.Requests);
    }

    [Fact]
    public void Another_life_of_a_member_is_not_listened_to()
    {
        var script = new Script(3);
        var datagram = script.Datagrams(0, 1, Request(0, 0), Sequence(0, 0, 0), Holds(0, 0, -1, -1))[0];
        BinaryPrimitives.WriteInt64LittleEndian(datagram.AsSpan(4), 42);

        script[1].Receive(datagram, script.Now);
        script.Act(1);

        Assert.Equal(1, script[1].Counters.OtherLife);
        Assert.Equal(0, script[1].Counters.Requests);
        Assert.Equal(-1, script[1].Stable);
    }

    [Fact]
    public void A_member_that_sees_own_Requests_missing_from_its_journal_stops()
    {
        var script = new Script(3);

        Assert.Throws<JournalLostException>(() => script.Send(0, to: 1, Holds(-1, -1, 0, -1)));
    }

    [Fact]
    public void A_member_that_sees_own_Sequences_missing_from_its_journal_stops()
    {
        var script = new Script(3);
        script.Send(2, to: 1, HoldsSequences(-1, 0, -1, -1, -1));

        Assert.Throws<JournalLostException>(() => script.Send(0, to: 1, HoldsSequences(-1, 1, -1, -1, -1)));
    }

    [Fact]
    public void A_number_that_was_assigned_twice_stops_the_member()
    {
        var script = new Script(3);
        script.Send(0, to: 1, Request(0, 0), Request(2, 0), Sequence(0, 0, 0));

        Assert.Throws<ProtocolViolationException>(() => script.Send(0, to: 1, Sequence(0, 2, 0)));
    }

    [Fact]
    public void A_datagram_that_came_before_changes_nothing()
    {
        var script = new Script(3);
        var datagram = script.Datagrams(0, 1, Request(0, 0), Sequence(0, 0, 0))[0];
        script[1].Receive(datagram, script.Now);
        script.Act(1);

        for (var i = 0; i < 3; i++)
        {
            script[1].Receive(datagram, script.Now);
            Assert.Empty(script.Act(1));
            Assert.Empty(script.ClaimsSent(1));
        }

        Assert.Equal(6, script[1].Counters.Duplicates);
    }
}
