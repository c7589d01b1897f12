using System.Buffers;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Protocol;

/// <summary>
/// The rotating-sequencer atomic broadcast, as a pure state machine: datagrams, submissions, completions and the time go in;
/// datagrams, journal records, deliveries and the next wake-up time come out. No socket, clock, thread or lock inside.
/// <para>
/// The intuition: whoever has something to say sends a Request to all. The right to number Requests goes round: number k is given out
/// by member k mod n, in a Sequence message to all, once it holds everything that has a number below k. So a Sequence k proves that its
/// sender holds the whole prefix, and the metadata that everyone attaches to everything (<see cref="Claims"/>) tells how far each member
/// holds it. What a majority holds is stable and is delivered; what all hold is dropped.
/// </para>
/// <para>
/// The rules, named as in the specification:
/// 1. Member k mod n sends Sequence k for Request ⟨s,q⟩ only when (a) it holds every Sequence below k and every Request that these name,
/// and (b) every Request of s below q has a number. 2. A member delivers g only when (a) it has delivered everything below g, and (b) it
/// knows that a majority, itself included, holds everything up to g. 3. Claims name only what would survive a crash.
/// </para>
/// <para>
/// The watermarks, all global numbers: Dropped ≤ Applied ≤ Delivered ≤ Stable, Delivered ≤ claims.Held ≤ Received ≤ sequences.Contiguous.
/// </para>
/// </summary>
internal sealed partial class Protocol
{
    private readonly ProtocolOptions _options;
    private readonly int _self;
    private readonly int _members;
    private readonly int _majority;
    private readonly SubmissionQueue _submissions;
    private readonly byte[] _body;

    /// <summary>By member: its Requests that are held and not yet dropped.</summary>
    private readonly Window<HeldRequest>[] _requests;

    /// <summary>The Sequences that are held and not yet dropped.</summary>
    private readonly Window<HeldSequence> _sequences;

    /// <summary>By member: its highest local number that a Sequence up to <c>_sequences.Contiguous</c> names. By rule 1(b) all below have numbers too.</summary>
    private readonly long[] _numbered;

    private readonly Claims _claims;

    /// <summary>What will be durable when the journal write under way completes.</summary>
    private readonly Claims _syncing;

    /// <summary>By member: the largest claims it is known to have made.</summary>
    private readonly Claims[] _peers;

    /// <summary>The highest numbers that anything has shown to exist.</summary>
    private readonly Claims _seen;

    /// <summary>The incarnation of each member, 0 while unknown.</summary>
    private readonly long[] _incarnations;

    private readonly Claims _incoming;
    private readonly long[] _heard;
    private bool _syncUnderWay;
    private long _sentOwn;
    private long _sentSequence;

    /// <summary>A member that begins, or goes on from what its journal held.</summary>
    public Protocol(ProtocolOptions options, JournalState state, long now)
    {
        _options = options;
        _self = options.Self;
        _members = options.Members;
        _majority = (_members / 2) + 1;
        var maximumBody = options.MaximumDatagram - Datagram.OverheadOf(_members);
        _submissions = new SubmissionQueue(maximumBody);
        _body = new byte[maximumBody];
        _incarnations = state.Incarnations;
        _numbered = [.. state.DroppedLocals];
        // A sender keeps to its window as it knows it; others may know less and see it run ahead. A journal goes back to its checkpoint,
        // however long ago that was: a restarted member needs it all, and has room again once the application is where it stood.
        var ahead = 4 * options.Window;
        _requests = [.. state.DroppedLocals.Select((dropped, s) => new Window<HeldRequest>(dropped + 1, (int)(state.LastLocal(s) - dropped) + ahead))];
        _sequences = new Window<HeldSequence>(state.Dropped + 1, (int)(state.LastNumber - state.Dropped) + (ahead * _members));
        Dropped = state.Dropped;
        Applied = Delivered = state.Applied;
        Received = state.Dropped;
        _claims = new Claims(_members);
        _syncing = new Claims(_members);
        _seen = new Claims(_members);
        _incoming = new Claims(_members);
        _peers = [.. Enumerable.Range(0, _members).Select(_ => new Claims(_members))];
        _heard = [.. Enumerable.Repeat(long.MinValue / 2, _members)];
        _repairs = [.. Enumerable.Range(0, _members).Select(_ => new Repair())];
        // A Retransmit request's head is no longer than a Request's, so this many fit a datagram whatever their numbers.
        _missing = new MissingRange[Math.Clamp(maximumBody / MissingRange.MaximumLength, 1, MaximumRanges)];
        _probes = new Probe[_members];
        _roundTrips = new RoundTrip[_members];
        _random = options.Seed;
        _token = options.FirstToken;
        foreach (ref var probe in _probes.AsSpan())
        {
            probe.Answered = _token;
        }

        Outbox = new Outbox(_self, _incarnations[_self], options.MaximumDatagram, _claims);
        _nextHeartbeat = now;
        _measureAt = now + MeasurePause;

        foreach (var (id, body) in state.Requests)
        {
            Hold(id, body);
        }

        foreach (var (number, id) in state.Sequences)
        {
            Hold(number, id);
        }

        // What the journal held is durable; it may never have been sent, which the claims tell the others.
        RecordHeld(_claims);
        _sentOwn = _claims.Locals[_self];
        _sentSequence = _claims.Sequences;
        FirstLocal = _requests[_self].Contiguous + 1;
        if (state.Applied > Received)
        {
            throw new JournalLostException(
                $"The application has applied up to {state.Applied}, but the journal holds only up to {Received}: the journal was lost or damaged, or belongs elsewhere.");
        }
    }

