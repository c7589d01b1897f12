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
/// Request that these name, and (b) every Request of s below q has a number: <see cref="Turns"/>.</item>
/// <item>A member delivers g only when (a) it has delivered everything below g, and (b) it knows that a majority,
/// itself included, holds everything up to g: <see cref="Stability"/>.</item>
/// <item>Claims name only what would survive a crash: <see cref="JournalSyncs"/>.</item>
/// </list>
/// <para>
/// Here is only what goes in and comes out, and in which order things are done. The parts have state of their own, and
/// share three things: what this member holds (<see cref="MessageLog"/>), what it knows of the others
/// (<see cref="Peers"/>), and where it stands among the epochs (<see cref="Membership"/>).
/// </para>
/// </summary>
internal sealed class BroadcastCore
{
    private readonly CoreOptions _options;

    private readonly MessageLog _log;
    private readonly Peers _peers;
    private readonly Membership _membership;

    private readonly Schedule _schedule;
    private readonly JournalRecords _records;
    private readonly Questions _questions;
    private readonly OwnMessages _own;
    private readonly Turns _turns;
    private readonly Stability _stability;
    private readonly Acknowledgements _acknowledgements;
    private readonly PartialRequests _partial;
    private readonly GapRepair _repair;
    private readonly LagProbes _probes;
    private readonly Intake _intake;
    private readonly ReadBarrier _barrier;
    private readonly RetransmitAnswers _answers;
    private readonly Heartbeat _heartbeat;
    private readonly JournalSyncs _syncs;
    private readonly Checkpoints _checkpoints;
    private readonly Greetings _greetings;
    private readonly Proposals _proposals;
    private readonly PeerLives _lives;
    private readonly ViewChange _viewChange;
    private readonly Epochs _epochs;
    private readonly Inbox _inbox;

    /// <summary>A new member, or one that continues from its journal.</summary>
    /// <exception cref="JournalLostException">The application is ahead of the journal.</exception>
    public BroadcastCore(CoreOptions options, JournalState state, long now)
    {
        _options = options;
        Counters = options.Counters ?? new CoreCounters();
        var life = new OwnLife(state, options.Life);

        _log = new(options, state);
        _peers = new(options, state.Heard);
        _records = new(options.Journal);
        _membership = new(options, state, _peers, _records);
        Outbox = new Outbox(options.Self, life.Id, options.MaxDatagram, _log.Claims)
        {
            Epoch = _membership.View.Number,
            Joins = _membership.IsJoining,
            LivesHeard = state.LivesHeard,
        };

        _schedule = new(options);
        _questions = new(options, _peers, Outbox, Counters);
        _own = new(options, _log, _records, Outbox);
        _turns = new(options, _log, _membership, _peers, _own, _records, Outbox, _schedule, Counters);
        _stability = new(options, _log, _membership, _peers);
        _acknowledgements = new(options, _log, _turns, Outbox, _schedule);

        _partial = new(options);
        _repair = new(options, _log, _membership, _peers, _partial, _questions, _schedule);
        _probes = new(options, _log, _peers, _questions, _schedule);
        _intake = new(options, _log, _membership, _peers, _partial, _repair, _probes, _records, Counters);
        _barrier = new(options, _log, _membership, _peers, _questions, _schedule);
        _answers = new(options, _log, _peers, _barrier, _questions, Outbox, Counters);
        _heartbeat = new(options, _peers, _questions, Outbox, _schedule, now);

        _syncs = new(options, _log, _membership, _peers, _turns, _acknowledgements, _records, _schedule, Counters);
        _checkpoints = new(options, life, _log, _membership, _peers, Outbox);

        _greetings = new(life, _log, _membership, _peers, _questions, Outbox);
        _proposals = new(options, life, _log, _membership, _peers, _greetings, Outbox);
        _lives = new(
            options,
            life,
            _log,
            _membership,
            _peers,
            _barrier,
            _proposals,
            _greetings,
            _questions,
            _records,
            Outbox,
            _schedule
        );
        _viewChange = new(
            options,
            _log,
            _membership,
            _peers,
            _own,
            _turns,
            _repair,
            _probes,
            _barrier,
            _acknowledgements,
            _syncs,
            Outbox
        );
        _epochs = new(options, life, _log, _membership, _peers, _proposals, _viewChange, _own, _barrier, Outbox);

        _inbox = new(options, _membership, _peers, _intake, _answers, _lives, _proposals, _epochs, Counters);

        if (options.Formed is { } lives)
        {
            _peers.BeginFormed(lives, _membership.Epoch);
            _membership.BeginFormed();
            _barrier.Complete();
        }
        else
        {
            _records.AddLife(life.Number, life.Id);
        }
    }

