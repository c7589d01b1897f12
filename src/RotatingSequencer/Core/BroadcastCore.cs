using System.Buffers;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// The rotating-sequencer atomic broadcast, as a pure state machine: datagrams, submissions, completions and the time
/// go in; datagrams, journal records, deliveries and the next wake-up time come out. No socket, clock, thread or lock
/// inside.
/// <para>
/// The intuition: a member that has something to say sends a Request to all. The right to number Requests rotates:
/// member k mod n assigns number k, in a Sequence message to all, once it holds everything with a number below k. So a
/// Sequence k proves that its sender holds the whole prefix. Every datagram carries claims (<see cref="Claims"/>): how
/// far its sender holds everything. What a majority holds is stable and is delivered; what all hold is dropped.
/// </para>
/// <para>
/// The rules, named as in the specification:
/// </para>
/// <list type="number">
/// <item>Member k mod n sends Sequence k for Request ⟨s,q⟩ only when (a) it holds every Sequence below k and every
/// Request that these name, and (b) every Request of s below q has a number.</item>
/// <item>A member delivers g only when (a) it has delivered everything below g, and (b) it knows that a majority,
/// itself included, holds everything up to g.</item>
/// <item>Claims name only what would survive a crash.</item>
/// </list>
/// <para>
/// The watermarks, all global numbers:
/// Dropped ≤ Applied ≤ Delivered ≤ Stable, Delivered ≤ claims.Held ≤ Received ≤ sequences.Contiguous.
/// </para>
/// </summary>
internal sealed partial class BroadcastCore
{
    private readonly CoreOptions _options;
    private readonly int _self;
    private readonly int _members;
    private readonly int _majority;
    private readonly SubmissionQueue _submissions;
    private readonly byte[] _body;
    private readonly int _partLength;

    /// <summary>The Requests of each member that are held and not yet dropped.</summary>
    private readonly Window<HeldRequest>[] _requests;

    /// <summary>The Sequences that are held and not yet dropped.</summary>
    private readonly Window<HeldSequence> _sequences;

    /// <summary>
    /// For each member, the highest local number that a Sequence up to <c>_sequences.Contiguous</c> names. By rule 1(b)
    /// all below have numbers too.
    /// </summary>
    private readonly long[] _numbered;

    private readonly Claims _claims;

    /// <summary>What will be durable once the current journal write completes.</summary>
    private readonly Claims _syncing;

    /// <summary>The highest claims that each member is known to have made.</summary>
    private readonly Claims[] _peers;

    /// <summary>The highest numbers that are known to exist, from claims or messages.</summary>
    private readonly Claims _seen;

    private readonly Claims _incoming;
    private readonly long[] _lastHeard;
    private long _allHeld;
    private bool _syncUnderWay;
    private long _sentOwn;
    private long _sentSequence;

