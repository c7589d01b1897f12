using System.Buffers;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>What a new journal begins with: this member's position, and everything that it still holds.</summary>
internal sealed class Checkpoints(
    CoreOptions options,
    OwnLife life,
    MessageLog log,
    Membership membership,
    Peers peers,
    Outbox outbox
)
{
    /// <summary>
    /// Writes a checkpoint. The application must have made everything up to Applied durable. There,
    /// <paramref name="partial"/> is its assembler's state, and <paramref name="position"/> the last number that had
    /// effects.
    /// </summary>
    public void Write(IBufferWriter<byte> journal, long position, byte[][] partial)
    {
        var state = new JournalState(options.Self, options.Members, membership.Epoch)
        {
            Dropped = log.Dropped,
            AllHeld = log.AllHeld,
            Applied = log.Applied,
            Position = position,
            Incarnation = life.Incarnation,
            LifeNumber = life.Number,
            Returns = life.Returns,
            Operated = membership.Operated,
            Promised = membership.Promised,
            Partial = partial,
            Heard = peers.Heard,
        };
        state.Lives.AddRange(life.Before);
        state.Lives.Add((life.Number, life.Id));
        for (var s = 0; s < options.Members; s++)
        {
            state.DroppedLocals[s] = log.Requests[s].First - 1;
        }

        JournalFormat.WriteCheckpoint(journal, state);
        for (var s = 0; s < options.Members; s++)
        {
            var requests = log.Requests[s];
            for (var q = requests.First; q < requests.HeldEnd; q++)
            {
                if (requests.Holds(q))
                {
                    JournalFormat.WriteRequest(journal, new(s, q), requests[q].Body);
                }
            }
        }

        for (var k = log.Sequences.First; k < log.Sequences.HeldEnd; k++)
        {
            if (log.Sequences.Holds(k))
            {
                JournalFormat.WriteSequence(journal, k, log.Sequences[k].Id);
            }
        }
    }

    /// <summary>
    /// The journal with which this member goes on once it has copied the application's state, and the position that
    /// belongs to it, from another member.
    /// </summary>
    public JournalState WithCopy(JournalState copied)
    {
        JournalState state = new(options.Self, options.Members)
        {
            Dropped = copied.Applied,
            Applied = copied.Applied,
            Position = copied.Position,
            Partial = copied.Partial,
            Incarnation = life.Incarnation,
            LifeNumber = life.Number - 1,
            Returns = life.Returns,
            Promised = membership.Promised,
            Heard = peers.Heard,
            LivesHeard = outbox.LivesHeard,
        };
        state.Lives.AddRange(life.Before);
        copied.DroppedLocals.CopyTo(state.DroppedLocals, 0);
        return state;
    }
}
