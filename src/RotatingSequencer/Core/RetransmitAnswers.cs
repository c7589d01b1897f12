using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// What a member does with a Retransmit request: it notes the answer in it, sends the missing messages that it names,
/// and answers its question.
/// </summary>
internal sealed class RetransmitAnswers(
    CoreOptions options,
    MessageLog log,
    Peers peers,
    ReadBarrier barrier,
    Questions questions,
    Outbox outbox,
    CoreCounters counters
)
{
    /// <summary>
    /// Most bytes in answer to one Retransmit request: a burst that overflows the asker's socket helps nobody.
    /// </summary>
    private const int MaxAnswerBytes = 96 * 1024;

    private readonly int _partLength = options.PartLength;

    /// <summary>Takes a Retransmit request.</summary>
    /// <param name="from">Who sends it.</param>
    /// <param name="message">The message.</param>
    /// <param name="isOfView">Whether it is of this member's view, and no other epoch is promised.</param>
    /// <param name="joins">Whether its sender still joins.</param>
    /// <param name="held">How far the sender claims to hold everything.</param>
    /// <param name="now">The time.</param>
    public void Take(int from, in Message message, bool isOfView, bool joins, long held, long now)
    {
        if (message.Answer != 0)
        {
            questions.Answered(from, message.Answer, now);
            if (isOfView && !joins)
            {
                barrier.Answered(from, message.Answer, held);
            }
        }

        var budget = isOfView ? MaxAnswerBytes : 0;
        var missing = message.Missing;
        while (budget > 0 && !missing.IsEmpty && MissingRange.TryRead(ref missing, options.Members, out var range))
        {
            budget -=
                range.Sender == MissingRange.Sequences
                    ? SendSequences(from, range, now)
                    : SendRequests(from, range, budget, now);
        }

        if (message.Ask != 0 && barrier.CanRead)
        {
            outbox.AddRetransmit(from, ask: 0, answer: message.Ask, []);
        }
        else if (message.Ask != 0)
        {
            // A reader must not count this member, but the asker gets its claims.
            outbox.AddClaims(from);
        }
    }

    private int SendRequests(int to, MissingRange range, int budget, long now)
    {
        var spent = 0;
        var requests = log.Requests[range.Sender];
        // Own Requests are sent only once they are durable.
        var end = Math.Min(
            range.First + range.Count,
            range.Sender == options.Self ? log.Claims.Locals[options.Self] + 1 : requests.HeldEnd
        );
        for (var q = Math.Max(range.First, requests.First); q < end && spent < budget; q++)
        {
            if (requests.Holds(q) && requests[q].LastSent.TrySend(to, now, peers[to].RoundTrip.Smoothed / 2))
            {
                outbox.AddRequest(to, new(range.Sender, q), requests[q].Body, range.Parts);
                counters.AnsweredMessages++;
                spent += range.Parts == 0 ? requests[q].Length : RequestParts.CountOf(range.Parts) * _partLength;
            }
        }

        return spent;
    }

    private int SendSequences(int to, MissingRange range, long now)
    {
        const int EncodedLength = 16;
        var spent = 0;
        var sequences = log.Sequences;
        var end = Math.Min(range.First + range.Count, sequences.HeldEnd);
        for (var k = Math.Max(range.First, sequences.First); k < end; k++)
        {
            // Own Sequences, too, are sent only once they are durable.
            if (
                sequences.Holds(k)
                && (k % options.Members != options.Self || k <= log.Claims.Sequences)
                && sequences[k].LastSent.TrySend(to, now, peers[to].RoundTrip.Smoothed / 2)
            )
            {
                outbox.AddSequence(to, k, sequences[k].Id);
                counters.AnsweredMessages++;
                spent += EncodedLength;
            }
        }

        return spent;
    }
}