    /// <summary>A new member, or one that continues from its journal.</summary>
    public BroadcastCore(CoreOptions options, JournalState state, long now)
    {
        _options = options;
        Counters = options.Counters ?? new CoreCounters();
        _self = options.Self;
        _members = options.Members;
        _majority = (_members / 2) + 1;
        _partLength = RequestParts.LengthOf(options.MaxDatagram, _members);
        var maxBody = RequestParts.MaxBody(options.MaxDatagram, _members, options.MaxBody);
        _submissions = new SubmissionQueue(maxBody);
        _body = new byte[maxBody];
        _incarnation = state.Incarnation;
        _life = options.Life;
        _lifeNumber = state.LifeNumber + 1;
        _returns = state.Returns;
        _stateLost = options.StateLost;
        _lives = new PeerLife[_members];
        _promises = new Promise?[_members];
        _epoch = _view = state.Epoch;
        _promised = _durablePromised = _syncingPromised = state.Promised;
        _durableEpoch = _syncingEpoch = state.Epoch.Number;
        _operated = _durableOperation = _syncingOperation = state.Operated;
        _numbered = [.. state.DroppedLocals];
        // A sender keeps to its window as far as it knows; others may know less, and see it run ahead. A journal goes
        // back to its checkpoint, however old that is. A restarted member needs all of it, and has room again once the
        // application has caught up.
        var ahead = 4 * options.Window;
        _requests =
        [
            .. state.DroppedLocals.Select(
                (dropped, s) => new Window<HeldRequest>(dropped + 1, (int)(state.LastLocal(s) - dropped) + ahead)
            ),
        ];
        _sequences = new Window<HeldSequence>(
            state.Dropped + 1,
            (int)(state.LastNumber - state.Dropped) + (ahead * _members)
        );
        Dropped = state.Dropped;
        Applied = Delivered = state.Applied;
        _allHeld = state.AllHeld;
        Received = state.Dropped;
        _claims = new Claims(_members);
        _syncing = new Claims(_members);
        _seen = new Claims(_members);
        _incoming = new Claims(_members);
        _peers = [.. Enumerable.Range(0, _members).Select(_ => new Claims(_members))];
        _lastHeard = [.. Enumerable.Repeat(long.MinValue / 2, _members)];
        _repairs = [.. Enumerable.Range(0, _members).Select(_ => new Repair())];
        // The head of a Retransmit request is no longer than that of a Request, so this many ranges always fit.
        _missing = new MissingRange[Math.Clamp(_partLength / MissingRange.MaxLength, 1, MaxRanges)];
        _probes = new Probe[_members];
        _roundTrips = new RoundTrip[_members];
        _random = options.Seed;
        _token = options.FirstToken;
        foreach (ref var probe in _probes.AsSpan())
        {
            probe.Answered = _token;
        }

        Outbox = new Outbox(_self, _life, options.MaxDatagram, _claims) { Epoch = _view.Number, Joins = IsJoining };
        _nextHeartbeat = now;
        _measureAt = now + MinMeasureInterval;

        foreach (var (id, body) in state.Requests)
        {
            Hold(id, body);
        }

        foreach (var (number, id) in state.Sequences)
        {
            Hold(number, id);
        }

        // The journal's content is durable, but perhaps was never sent: the claims show it to the others.
        RecordHeld(_claims);
        _sentOwn = _claims.Locals[_self];
        _sentSequence = _claims.Sequences;
        FirstLocal = _requests[_self].Contiguous + 1;
        _lifeDurable = !options.Journal || options.Formed is not null;
        if (options.Formed is { } lives)
        {
            BeginFormed(lives);
        }
        else if (options.Journal)
        {
            JournalFormat.WriteLife(Records, _lifeNumber);
        }

        if (state.Applied > Received)
        {
            throw new JournalLostException(
                $"The application has applied up to {state.Applied}, but the journal holds only up to {Received}: "
                    + "the journal was lost or damaged, or belongs elsewhere."
            );
        }
    }

    /// <summary>The datagrams to send.</summary>
    public Outbox Outbox { get; }

    /// <summary>Records to write and sync, if there is a journal; see <see cref="BeginSync"/>.</summary>
    public ArrayBufferWriter<byte> Records { get; } = new();

    /// <summary>
    /// Requests to hand to the application, in order. Their buffers are valid until <see cref="OnApplied"/> reports
    /// them as applied.
    /// </summary>
    public Queue<DeliveredRequest> Deliveries { get; } = new();

    /// <summary>When to call <see cref="Act"/> next, if nothing comes in before.</summary>
    public long WakeAt { get; private set; }

    /// <summary>Local number of the first own Request since the start, or since this member joined.</summary>
    public long FirstLocal { get; private set; }

    /// <summary>All members are known to hold everything up to here; it is applied, and forgotten.</summary>
    public long Dropped { get; private set; }

    /// <summary>The application has applied everything up to here.</summary>
    public long Applied { get; private set; }

    /// <summary>Everything up to here was handed to the application.</summary>
    public long Delivered { get; private set; }

    /// <summary>A majority is known to hold everything up to here.</summary>
    public long Stable { get; private set; } = -1;

    /// <summary>Every Sequence up to here and every Request that these name is held, durably or not.</summary>
    public long Received { get; private set; }

    /// <summary>The highest global number that is known to be assigned.</summary>
    public long Known => Math.Max(_seen.Sequences, _sequences.Contiguous);

    /// <summary>What would survive a crash of this member, and what its datagrams claim.</summary>
    public Claims Claims => _claims;

    /// <summary>Whether something waits for room in a window, which <see cref="OnApplied"/> may make.</summary>
    public bool WaitsForRoom
    {
        get
        {
            var waits = (!_submissions.IsEmpty && OwnUnderWay >= _options.Window) || Known + 1 >= _sequences.Limit;
            for (var s = 0; s < _members; s++)
            {
                // A Request arrived, or is known to exist, that a full window refuses.
                waits |= _seen.Locals[s] >= _requests[s].Limit;
            }

            return waits;
        }
    }

    /// <summary>Whether this member assigns the next number.</summary>
    public bool IsNextSequencer => (_sequences.Contiguous + 1) % _members == _self;

    /// <summary>The counters so far.</summary>
    public CoreCounters Counters { get; }

