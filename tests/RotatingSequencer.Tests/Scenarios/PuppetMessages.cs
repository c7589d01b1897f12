using RotatingSequencer.Wire;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>Adds a message, or claims, that the test sends in place of a member.</summary>
internal delegate void PuppetMessage(Outbox outbox, Claims claims, int to);

/// <summary>The messages and claims that a test can send in place of a member.</summary>
internal static class PuppetMessages
{
    public static PuppetMessage Request(int sender, long local, string body = "x") =>
        (outbox, _, to) => outbox.AddRequest(to, new(sender, local), Body(body));

    public static PuppetMessage Sequence(long number, int sender, long local) =>
        (outbox, _, to) => outbox.AddSequence(to, number, new(sender, local));

    public static PuppetMessage AsksForRequests(int sender, long first, long count) =>
        (outbox, _, to) => outbox.AddRetransmit(to, ask: 7, answer: 0, [new(sender, first, count)]);

    public static PuppetMessage AsksForSequence(long number) =>
        (outbox, _, to) => outbox.AddRetransmit(to, ask: 7, answer: 0, [new(MissingRange.Sequences, number, 1)]);

    public static PuppetMessage Asks() => (outbox, _, to) => outbox.AddRetransmit(to, ask: 7, answer: 0, []);

    public static PuppetMessage Answers(long token) =>
        (outbox, _, to) => outbox.AddRetransmit(to, ask: 0, answer: token, []);

    /// <summary>Claims everything up to a number, and Requests of each member up to another.</summary>
    public static PuppetMessage Holds(long held, params long[] locals) => HoldsSequences(held, held, locals);

    public static PuppetMessage HoldsSequences(long held, long sequences, params long[] locals) =>
        (_, claims, _) =>
        {
            (claims.Held, claims.Sequences) = (held, sequences);
            locals.CopyTo(claims.Locals, 0);
        };

    /// <summary>A body with one whole payload.</summary>
    private static byte[] Body(string payload)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(payload);
        return [(byte)((bytes.Length * 4) + 2), .. bytes];
    }
}
