using System.Buffers;
using System.Runtime.InteropServices;
using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>
/// Sees everything, and checks the rules at each step. It keeps its own books of what each member really holds: from
/// the journals, or without them from what reached the member, but never from the member's own claims.
/// </summary>
internal sealed class RuleObserver
{
    /// <summary>Most questions in quick succession to the same member for the same message.</summary>
    private const int MaxQuestions = 20;

    private readonly Setup _setup;
    private readonly int _majority;
    private readonly Holdings[] _holdings;
    private readonly Claims[] _claimed;

    /// <summary>The highest own Request and Sequence that each member has sent to all.</summary>
    private readonly Claims[] _sentToAll;
    private readonly long[] _delivered;
    private readonly long[] _restored;
    private readonly int[] _applied;
    private readonly long[] _couldBeServedFrom;
    private readonly Claims _claims;
    private readonly byte[] _anyCheckpoint;
    private readonly Dictionary<(int Member, int To, int Sender, long Number), Questions> _asked = [];
    private readonly long[][] _lastHeard;

    /// <summary>
    /// The first and the last question of each member since its start, and when each other member first answered one.
    /// </summary>
    private readonly long[] _firstQuestion;
    private readonly long[] _lastQuestion;

    /// <summary>
    /// For each member whose disk has lost something, what it held before; null once that is made good.
    /// </summary>
    private readonly long?[] _lost;

    /// <summary>The incarnation of each member's journal, and the most that each incarnation ever held.</summary>
    private readonly long[] _incarnations;
    private readonly Dictionary<long, long> _heldBy = [];

    /// <summary>What each member knows to be held by a majority.</summary>
    private readonly long[] _stable;

    /// <summary>The epoch that each member is in, on its disk.</summary>
    private readonly long[] _epoch;

    /// <summary>Where each member began with a copy of another's state.</summary>
    private readonly long[] _copied;

    /// <summary>The epoch of each member's last datagram.</summary>
    private readonly long[] _view;

    /// <summary>Incarnations that have entered an epoch; only these count.</summary>
    private readonly HashSet<long> _entered = [];
    private readonly long[][] _answered;

    public RuleObserver(Setup setup)
    {
        _setup = setup;
        var members = setup.Members;
        _majority = (members / 2) + 1;
        History = new GroupHistory(members);
        _holdings = [.. Enumerable.Range(0, members).Select(_ => new Holdings(History, members))];
        _claimed = [.. Enumerable.Range(0, members).Select(_ => new Claims(members))];
        _sentToAll = [.. Enumerable.Range(0, members).Select(_ => new Claims(members))];
        _claims = new Claims(members);
        _delivered = new long[members];
        _couldBeServedFrom = new long[members];
        _restored = new long[members];
        _firstQuestion = [.. Enumerable.Repeat(long.MaxValue, members)];
        _lastQuestion = new long[members];
        _answered = [.. Enumerable.Range(0, members).Select(_ => Enumerable.Repeat(long.MaxValue, members).ToArray())];
        _lastHeard = [.. Enumerable.Range(0, members).Select(_ => new long[members])];
        _applied = new int[members];
        _lost = new long?[members];
        _incarnations = new long[members];
        _view = new long[members];
        _stable = new long[members];
        _epoch = new long[members];
        _copied = [.. Enumerable.Repeat(-1L, members)];
        var checkpoint = new ArrayBufferWriter<byte>();
        JournalFormat.WriteCheckpoint(checkpoint, JournalState.Fresh(0, members, 1));
        _anyCheckpoint = checkpoint.WrittenSpan.ToArray();
    }

    public GroupHistory History { get; }

    /// <summary>The highest number that any member has delivered.</summary>
    public long DeliveredAnywhere { get; private set; } = -1;

    /// <summary>What a member really holds.</summary>
    public Holdings HoldingsOf(int member) => _holdings[member];

    /// <summary>Whether a member's disk has lost something that is not made good yet.</summary>
    public bool HasLost(int member) => _lost[member] is not null;