    /// <summary>Bytes of payloads that wait to be sent; the caller bounds them.</summary>
    public long WaitingBytes => _submissions.Bytes;

    /// <summary>How many members were heard from since a time, this one included.</summary>
    public int HeardSince(long since)
    {
        var count = 1;
        for (var m = 0; m < _members; m++)
        {
            count += m != _self && _lastHeard[m] >= since ? 1 : 0;
        }

        return count;
    }

    /// <summary>
    /// What this member knows of another. Any thread may ask: each value is one that the loop's thread wrote, though
    /// perhaps not all in the same step.
    /// </summary>
    public (long LastHeard, long? RoundTrip) KnownOf(int member)
    {
        var roundTrip = _roundTrips[member];
        return (Volatile.Read(ref _lastHeard[member]), roundTrip.IsMeasured ? roundTrip.Smoothed : null);
    }

    /// <summary>Broadcasts a payload; it must not change before it is delivered here.</summary>
    public void Submit(ReadOnlyMemory<byte> payload) => _submissions.Add(payload);

    /// <summary>The application has applied everything up to <paramref name="number"/>.</summary>
    public void OnApplied(long number) => Applied = Math.Max(Applied, number);

    /// <summary>
    /// Does everything that is due after some inputs. Receive all waiting datagrams before: on a busy machine most gaps
    /// are only a matter of the order in which datagrams are read.
    /// </summary>
    public void Act(long now)
    {
        WakeAt = long.MaxValue;
        if (!_lifeDurable)
        {
            // Nothing is said before the disk knows of this start.
            _syncDue = true;
            return;
        }

        // Each step makes room for the next, so that nothing that could be done now waits for another input: dropping
        // makes room in the window, and assigning an own number makes room in the pipeline.
        DropWhatAllHold();
        Reform(now);
        NoteWhenComplete();
        if (_operates)
        {
            do
            {
                SendOwnRequests();
            } while (AssignNumbers());
        }

        if (!_options.Journal)
        {
            RecordHeld(_claims);
        }

        if (!IsJoining)
        {
            SendDurable(now);
        }

        DeliverStable();
        KeepAlive(now);
    }

    private void SendOwnRequests()
    {
        var own = _requests[_self];
        while (
            !_submissions.IsEmpty
            && OwnUnderWay < _options.Window
            && (own.Contiguous - _numbered[_self] < _options.Pipeline || _submissions.FillsBody)
        )
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

    /// <summary>Rule 1. In a group of one the member assigns every number; otherwise at most one at a time.</summary>
    private bool AssignNumbers()
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
    /// Chooses the Request that gets the next number. Only the first unnumbered Request of each member can (rule 1(b)).
    /// Among these, the next member after the one served last wins, so that a flood from one member starves nobody.
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
    /// Own Requests and Sequences go out once they are on disk. So a member that dies and comes back never sends
    /// anything else under the same number.
    /// </summary>
    private void SendDurable(long now)
    {
        while (_sentOwn < _claims.Locals[_self])
        {
            var id = new RequestId(_self, ++_sentOwn);
            ref var request = ref _requests[_self][id.Local];
            Outbox.AddRequest(Outbox.All, id, request.Body);
            request.LastSent = LastSent.ToAll(now);
        }

        // Only every n-th number is this member's.
        for (var k = _sentSequence + 1; k <= _claims.Sequences; k++)
        {
            if (k % _members == _self)
            {
                ref var sequence = ref _sequences[k];
                Outbox.AddSequence(Outbox.All, k, sequence.Id);
                sequence.LastSent = LastSent.ToAll(now);
            }
        }

        _sentSequence = _claims.Sequences;
    }

    /// <summary>
    /// Rule 2. Also, only what is durable here is delivered, so that the application is never ahead of the journal.
    /// </summary>
    private void DeliverStable()
    {
        Span<long> held = stackalloc long[_members];
        for (var m = 0; m < _members; m++)
        {
            held[m] =
                m != _self ? _peers[m].Held
                : _durableEpoch == 0 ? -1
                : _claims.Held;
        }

        held.Sort();
        // The lowest position of the best majority: that many members hold at least this much.
        Stable = Math.Max(Stable, held[_members - _majority]);
        while (Delivered < Math.Min(Stable, _claims.Held) && !_stateLost)
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

        _allHeld = Math.Max(_allHeld, all);
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
        public LastSent LastSent;

        public readonly ReadOnlySpan<byte> Body => Buffer.AsSpan(0, Length);
    }

    private struct HeldSequence
    {
        public RequestId Id;
        public LastSent LastSent;
    }
}