    /// <summary>The datagrams to send.</summary>
    public Outbox Outbox { get; }

    /// <summary>Records to write and sync, if there is a journal; see <see cref="BeginSync"/>.</summary>
    public ArrayBufferWriter<byte> Records => _records.Waiting;

    /// <summary>
    /// Requests to hand to the application, in order. Their buffers are valid until <see cref="OnApplied"/> reports
    /// them as applied.
    /// </summary>
    public Queue<DeliveredRequest> Deliveries => _stability.Deliveries;

    /// <summary>When to call <see cref="Act"/> next, if nothing comes in before.</summary>
    public long WakeAt => _schedule.WakeAt;

    /// <summary>Whether the waiting records are due for a sync.</summary>
    public bool WantsSync => _syncs.IsWanted;

    /// <summary>The counters so far.</summary>
    public CoreCounters Counters { get; }

    /// <inheritdoc cref="MessageLog.Dropped"/>
    public long Dropped => _log.Dropped;

    /// <inheritdoc cref="MessageLog.Applied"/>
    public long Applied => _log.Applied;

    /// <inheritdoc cref="MessageLog.Delivered"/>
    public long Delivered => _log.Delivered;

    /// <inheritdoc cref="MessageLog.Stable"/>
    public long Stable => _log.Stable;

    /// <inheritdoc cref="MessageLog.Received"/>
    public long Received => _log.Received;

    /// <inheritdoc cref="MessageLog.Known"/>
    public long Known => _log.Known;

    /// <inheritdoc cref="MessageLog.Claims"/>
    public Claims Claims => _log.Claims;

    /// <inheritdoc cref="MessageLog.IsNextSequencer"/>
    public bool IsNextSequencer => _log.IsNextSequencer;

    /// <inheritdoc cref="OwnMessages.First"/>
    public long FirstLocal => _own.First;

    /// <summary>Bytes of payloads that wait to be sent; the caller bounds them.</summary>
    public long WaitingBytes => _own.WaitingBytes;

    /// <summary>Whether something waits for room in a window, which <see cref="OnApplied"/> may make.</summary>
    public bool WaitsForRoom => _own.WaitsForRoom || _log.LacksRoom;

    /// <inheritdoc cref="Membership.IsJoining"/>
    public bool IsJoining => _membership.IsJoining;

    /// <summary>Whether this member takes part: its group has formed, and all members agree.</summary>
    public bool Operates => _membership.Operates;

    /// <summary>The number of the epoch that this member is in, 0 while it joins.</summary>
    public long EpochNumber => _membership.Epoch.Number;

    /// <summary>The cut of that epoch: numbers above it that were known before are void.</summary>
    public long Cut => _membership.Epoch.Cut;

    /// <summary>The incarnation of each member in the epoch that this member is in, or joins.</summary>
    public IReadOnlyList<long> Incarnations => _membership.View.Incarnations;

    /// <inheritdoc cref="Epochs.StateHolders"/>
    public IReadOnlyList<int> StateHolders => _epochs.StateHolders;

    /// <inheritdoc cref="Epochs.WaitsFor"/>
    public IReadOnlyList<int> WaitsFor => _epochs.WaitsFor;

    /// <inheritdoc cref="Proposals.MaxLost"/>
    public int MaxLost => _proposals.MaxLost;

    /// <inheritdoc cref="Proposals.LostForGood"/>
    public IReadOnlyList<int> LostForGood => _proposals.LostForGood;

    /// <inheritdoc cref="ReadBarrier.CanRead"/>
    public bool CanRead => _barrier.CanRead;

    /// <summary>Whether a barrier round is under way.</summary>
    public bool BarrierUnderWay => _barrier.IsUnderWay;

    /// <inheritdoc cref="Peers.HeardSince"/>
    public int HeardSince(long since) => _peers.HeardSince(since);

    /// <summary>
    /// What this member knows of another. Any thread may ask: each value is one that the loop's thread wrote, though
    /// perhaps not all in the same step.
    /// </summary>
    public (long LastHeard, long? RoundTrip) KnownOf(int member)
    {
        var peer = _peers[member];
        var roundTrip = peer.RoundTrip;
        return (Volatile.Read(ref peer.LastHeard), roundTrip.IsMeasured ? roundTrip.Smoothed : null);
    }