    /// <summary>A member's disk loses something.</summary>
    public void Loses(int member)
    {
        _lost[member] = Math.Max(_lost[member] ?? -1, _holdings[member].Held);
        _claimed[member].Clear();
    }

    /// <summary>A member starts with the content of its journal.</summary>
    public void Begins(int member, JournalState state, BroadcastCore core)
    {
        if (_incarnations[member] != state.Incarnation)
        {
            _claimed[member].Clear();
            _sentToAll[member].Clear();
        }

        _incarnations[member] = state.Incarnation;
        if (state.Epoch.Number > (History.Epoch?.Number ?? 0))
        {
            // A write that was under way when it died is on disk all the same.
            Enters(member, state.Epoch);
        }

        _epoch[member] = state.Epoch.Number;
        if (state.Epoch.Number > 0)
        {
            _entered.Add(state.Incarnation);
        }

        _copied[member] = state.AllHeld < state.Dropped ? state.Dropped : _copied[member];
        Restore(member, state);
        _delivered[member] = _restored[member] = state.Applied;
        _stable[member] = -1;
        _firstQuestion[member] = long.MaxValue;
        _lastQuestion[member] = 0;
        Array.Fill(_answered[member], long.MaxValue);
        ForgetQuestions(member);
        BrokenRule.Unless(
            !_claimed[member].ExceedsAnyOf(core.Claims),
            "what is claimed survives",
            $"member {member} claimed more before its crash than it claims after"
        );
    }

    public void ApplicationGoesOn(int member, long position) => _applied[member] = History.OrderedUpTo(position);

    /// <summary>A write of the journal is on disk; the content is that of the whole journal.</summary>
    public void Synced(int member, ReadOnlySpan<byte> bytes, bool replaces, ReadOnlySpan<byte> content)
    {
        if (replaces)
        {
            var state = JournalFormat.Read(bytes, out _)!;
            if (state.Epoch.Number > _epoch[member])
            {
                Enters(member, state.Epoch);
            }

            Restore(member, state);
            if (state.Epoch.Number == (History.Epoch?.Number ?? 0))
            {
                CheckClaims(member, _claimed[member]);
            }

            return;
        }

        var written = JournalFormat.Read([.. _anyCheckpoint, .. bytes], out _)!;
        if (written.Epoch.Number > 0 || written.Joins > 0)
        {
            if (written.Epoch.Number > 0)
            {
                Enters(member, written.Epoch);
            }

            Restore(member, JournalFormat.Read(content, out _)!);
            return;
        }

        Add(member, written);
    }

    private void ForgetQuestions(int member)
    {
        foreach (var question in _asked.Keys.Where(q => q.Member == member).ToList())
        {
            _asked.Remove(question);
        }
    }

    private void Enters(int member, Epoch epoch)
    {
        var everywhere = ulong.MaxValue;
        var before = History.Epoch;
        History.Enter(epoch, DeliveredAnywhere);
        _epoch[member] = epoch.Number;
        _entered.Add(_incarnations[member]);
        _claimed[member].Lower(epoch.Cut, epoch.Locals, everywhere);
        _sentToAll[member].Lower(epoch.Cut, epoch.Locals, 0);
        if (before?.Number >= epoch.Number)
        {
            return;
        }

        foreach (var incarnation in epoch.Incarnations)
        {
            _heldBy[incarnation] = Math.Min(_heldBy.GetValueOrDefault(incarnation, -1), epoch.Cut);
        }

        for (var m = 0; m < _lost.Length; m++)
        {
            _lost[m] = _lost[m] is { } lost ? Math.Min(lost, epoch.Cut) : null;
            _couldBeServedFrom[m] = epoch.Cut + 1;
        }
    }

