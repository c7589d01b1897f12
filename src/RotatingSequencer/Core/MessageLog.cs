using System.Buffers;
using System.Numerics;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// What this member holds: Requests, the Sequences that number them, and the watermarks that say how far these go.
/// The parts of the core share it. They read it, and note in a held message to whom it was sent; everything else about
/// it changes only by the methods here.
/// <para>
/// The watermarks, all global numbers:
/// Dropped ≤ Applied ≤ Delivered ≤ Stable, Delivered ≤ Claims.Held ≤ Received ≤ Sequences.Contiguous.
/// </para>
/// </summary>
internal sealed class MessageLog
{
    private readonly int _self;
    private readonly int _members;

    /// <summary>How far the Requests of one member may go beyond what is dropped.</summary>
    private readonly int _ahead;

    private readonly long[] _numbered;

    /// <summary>Holds what the journal holds.</summary>
    public MessageLog(CoreOptions options, JournalState state)
    {
        _self = options.Self;
        _members = options.Members;
        _numbered = [.. state.DroppedLocals];
        // A sender keeps to its window as far as it knows; others may know less, and see it run ahead. A journal goes
        // back to its checkpoint, however old that is. A restarted member needs all of it, and has room again once the
        // application has caught up.
        _ahead = 4 * options.Window;
        Requests =
        [
            .. state.DroppedLocals.Select(
                (dropped, s) => new Window<HeldRequest>(dropped + 1, (int)(state.LastLocal(s) - dropped) + _ahead)
            ),
        ];
        Sequences = new Window<HeldSequence>(
            state.Dropped + 1,
            (int)(state.LastNumber - state.Dropped) + (_ahead * _members)
        );
        Claims = new Claims(_members);
        Seen = new Claims(_members);
        Dropped = state.Dropped;
        Applied = Delivered = state.Applied;
        AllHeld = state.AllHeld;
        Received = state.Dropped;
        foreach (var (id, body) in state.Requests)
        {
            Hold(id, body);
        }

        foreach (var (number, id) in state.Sequences)
        {
            Hold(number, id);
        }

        // The journal's content is durable, but perhaps was never sent: the claims show it to the others.
        RecordHeld(Claims);
        if (Applied > Received)
        {
            throw new JournalLostException(
                $"The application has applied up to {Applied}, but the journal holds only up to {Received}: "
                    + "the journal was lost or damaged, or belongs elsewhere."
            );
        }
    }

    /// <summary>The Requests of each member that are held and not yet dropped.</summary>
    public Window<HeldRequest>[] Requests { get; }

    /// <summary>The Sequences that are held and not yet dropped.</summary>
    public Window<HeldSequence> Sequences { get; }

    /// <summary>
    /// For each member, the highest local number that a Sequence up to Sequences.Contiguous names. By rule 1(b) all
    /// below have numbers too.
    /// </summary>
    public ReadOnlySpan<long> Numbered => _numbered;

    /// <summary>What would survive a crash of this member, and what its datagrams claim (rule 3).</summary>
    public Claims Claims { get; }

    /// <summary>The highest numbers that are known to exist, from claims or messages.</summary>
    public Claims Seen { get; }

    /// <summary>All members are known to hold everything up to here; it is applied, and forgotten.</summary>
    public long Dropped { get; private set; }

    /// <summary>All members held everything up to here, in this life or an earlier one. Dropped ≤ AllHeld.</summary>
    public long AllHeld { get; private set; }

    /// <summary>The application has applied everything up to here.</summary>
    public long Applied { get; private set; }

    /// <summary>Everything up to here was handed to the application.</summary>
    public long Delivered { get; private set; }

    /// <summary>A majority is known to hold everything up to here.</summary>
    public long Stable { get; private set; } = -1;

    /// <summary>Every Sequence up to here and every Request that these name is held, durably or not.</summary>
    public long Received { get; private set; }

    /// <summary>The highest global number that is known to be assigned.</summary>
    public long Known => Math.Max(Seen.Sequences, Sequences.Contiguous);

    /// <summary>This member's own Requests.</summary>
    public Window<HeldRequest> OwnRequests => Requests[_self];

    /// <summary>How many own Requests not all are known to hold.</summary>
    public long OwnUnderWay => OwnRequests.Contiguous - OwnRequests.First + 1;

    /// <summary>The member that assigns the next number.</summary>
    public int NextSequencer => (int)((Sequences.Contiguous + 1) % _members);

    /// <summary>Whether this member assigns the next number.</summary>
    public bool IsNextSequencer => NextSequencer == _self;

    /// <summary>Whether a message has arrived, or is known to exist, that a full window refuses.</summary>
    public bool LacksRoom
    {
        get
        {
            var lacks = Known + 1 >= Sequences.Limit;
            for (var s = 0; s < _members; s++)
            {
                lacks |= Seen.Locals[s] >= Requests[s].Limit;
            }

            return lacks;
        }
    }