    /// <summary>Datagrams to send.</summary>
    public Outbox Outbox { get; }

    /// <summary>Records to write and sync, if there is a journal: <see cref="BeginSync"/>.</summary>
    public ArrayBufferWriter<byte> Records { get; } = new();

    /// <summary>Requests to hand to the application, in order. Their buffers live until <see cref="OnApplied"/> says that they are done with.</summary>
    public Queue<DeliveredRequest> Deliveries { get; } = new();

    /// <summary>When <see cref="Act"/> wants to be called next, if nothing comes in before.</summary>
    public long WakeAt { get; private set; }

    /// <summary>Local number of the first own Request of this life.</summary>
    public long FirstLocal { get; }

    /// <summary>Everything up to here is known to be held by all, is applied, and is forgotten.</summary>
    public long Dropped { get; private set; }

    /// <summary>The application is done with everything up to here.</summary>
    public long Applied { get; private set; }

    /// <summary>Handed to the application up to here.</summary>
    public long Delivered { get; private set; }

    /// <summary>A majority is known to hold everything up to here.</summary>
    public long Stable { get; private set; } = -1;

    /// <summary>Every Sequence up to here and every Request that these name is held, durably or not.</summary>
    public long Received { get; private set; }

    /// <summary>Highest global number that is known to have been given out.</summary>
    public long Known => Math.Max(_seen.Sequences, _sequences.Contiguous);

    /// <summary>What would survive a crash of this member; what its datagrams claim.</summary>
    public Claims Claims => _claims;

    /// <summary>Whether something waits for room in a window, which <see cref="OnApplied"/> may give.</summary>
    public bool WaitsForRoom
    {
        get
        {
            var waits = (!_submissions.IsEmpty && OwnUnderWay >= _options.Window) || Known + 1 >= _sequences.Limit;
            for (var s = 0; s < _members; s++)
            {
                // Something came, or exists, that a full window refuses.
                waits |= _seen.Locals[s] >= _requests[s].Limit;
            }

            return waits;
        }
    }

    /// <summary>Whether the next number is this member's to give out.</summary>
    public bool IsNextSequencer => (_sequences.Contiguous + 1) % _members == _self;

    /// <summary>What was counted so far.</summary>
    public ProtocolCounters Counters { get; } = new();

    /// <summary>Bytes of payloads that wait to be sent; whoever submits bounds it.</summary>
    public long WaitingBytes => _submissions.Bytes;

    /// <summary>How many members were heard from since <paramref name="since"/>, this one included.</summary>
    public int HeardSince(long since)
    {
        var count = 1;
        for (var m = 0; m < _members; m++)
        {
            count += m != _self && _heard[m] >= since ? 1 : 0;
        }

        return count;
    }

    /// <summary>A payload to broadcast; it must stay as it is until it is delivered here.</summary>
    public void Submit(ReadOnlyMemory<byte> payload) => _submissions.Add(payload);

    /// <summary>The application is done with everything up to <paramref name="number"/>.</summary>
    public void OnApplied(long number) => Applied = Math.Max(Applied, number);

    /// <summary>
    /// Does whatever is due after some inputs: all datagrams at hand should be received before, since most gaps on a busy machine are
    /// only the order in which things are looked at.
    /// </summary>
    public void Act(long now)
    {
        // Each step makes room for the next, so that nothing that could be done now waits for another input: dropping for Requests in
        // the window, an own number for another Request in the pipeline.
        DropWhatAllHold();
        do
        {
            SendOwnRequests();
        }
        while (GiveOutNumbers());

        if (!_options.Journal)
        {
            RecordHeld(_claims);
        }

        SendDurable(now);
        DeliverStable();
        KeepAlive(now);
    }

    private void SendOwnRequests()
    {
        var own = _requests[_self];
        while (!_submissions.IsEmpty
            && OwnUnderWay < _options.Window
            && (own.Contiguous - _numbered[_self] < _options.Pipeline || _submissions.FillsBody))
        {
            var id = new RequestId(_self, own.Contiguous + 1);
            var length = _submissions.FillBody(_body);
            Hold(id, _body.AsSpan(0, length));
            if (_options.Journal)
            {
                JournalFormat.WriteRequest(Records, id, _body.AsSpan(0, length));
            }
        }
    }