    /// <summary>A datagram reached a member's core. Without a journal its messages are held from now on.</summary>
    public void Receives(int member, ReadOnlySpan<byte> datagram, long now)
    {
        if (!DatagramReader.TryOpen(datagram, _claims, out var reader) || reader.Sender == member)
        {
            return;
        }

        _lastHeard[member][reader.Sender] = now;
        var holdings = _holdings[member];
        while (reader.TryNext(out var message))
        {
            if (message.Kind > MessageKind.Retransmit)
            {
                // It is about epochs.
            }
            else if (message.Kind == MessageKind.Retransmit)
            {
                if (message.Answer >= _firstQuestion[member] && message.Answer <= _lastQuestion[member])
                {
                    _answered[member][reader.Sender] = Math.Min(_answered[member][reader.Sender], now);
                }
            }
            else if (_setup.Journal)
            {
                // It is held once it is on disk.
            }
            else if (message.Kind == MessageKind.Request)
            {
                holdings.Requests[message.Id.Sender].Add(message.Id.Local);
            }
            else
            {
                holdings.Sequences.Add(message.Number);
            }
        }

        Advance(member);
    }

    /// <summary>
    /// A member sends a datagram. Its messages come before its claims: without a journal, a sent message is a held
    /// one.
    /// </summary>
    public void Sends(int member, int to, ReadOnlySpan<byte> datagram, long now)
    {
        BrokenRule.Unless(
            datagram.Length + Seal.Length <= _setup.MaxDatagram,
            "a datagram is no longer than allowed",
            $"member {member} sends {datagram.Length} B"
        );
        BrokenRule.Unless(
            DatagramReader.TryOpen(datagram, _claims, out var reader),
            "datagrams are well formed",
            $"member {member} sends garbage"
        );
        if (_view[member] != reader.Epoch)
        {
            _view[member] = reader.Epoch;
            ForgetQuestions(member);
        }

        while (reader.TryNext(out var message))
        {
            CheckThatItIsForAll(member, to, message);
            switch (message.Kind)
            {
                case MessageKind.Request when message.Id.Sender == member:
                    SendsOwnRequest(member, message.Id, message.Body);
                    break;
                case MessageKind.Request:
                    History.CheckBody(message.Id, message.Body);
                    break;
                case MessageKind.Sequence when message.Number % _setup.Members == member:
                    SendsOwnSequence(member, message.Number, message.Id);
                    break;
                case MessageKind.Sequence:
                    History.CheckSequence(message.Number, message.Id);
                    break;
                case > MessageKind.Retransmit:
                    break;
                default:
                    CheckMissing(member, to, message, reader.Joins, now);
                    break;
            }
        }

        BrokenRule.Unless(!reader.Malformed, "datagrams are well formed", $"member {member} sends a malformed message");
        if (!reader.Joins)
        {
            _claimed[member].Raise(_claims);
        }
    }

    public void CheckClaims(int member, ReadOnlySpan<byte> datagram)
    {
        DatagramReader.TryOpen(datagram, _claims, out var reader);
        // What a member of an earlier epoch holds may be void. Its claims, and those of one that joins, count for
        // nobody.
        if (!reader.Joins && reader.Epoch >= (History.Epoch?.Number ?? 0))
        {
            CheckClaims(member, _claims);
        }
    }

    /// <summary>
    /// Rule 2(b): what a member knows to be held by a majority is, at the moment at which it learns it. Only the
    /// incarnations of its epoch count.
    /// </summary>
    public void Acted(int member, BroadcastCore core)
    {
        if (core.Stable <= _stable[member])
        {
            return;
        }

        var stable = _stable[member] = core.Stable;
        var holders = core.Incarnations.Count(i =>
            (_entered.Contains(i) || !_setup.Journal) && _heldBy.GetValueOrDefault(i, -1) >= stable
        );
        BrokenRule.Unless(
            holders >= _majority,
            "rule 2(b)",
            $"member {member} takes {stable} to be stable, which {holders} of {_holdings.Length} hold "
                + $"({HoldersOf(core.Incarnations)})"
        );
    }

    /// <summary>Rule 2.</summary>
    public void Delivers(int member, in DeliveredRequest request)
    {
        var number = request.Number;
        BrokenRule.Unless(
            number == _delivered[member] + 1,
            "rule 2(a)",
            $"member {member} delivers {number} after {_delivered[member]}"
        );
        _delivered[member] = number;
        BrokenRule.Unless(
            number <= Math.Max(_stable[member], _restored[member]),
            "rule 2(b)",
            $"member {member} delivers {number}, but knows of a majority only up to {_stable[member]}"
        );
        BrokenRule.Unless(
            _holdings[member].Held >= number,
            "a member delivers what it holds itself",
            $"member {member} does not hold {number}"
        );
        History.CheckSequence(number, request.Id);
        History.CheckBody(request.Id, request.Body.Span);
        DeliveredAnywhere = Math.Max(DeliveredAnywhere, number);
    }