    /// <summary>This member's highest number up to another, assigned or not; below 0 if it has none.</summary>
    public long OwnNumberUpTo(long number) => number - ((number - _self + _members) % _members);

    /// <summary>
    /// The highest number held that a member assigned. The journal may hold it above a gap, so no claim shows it; but
    /// its owner must not assign it again.
    /// </summary>
    public long HighestNumberOf(int member)
    {
        var number = Sequences.Highest;
        while (number >= Sequences.First && !(number % _members == member && Sequences.Holds(number)))
        {
            number--;
        }

        return number >= Sequences.First ? number : -1;
    }

    /// <summary>Holds a copy of a Request, unless it is known or beyond the window.</summary>
    public void Hold(RequestId id, ReadOnlySpan<byte> body)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(body.Length);
        body.CopyTo(buffer);
        if (!Requests[id.Sender].TryAdd(id.Local, new HeldRequest { Buffer = buffer, Length = body.Length }))
        {
            ArrayPool<byte>.Shared.Return(buffer);
            return;
        }

        AdvanceReceived();
    }

    /// <summary>Holds a Sequence, unless it is known or beyond the window.</summary>
    /// <exception cref="ProtocolViolationException">It breaks rule 1(b).</exception>
    public void Hold(long number, RequestId id)
    {
        var before = Sequences.Contiguous;
        Sequences.TryAdd(number, new HeldSequence { Id = id });
        for (var k = before + 1; k <= Sequences.Contiguous; k++)
        {
            var named = Sequences[k].Id;
            if (named.Local != _numbered[named.Sender] + 1)
            {
                throw new ProtocolViolationException(
                    $"Number {k} is assigned to {named}, but the next of member {named.Sender} is "
                        + $"{_numbered[named.Sender] + 1}."
                );
            }

            _numbered[named.Sender] = named.Local;
        }

        AdvanceReceived();
    }

    /// <summary>Writes how far everything is held into claims that are made once it is durable.</summary>
    public void RecordHeld(Claims claims)
    {
        claims.Held = Received;
        claims.Sequences = Sequences.Contiguous;
        for (var s = 0; s < _members; s++)
        {
            claims.Locals[s] = Requests[s].Contiguous;
        }
    }

    /// <summary>A majority holds everything up to a number.</summary>
    public void Stabilize(long number) => Stable = Math.Max(Stable, number);

    /// <summary>Takes the next number to hand to the application.</summary>
    public DeliveredRequest DeliverNext()
    {
        var id = Sequences[++Delivered].Id;
        ref var request = ref Requests[id.Sender][id.Local];
        return new DeliveredRequest(Delivered, id, request.Buffer.AsMemory(0, request.Length));
    }

    /// <summary>The application has applied everything up to a number.</summary>
    public void Apply(long number) => Applied = Math.Max(Applied, number);

    /// <summary>Forgets everything up to a number that all hold and that is applied here.</summary>
    public void Drop(long number)
    {
        AllHeld = Math.Max(AllHeld, number);
        while (Dropped < number)
        {
            var id = Sequences.DropFirst().Id;
            Dropped++;
            ArrayPool<byte>.Shared.Return(Requests[id.Sender].DropFirst().Buffer);
        }
    }

    /// <summary>
    /// Forgets what a new epoch makes void: numbers above its cut, and Requests without a number of members that were
    /// replaced.
    /// </summary>
    public void Forget(Epoch epoch, ulong replaced)
    {
        if (Sequences.Contiguous >= epoch.Cut)
        {
            epoch.Locals.CopyTo(_numbered, 0);
        }

        Sequences.RemoveAbove(epoch.Cut);
        for (var rest = replaced; rest != 0; rest &= rest - 1)
        {
            var m = BitOperations.TrailingZeroCount(rest);
            Requests[m].RemoveAbove(epoch.Locals[m], request => ArrayPool<byte>.Shared.Return(request.Buffer));
        }

        Received = Math.Min(Received, epoch.Cut);
        Claims.Lower(epoch.Cut, epoch.Locals, replaced);
        Seen.Lower(epoch.Cut, epoch.Locals, replaced);
    }

    /// <summary>
    /// Makes room for what a member that joins lacks up to the cut: it is in the windows of others, which may have
    /// grown with their journals.
    /// </summary>
    public void MakeRoom(Epoch epoch)
    {
        Sequences.MakeRoom(epoch.Cut + (_ahead * _members));
        for (var m = 0; m < _members; m++)
        {
            Requests[m].MakeRoom(epoch.Locals[m] + _ahead);
        }
    }

    private void AdvanceReceived()
    {
        while (Received < Sequences.Contiguous)
        {
            var id = Sequences[Received + 1].Id;
            if (!Requests[id.Sender].Holds(id.Local))
            {
                return;
            }

            Received++;
        }
    }
}
