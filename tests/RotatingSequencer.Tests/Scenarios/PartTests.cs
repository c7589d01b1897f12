using RotatingSequencer.Wire;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>Requests that are longer than a datagram: they go in parts and have one number.</summary>
public sealed class PartTests
{
    private const int MaxDatagram = 400;
    private const int Members = 3;
    private const long Grace = 100;

    private static readonly int s_part = RequestParts.LengthOf(MaxDatagram, Members);

    [Fact]
    public void Many_payloads_share_one_number()
    {
        var script = NewScript();
        for (var i = 0; i < 10; i++)
        {
            script.Submit(1, 100);
        }

        var sent = script.RunUntilSilent();

        Assert.Contains(sent, s => s.Messages.Contains("part 3", StringComparison.Ordinal));
        Assert.Equal(0, script[0].Delivered);
        Assert.Equal(0, script[2].Delivered);
    }

    [Fact]
    public void A_Request_is_held_with_its_last_part_in_whatever_order_they_come()
    {
        var script = NewScript();
        script.Send(0, to: 1, Part(0, 0, 2));
        script.Send(0, to: 1, Part(0, 0, 0));
        script.Send(0, to: 1, Part(0, 0, 0));
        script.Act(1);
        Assert.Equal(-1, script[1].Claims.Locals[0]);

        script.Send(0, to: 1, Part(0, 0, 1));
        script.Act(1);

        Assert.Equal(0, script[1].Claims.Locals[0]);
    }

    [Fact]
    public void Only_the_lost_part_is_asked_for_and_sent_again()
    {
        var script = NewScript();
        script.Send(0, to: 1, Part(0, 0, 0), Part(0, 0, 2));
        script.Act(1);
        script.Wait(Grace);

        Assert.Equal(["0: Retransmit asks: Request 0/0 (1 parts)"], script.Act(1));

        script.Submit(2, 2 * s_part);
        script.Act(2);
        script.Wait(1_000_000);
        script.Act(2);
        script.Send(1, to: 2, AsksForParts(2, 0, 0b10));

        Assert.Contains(
            script.Act(2),
            m =>
                m.StartsWith("1: Request ⟨2,0⟩ part 1", StringComparison.Ordinal)
                && !m.Contains("part 0", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void Parts_that_do_not_fit_the_others_are_ignored()
    {
        var script = NewScript();
        script.Send(0, to: 1, Part(0, 0, 0));
        // Another length of the whole, a part beyond the end, a short part, a whole that needs no parts.
        script.Send(0, to: 1, Part(0, 0, 1, total: 2 * s_part), Part(0, 0, 3), Part(0, 0, 1, length: 5));
        script.Send(0, to: 1, Part(0, 1, 0, total: 5, length: 5), Part(0, 1, 0, total: 1 << 20));
        script.Send(0, to: 1, Part(0, 0, 2));
        script.Act(1);
        Assert.Equal(-1, script[1].Claims.Locals[0]);

        script.Send(0, to: 1, Part(0, 0, 1));
        script.Act(1);

        Assert.Equal(0, script[1].Claims.Locals[0]);
        Assert.Equal(4, script[1].Counters.Ignored);
    }

    [Fact]
    public void Full_datagrams_have_one_length()
    {
        var claims = new Claims(Members);
        var outbox = new Outbox(0, 1, MaxDatagram, claims);
        outbox.AddRequest(Outbox.All, new(0, 0), new byte[(5 * s_part) + 40]);
        outbox.AddRequest(Outbox.All, new(0, 200), new byte[s_part - 10]);
        outbox.AddRequest(Outbox.All, new(0, 201), new byte[s_part - 10]);

        var lengths = outbox.Close().Select(datagram => datagram.Length).ToList();

        // The sixth has room for nothing that comes after it, but too much room to be filled up.
        Assert.Single(lengths.Take(5).Distinct());
        Assert.Equal(lengths[0], lengths[6]);
    }

    private static Script NewScript() =>
        new(Members, configure: o => o with { MaxDatagram = MaxDatagram, MaxBody = 5 * s_part });

    private static PuppetMessage Part(int sender, long local, int part, int? total = null, int? length = null) =>
        (outbox, _, to) =>
            outbox.AddPart(
                to,
                new(sender, local),
                part,
                total ?? (2 * s_part) + 9,
                new byte[length ?? (part == 2 && total is null ? 9 : s_part)]
            );

    private static PuppetMessage AsksForParts(int sender, long local, long parts) =>
        (outbox, _, to) => outbox.AddRetransmit(to, ask: 7, answer: 0, [new(sender, local, 1, parts)]);
}