    private string HoldersOf(IEnumerable<long> incarnations) =>
        string.Join(
            ' ',
            incarnations.Select(i => $"{_heldBy.GetValueOrDefault(i, -1)}{(_entered.Contains(i) ? "" : " joins")}")
        );

    public void Applies(int member, long number, int sender, ReadOnlySpan<byte> payload)
    {
        BrokenRule.Unless(
            number <= _delivered[member],
            "the application gets what was delivered",
            $"member {member} applies {number}"
        );
        History.Applies(member, _applied[member]++, number, sender, payload);
    }

    /// <summary>Checks the watermarks after each step.</summary>
    public void Check(int member, BroadcastCore core)
    {
        var claims = core.Claims;
        BrokenRule.Unless(
            core.Dropped <= core.Applied
                && core.Applied <= core.Delivered
                && core.Delivered <= Math.Max(Math.Min(core.Stable, claims.Held), _restored[member])
                && core.Delivered == _delivered[member]
                && claims.Held <= core.Received
                && core.Received <= core.Known
                && claims.Held <= claims.Sequences,
            "Dropped ≤ Applied ≤ Delivered ≤ min(Stable, held) ≤ Received",
            $"member {member}: {core.Dropped}, {core.Applied}, {core.Delivered}, {core.Stable}, {claims.Held}, "
                + $"{core.Received}"
        );
        if (_lost[member] is { } lost && core.Operates)
        {
            if (History.Epoch?.Number is not { } latest || core.EpochNumber == latest)
            {
                History.Forget(member, claims);
                _sentToAll[member].Locals[member] = Math.Min(_sentToAll[member].Locals[member], claims.Locals[member]);
                _sentToAll[member].Sequences = Math.Min(_sentToAll[member].Sequences, claims.Sequences);
            }

            _lost[member] = _holdings[member].Held >= lost ? null : lost;
        }

        for (var m = 0; m < _holdings.Length; m++)
        {
            BrokenRule.Unless(
                _lost[m] is not null || _holdings[m].Held >= core.Dropped || core.Dropped <= _copied[member],
                "only what all hold is dropped",
                $"member {member} dropped {core.Dropped}, {m} holds {_holdings[m].Held}"
            );
        }
    }

    public void CheckAllDelivered()
    {
        History.CheckNothingWasLost();
        for (var m = 0; m < _applied.Length; m++)
        {
            BrokenRule.Unless(
                _applied[m] == History.Ordered,
                "everything is delivered everywhere",
                $"member {m} delivered {_applied[m]} payloads of {History.Ordered}"
            );
        }
    }

    /// <summary>Only new messages go to all; an answer goes to the asker alone.</summary>
    private void CheckThatItIsForAll(int member, int to, in Message message)
    {
        var isNew = message.Kind switch
        {
            MessageKind.Request => message.Id.Sender == member && message.Id.Local > _sentToAll[member].Locals[member],
            MessageKind.Sequence => message.Number % _setup.Members == member
                && message.Number > _sentToAll[member].Sequences,
            MessageKind.Retransmit => message.Missing.IsEmpty,
            _ => false,
        };
        BrokenRule.Unless(
            to != Outbox.All || isNew,
            "an answer goes to the asker only",
            $"member {member} sends {message.Kind} {message.Number} {message.Id} to all again"
        );
        if (to == Outbox.All && message.Kind == MessageKind.Request)
        {
            _sentToAll[member].Locals[member] = message.Id.Local;
        }
        else if (to == Outbox.All && message.Kind == MessageKind.Sequence)
        {
            _sentToAll[member].Sequences = message.Number;
        }
    }

