using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Takes in what the datagrams of this member's view bring: claims, Requests, their parts, and Sequences. What is new
/// is held and recorded; what nobody can rightly say shows that this member's journal was lost.
/// </summary>
internal sealed class Intake(
    CoreOptions options,
    MessageLog log,
    Membership membership,
    Peers peers,
    PartialRequests partial,
    GapRepair repair,
    LagProbes probes,
    JournalRecords records,
    CoreCounters counters
)
{
    private readonly int _maxBody = options.MaxRequestBody;

    /// <summary>Takes the claims of a datagram.</summary>
    /// <exception cref="JournalLostException">They name what this member must have sent, and lacks.</exception>
    public void TakeClaims(int from, Claims claims)
    {
        if (!membership.IsJoining)
        {
            CheckOwn(from, claims);
        }

        if (peers[from].Claims.Raise(claims))
        {
            log.Seen.Raise(claims);
            probes.Progressed(from);
        }
    }

    /// <summary>Takes a whole Request.</summary>
    public void TakeRequest(RequestId id, ReadOnlySpan<byte> body)
    {
        if (IsMissing(id, body.Length))
        {
            Hold(id, body);
        }
    }

    /// <summary>Takes a part of a Request; the Request is held once it is whole.</summary>
    public void TakePart(in Message message)
    {
        if (!partial.IsPart(message))
        {
            counters.Ignored++;
            return;
        }

        var id = message.Id;
        if (!IsMissing(id, message.Total))
        {
            return;
        }

        if (!partial.TryAdd(message, out var isWhole))
        {
            counters.Duplicates++;
            return;
        }

        repair.PartCame(id.Sender);
        if (isWhole)
        {
            Hold(id, partial.BodyOf(id));
            partial.Remove(id);
        }
    }

    /// <summary>Takes a Sequence.</summary>
    /// <exception cref="ProtocolViolationException">The number is assigned to another Request.</exception>
    public void TakeSequence(long number, RequestId id)
    {
        if (number >= log.Sequences.Limit || id.Local >= log.Requests[id.Sender].Limit)
        {
            counters.Ignored++;
            return;
        }

        if (log.Sequences.Knows(number))
        {
            counters.Duplicates++;
            if (log.Sequences.Holds(number) && log.Sequences[number].Id != id)
            {
                throw new ProtocolViolationException(
                    $"Number {number} is assigned to {log.Sequences[number].Id} and to {id}."
                );
            }

            return;
        }

        log.Seen.Sequences = Math.Max(log.Seen.Sequences, number);
        log.Seen.Locals[id.Sender] = Math.Max(log.Seen.Locals[id.Sender], id.Local);
        counters.Sequences++;
        if (number > membership.Epoch.Cut && !membership.IsJoining)
        {
            membership.NoteThatAllHaveEntered();
        }

        log.Hold(number, id);
        records.AddSequence(number, id);
    }

    /// <summary>Nobody can hold what only this member sends and does not hold.</summary>
    private void CheckOwn(int from, Claims claims)
    {
        var end = log.OwnRequests.Contiguous;
        if (claims.Locals[options.Self] > end)
        {
            throw new JournalLostException(
                $"Member {from} holds this member's Requests up to {claims.Locals[options.Self]}, "
                    + $"but this member's journal ends at {end}: its journal was lost."
            );
        }

        // A member that assigns a number holds all up to it. This one would assign its numbers a second time.
        var number = log.OwnNumberUpTo(claims.Sequences);
        if (number > log.Sequences.Contiguous && number > membership.View.Cut)
        {
            throw new JournalLostException(
                $"Member {from} holds number {number}, which this member assigned, but this member's journal ends at "
                    + $"{log.Sequences.Contiguous}: its journal was lost."
            );
        }
    }

    /// <summary>Whether a Request is one that this member may hold, and does not.</summary>
    private bool IsMissing(RequestId id, int length)
    {
        // The window also bounds which numbers are believed.
        var isOwn =
            id.Sender == options.Self && !(membership.IsJoining && id.Local <= membership.View.Locals[options.Self]);
        if (isOwn || id.Local >= log.Requests[id.Sender].Limit || length > _maxBody)
        {
            counters.Ignored++;
            return false;
        }

        log.Seen.Locals[id.Sender] = Math.Max(log.Seen.Locals[id.Sender], id.Local);
        if (log.Requests[id.Sender].Knows(id.Local))
        {
            counters.Duplicates++;
            return false;
        }

        return true;
    }

    private void Hold(RequestId id, ReadOnlySpan<byte> body)
    {
        counters.Requests++;
        log.Hold(id, body);
        records.AddRequest(id, body);
    }
}