    /// <summary>Rule 1. With one member every number is its own; otherwise at most one is.</summary>
    private bool GiveOutNumbers()
    {
        var before = _sequences.Contiguous;
        while (IsNextSequencer && Received == _sequences.Contiguous && TryChoose(out var id))
        {
            var number = _sequences.Contiguous + 1;
            if (number >= _sequences.Limit)
            {
                break;
            }

            Hold(number, id);
            if (_options.Journal)
            {
                JournalFormat.WriteSequence(Records, number, id);
            }
        }

        return _sequences.Contiguous > before;
    }

    /// <summary>
    /// The Request that gets the next number: of each member only the first without a number can (rule 1(b)); among these the next
    /// member after the one served last, so that a member that floods the group does not starve the others.
    /// </summary>
    private bool TryChoose(out RequestId id)
    {
        var last = _sequences.Holds(_sequences.Contiguous) ? _sequences[_sequences.Contiguous].Id.Sender : _self;
        for (var i = 1; i <= _members; i++)
        {
            var sender = (last + i) % _members;
            if (_requests[sender].Holds(_numbered[sender] + 1))
            {
                id = new(sender, _numbered[sender] + 1);
                return true;
            }
        }

        id = default;
        return false;
    }

    private long OwnUnderWay => _requests[_self].Contiguous - _requests[_self].First + 1;

    private bool AnyWaitsForNumber => TryChoose(out _);

    /// <summary>
    /// Own Requests and Sequences go out once they are on disk: a member that dies and comes back never says anything else under the
    /// same number.
    /// </summary>
    private void SendDurable(long now)
    {
        while (_sentOwn < _claims.Locals[_self])
        {
            var id = new RequestId(_self, ++_sentOwn);
            ref var request = ref _requests[_self][id.Local];
            Outbox.AddRequest(Outbox.All, id, request.Body);
            request.Answered = Answered.ToAll(now);
        }

        // Starts at the first above what was sent that can be this member's.
        for (var k = _sentSequence + 1; k <= _claims.Sequences; k++)
        {
            if (k % _members == _self)
            {
                ref var sequence = ref _sequences[k];
                Outbox.AddSequence(Outbox.All, k, sequence.Id);
                sequence.Answered = Answered.ToAll(now);
            }
        }

        _sentSequence = _claims.Sequences;
    }

    /// <summary>Rule 2; only what is durable here too is delivered, so that the journal is never behind the application.</summary>
    private void DeliverStable()
    {
        Span<long> held = stackalloc long[_members];
        for (var m = 0; m < _members; m++)
        {
            held[m] = m == _self ? _claims.Held : _peers[m].Held;
        }

        held.Sort();
        // The majority's least: as many members hold at least this much.
        Stable = Math.Max(Stable, held[_members - _majority]);
        while (Delivered < Math.Min(Stable, _claims.Held))
        {
            var id = _sequences[++Delivered].Id;
            ref var request = ref _requests[id.Sender][id.Local];
            Deliveries.Enqueue(new DeliveredRequest(Delivered, id, request.Buffer.AsMemory(0, request.Length)));
        }
    }

    private void DropWhatAllHold()
    {
        var all = Math.Min(_claims.Held, Applied);
        for (var m = 0; m < _members; m++)
        {
            if (m != _self)
            {
                all = Math.Min(all, _peers[m].Held);
            }
        }

        while (Dropped < all)
        {
            var id = _sequences.DropFirst().Id;
            Dropped++;
            ArrayPool<byte>.Shared.Return(_requests[id.Sender].DropFirst().Buffer);
        }
    }

    private struct HeldRequest
    {
        public byte[] Buffer;
        public int Length;
        public Answered Answered;

        public readonly ReadOnlySpan<byte> Body => Buffer.AsSpan(0, Length);
    }

    private struct HeldSequence
    {
        public RequestId Id;
        public Answered Answered;
    }
}

/// <summary>A Request that reached its place in the total order.</summary>
/// <param name="Number">Its global number.</param>
/// <param name="Id">Its sender and local number.</param>
/// <param name="Body">Its body, valid until the core is told that it was applied.</param>
internal readonly record struct DeliveredRequest(long Number, RequestId Id, ReadOnlyMemory<byte> Body);

/// <summary>To whom something was sent last, and when: it is not sent to the same member again within a round trip.</summary>
internal struct Answered
{
    private ulong _members;
    private long _at;

    public static Answered ToAll(long now) => new() { _members = ulong.MaxValue, _at = now };

    /// <summary>False when it was sent to that member less than <paramref name="pause"/> ago; otherwise notes that it now is.</summary>
    public bool TryAnswer(int member, long now, long pause)
    {
        var recent = now - _at < pause;
        if (recent && (_members & (1UL << member)) != 0)
        {
            return false;
        }

        _members = (recent ? _members : 0) | (1UL << member);
        _at = now;
        return true;
    }
}