    private void SendsOwnRequest(int member, RequestId id, ReadOnlySpan<byte> body)
    {
        var isNew = id.Local > _claimed[member].Locals[member];
        History.OwnRequest(member, id.Local, body);
        var own = _holdings[member].Requests[member];
        if (_setup.Journal)
        {
            BrokenRule.Unless(
                own.Contains(id.Local),
                "a member sends what is on disk",
                $"member {member} sends Request {id} before it is"
            );
        }

        own.Add(id.Local);
        for (var m = 0; isNew && m < _holdings.Length; m++)
        {
            // What the incarnation before had under way comes on top of that.
            var window = _copied[member] < 0 ? _setup.Window : 2 * _setup.Window;
            var ahead = id.Local - History.NumberedUpTo(member, Math.Max(_holdings[m].Held, _lost[m] ?? -1));
            BrokenRule.Unless(
                ahead < window,
                "a window bounds how far the group runs ahead",
                $"{id} is {ahead} ahead of what {m} holds"
            );
        }
    }

    /// <summary>Rule 1.</summary>
    private void SendsOwnSequence(int member, long number, RequestId id)
    {
        var holdings = _holdings[member];
        BrokenRule.Unless(
            holdings.Held >= number - 1 && holdings.Requests[id.Sender].Contains(id.Local),
            "rule 1(a)",
            $"member {member} sends Sequence {number} = {id} but holds everything only up to {holdings.Held}"
        );
        var isNew = number == History.Numbers;
        History.OwnSequence(member, number, id);
        if (isNew)
        {
            CheckFairness(number, id.Sender);
        }

        if (_setup.Journal)
        {
            BrokenRule.Unless(
                holdings.Sequences.Contains(number),
                "a member sends what is on disk",
                $"member {member} sends Sequence {number} before it is"
            );
        }

        holdings.Sequences.Add(number);
        Advance(member);
    }

    private void Advance(int member)
    {
        _holdings[member].Advance();
        var incarnation = _incarnations[member];
        _heldBy[incarnation] = Math.Max(_heldBy.GetValueOrDefault(incarnation, -1), _holdings[member].Held);
    }

    private void CheckMissing(int member, int to, in Message message, bool joins, long now)
    {
        if (message.Ask != 0)
        {
            _firstQuestion[member] = Math.Min(_firstQuestion[member], message.Ask);
            _lastQuestion[member] = message.Ask;
        }

        var missing = message.Missing;
        while (MissingRange.TryRead(ref missing, _setup.Members, out var range))
        {
            var sequences = range.Sender == MissingRange.Sequences;
            var exist = sequences ? History.Numbers : History.RequestsOf(range.Sender);
            BrokenRule.Unless(
                range.First + range.Count <= exist,
                "only what exists is asked for",
                $"member {member} asks for {range}"
            );
            // A member that joins lets go of what an earlier epoch left, before its disk does. Without a journal the
            // books also count messages that the member ignored at a full window.
            var held = sequences ? _holdings[member].Sequences : _holdings[member].Requests[range.Sender];
            for (var i = range.First; i < range.First + range.Count; i++)
            {
                BrokenRule.Unless(
                    !_setup.Journal || joins || !held.Contains(i),
                    "only what is missing is asked for",
                    $"member {member} holds {i} of {range}"
                );
                var owner = sequences ? (int)(i % _setup.Members) : range.Sender;
                ref var asked = ref CollectionsMarshal.GetValueRefOrAddDefault(
                    _asked,
                    (member, to, range.Sender, i),
                    out var before
                );
                // Before the first answer the timeout is a guess; and questions to another holder follow the owner's
                // round trip.
                var isKnown = 2 * _setup.Delay <= 500 || (to == owner && asked.Last > _answered[member][to]);
                BrokenRule.Unless(
                    !before || !isKnown || now - asked.Last >= 2 * _setup.Delay,
                    "never asked twice within a round trip",
                    $"member {member} asks {to} for {i} of {range} after {now - asked.Last} µs"
                );
                var answered = to != Outbox.All && _lastHeard[member][to] > asked.Last;
                asked = before && !answered ? asked with { Last = now, Count = asked.Count + 1 } : new(now, now, 1);
                BrokenRule.Unless(
                    asked.Count <= MaxQuestions + ((now - asked.First) / 200_000),
                    "a member that does not answer is asked less and less often",
                    $"member {member} asks {to} for {i} of {range} the {asked.Count}th time "
                        + $"since {now - asked.First} µs"
                );
            }
        }
    }