    /// <summary>Broadcasts a payload; it must not change before it is delivered here.</summary>
    public void Submit(ReadOnlyMemory<byte> payload) => _own.Submit(payload);

    /// <summary>The application has applied everything up to <paramref name="number"/>.</summary>
    public void OnApplied(long number) => _log.Apply(number);

    /// <summary>Begins a round. Reads that began before it may use its result.</summary>
    public void StartBarrier(long now) => _barrier.Start(now);

    /// <summary>
    /// The result of a round that a majority has answered. When a new epoch begins, a reader waits for no more than its
    /// <see cref="Cut"/>: nothing above it was delivered.
    /// </summary>
    public bool TryFinishBarrier(out long target) => _barrier.TryFinish(out target);

    /// <summary>The caller has copied <see cref="Records"/> and begins to write and sync them.</summary>
    public void BeginSync() => _syncs.Begin();

    /// <summary>The records of <see cref="BeginSync"/> or <see cref="BeginCheckpoint"/> are on disk.</summary>
    public void SyncCompleted() => _syncs.Completed();

    /// <summary>
    /// Writes everything that a new journal begins with, in place of the waiting records; then does the same as
    /// <see cref="BeginSync"/>. The application must have made everything up to <see cref="Applied"/> durable. There,
    /// <paramref name="partial"/> is its assembler's state, and <paramref name="position"/> the last number that had
    /// effects.
    /// </summary>
    public void BeginCheckpoint(IBufferWriter<byte> journal, long position, byte[][] partial)
    {
        _checkpoints.Write(journal, position, partial);
        _syncs.Begin();
    }

    /// <summary>
    /// The caller begins to copy the application's state from one of <see cref="StateHolders"/>. Another core goes on
    /// from <see cref="WithCopy"/>; this one never enters.
    /// </summary>
    public void BeginCopy() => _membership.LoseState();

    /// <inheritdoc cref="Checkpoints.WithCopy"/>
    public JournalState WithCopy(JournalState copied) => _checkpoints.WithCopy(copied);

    /// <summary>Takes a datagram whose seal was good. Malformed ones are counted and dropped.</summary>
    /// <exception cref="ProtocolViolationException">The datagram shows that the group's rules were broken.</exception>
    public void Receive(ReadOnlySpan<byte> datagram, long now)
    {
        // An answer would come from a start that the disk does not know of.
        if (_syncs.IsLifeDurable)
        {
            _inbox.Receive(datagram, now);
        }
    }

    /// <summary>
    /// Does everything that is due after some inputs. Receive all waiting datagrams before: on a busy machine most gaps
    /// are only a matter of the order in which datagrams are read.
    /// </summary>
    public void Act(long now)
    {
        _schedule.Clear();
        if (!_syncs.IsLifeDurable)
        {
            // Nothing is said before the disk knows of this start.
            _syncs.SyncNow();
            return;
        }

        // Each step makes room for the next, so that nothing that could be done now waits for another input: dropping
        // makes room in the window, and assigning an own number makes room in the pipeline.
        _stability.DropWhatAllHold();
        _epochs.Act(now);
        _barrier.NoteWhenComplete();
        if (_membership.Operates)
        {
            do
            {
                _own.MakeRequests();
            } while (_turns.AssignNumbers());
        }

        if (!_options.Journal)
        {
            _log.RecordHeld(_log.Claims);
        }

        if (!_membership.IsJoining)
        {
            _own.SendDurable(now);
        }

        _stability.DeliverStable();
        KeepAlive(now);
    }

    /// <summary>
    /// Keeps the group going when datagrams are lost. A settled group only sends heartbeats.
    /// </summary>
    private void KeepAlive(long now)
    {
        _syncs.ScheduleNext(now);
        if (_options.Members == 1)
        {
            return;
        }

        _acknowledgements.Acknowledge(now);
        for (var m = 0; m < _options.Members; m++)
        {
            if (m == _options.Self)
            {
                if (_membership.IsJoining)
                {
                    _repair.AskForGaps(m, now);
                }

                continue;
            }

            _repair.AskForGaps(m, now);
            _probes.AskIfBehind(m, now);
            if (!_membership.IsSettled)
            {
                _lives.Contact(m, now);
            }
        }

        _turns.RepeatForNextSequencer(now);
        _barrier.Repeat(now);
        _heartbeat.MeasureWhileBusy(now);
        _heartbeat.Beat(now);
    }
}