    private readonly record struct Questions(long First, long Last, int Count);

    private void CheckClaims(int member, Claims claims)
    {
        var holdings = _holdings[member];
        BrokenRule.Unless(
            claims.Held <= holdings.Held && claims.Sequences <= holdings.Sequences.Contiguous,
            "claims name only what would survive",
            $"member {member} claims {claims.Held} and Sequences {claims.Sequences}, "
                + $"but holds {holdings.Held} and {holdings.Sequences.Contiguous}"
        );
        for (var s = 0; s < holdings.Requests.Length; s++)
        {
            BrokenRule.Unless(
                claims.Locals[s] <= holdings.Requests[s].Contiguous,
                "claims name only what would survive",
                $"member {member} claims Requests of {s} up to {claims.Locals[s]}, "
                    + $"but holds {holdings.Requests[s].Contiguous}"
            );
        }
    }

    private void Restore(int member, JournalState state)
    {
        for (var s = 0; s < _setup.Members; s++)
        {
            BrokenRule.Unless(
                state.DroppedLocals[s] == History.NumberedUpTo(s, state.Dropped) - 1,
                "a checkpoint records what was dropped",
                $"member {member} dropped {state.Dropped}, and of {s} up to {state.DroppedLocals[s]}"
            );
        }

        _holdings[member].Begin(state.Dropped, state.DroppedLocals);
        if (History.Epoch is { } latest && state.Epoch.Number < latest.Number)
        {
            AddWhatIsValid(member, state, latest);
        }
        else
        {
            Add(member, state);
        }
    }

    /// <summary>A member that is still in an earlier epoch holds things that a later one has made void.</summary>
    private void AddWhatIsValid(int member, JournalState state, Epoch latest)
    {
        foreach (var (id, _) in state.Requests)
        {
            var stays =
                state.Epoch.Number > 0
                    ? state.Epoch.Incarnations[id.Sender] == latest.Incarnations[id.Sender]
                    : state.Joins >= latest.Number;
            if (stays || id.Local <= latest.Locals[id.Sender])
            {
                _holdings[member].Requests[id.Sender].Add(id.Local);
            }
        }

        foreach (var (number, _) in state.Sequences)
        {
            if (number <= latest.Cut)
            {
                _holdings[member].Sequences.Add(number);
            }
        }

        Advance(member);
    }

    private void Add(int member, JournalState state)
    {
        var holdings = _holdings[member];
        foreach (var (id, body) in state.Requests)
        {
            if (id.Sender == member)
            {
                History.OwnRequest(member, id.Local, body);
            }
            else
            {
                History.CheckBody(id, body);
            }

            holdings.Requests[id.Sender].Add(id.Local);
        }

        foreach (var (number, id) in state.Sequences)
        {
            if (number < History.Numbers || number % _setup.Members != member)
            {
                History.CheckSequence(number, id);
            }
            else
            {
                History.OwnSequence(member, number, id);
                CheckFairness(number, id.Sender);
            }

            holdings.Sequences.Add(number);
        }

        Advance(member);
    }

    /// <summary>
    /// A Request that every sequencer could choose gets a number before another member gets more than a few.
    /// </summary>
    private void CheckFairness(long number, int served)
    {
        for (var s = 0; s < _setup.Members; s++)
        {
            var first = History.NumberedUpTo(s, number);
            if (s == served || _holdings.Any(h => !h.Requests[s].Contains(first)))
            {
                _couldBeServedFrom[s] = number + 1;
            }

            BrokenRule.Unless(
                number - _couldBeServedFrom[s] < 2 * _setup.Members,
                "among several Requests the choice is fair",
                $"the next of {s} was everywhere from number {_couldBeServedFrom[s]}, "
                    + $"and {number} still went to {served}"
            );
        }
    }
}
