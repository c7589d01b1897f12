using System.Buffers;
using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>
/// Sees everything, and checks the rules at each step. It keeps its own books of what each member really holds: from
/// the journals, or without them from what reached the member, but never from the member's own claims.
/// </summary>
internal sealed partial class RuleObserver
{
    private readonly Setup _setup;
    private readonly int _majority;

    // Books are kept by process. Process p is one of member p mod n; a second process of a member has p ≥ n.
    private readonly Holdings[] _holdings;
    private readonly Claims[] _claimed;

    /// <summary>The highest own Request and Sequence that each member has sent to all.</summary>
    private readonly Claims[] _sentToAll;
    private readonly int[] _lastPart;

    /// <summary>Which parts of a Request each member without a journal has.</summary>
    private readonly Dictionary<(int Member, RequestId Id), long> _parts = [];

    /// <summary>The parts of a Request that each member without a journal is sending.</summary>
    private readonly List<byte>[] _unsent;

    private readonly long[] _delivered;
    private readonly long[] _restored;
    private readonly int[] _applied;
    private readonly long[] _couldBeServedFrom;
    private readonly Claims _claims;
    private readonly byte[] _anyCheckpoint;
    private readonly Dictionary<(int Member, int To, int Sender, long Number), QuestionSpan> _asked = [];
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
        var processes = setup.Processes;
        History = new GroupHistory(members, processes);
        _holdings = [.. Enumerable.Range(0, processes).Select(_ => new Holdings(History, members))];
        _claimed = [.. Enumerable.Range(0, processes).Select(_ => new Claims(members))];
        _sentToAll = [.. Enumerable.Range(0, processes).Select(_ => new Claims(members))];
        _lastPart = new int[processes];
        _unsent = [.. Enumerable.Range(0, processes).Select(_ => new List<byte>())];
        _claims = new Claims(members);
        _delivered = new long[processes];
        _couldBeServedFrom = new long[members];
        _restored = new long[processes];
        _firstQuestion = [.. Enumerable.Repeat(long.MaxValue, processes)];
        _lastQuestion = new long[processes];
        _answered =
        [
            .. Enumerable.Range(0, processes).Select(_ => Enumerable.Repeat(long.MaxValue, members).ToArray()),
        ];
        _lastHeard = [.. Enumerable.Range(0, processes).Select(_ => new long[members])];
        _applied = new int[processes];
        _lost = new long?[members];
        _incarnations = new long[processes];
        _view = new long[processes];
        _stable = new long[processes];
        _epoch = new long[processes];
        _copied = [.. Enumerable.Repeat(-1L, processes)];
        _present = [.. Enumerable.Range(0, members)];
        _heard = [.. Enumerable.Range(0, members)];
        _isDoubled = new bool[members];
        _operates = new bool[processes];
        _yetTo = new YetTo[members];
        var checkpoint = new ArrayBufferWriter<byte>();
        JournalFormat.WriteCheckpoint(checkpoint, JournalState.Fresh(0, members, 1));
        _anyCheckpoint = checkpoint.WrittenSpan.ToArray();
    }

    public GroupHistory History { get; }

    /// <summary>The highest number that any member has delivered.</summary>
    public long DeliveredAnywhere { get; private set; } = -1;

    /// <summary>
    /// What a read has to see that begins now. While two processes run with copies of one journal, members may listen
    /// to different ones, and a read may miss something: see "What it does not promise" in docs/rotating-sequencer.md.
    /// </summary>
    public long ReadFloor =>
        Enumerable.Range(0, _setup.Members).Any(m => _isDoubled[m] || _yetTo[m] != YetTo.DoNothing)
            ? -1
            : DeliveredAnywhere;

    /// <summary>What a member really holds.</summary>
    public Holdings HoldingsOf(int member) => _holdings[_present[member]];

    /// <summary>Whether a member began with a copy of another's state: then it has nothing from before.</summary>
    public bool HasAnyCopied => _copied.Any(copied => copied >= 0);

    public void ApplicationGoesOn(int member, long position) => _applied[member] = History.OrderedUpTo(position);

    public void CheckClaims(int member, ReadOnlySpan<byte> datagram)
    {
        DatagramReader.TryOpen(datagram, _claims, out var reader);
        // What a member of an earlier epoch holds may be void. Its claims, and those of one that joins, count for
        // nobody.
        if (!IsPast(member) && !reader.Joins && reader.Epoch >= (History.Epoch?.Number ?? 0))
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
        if (IsPast(member))
        {
            // It counts itself, in the place of the process that took part after it.
            return;
        }

        var holders = core.Incarnations.Count(i =>
            (_entered.Contains(i) || !_setup.Journal) && _heldBy.GetValueOrDefault(i, -1) >= stable
        );
        BrokenRule.Unless(
            holders >= _majority,
            "rule 2(b)",
            $"member {member} takes {stable} to be stable, which {holders} of {_setup.Members} hold "
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
        NoteWhetherItOperates(member, core);
        if (IsPast(member))
        {
            return;
        }

        var id = IdOf(member);
        if (_lost[id] is { } lost && core.Operates)
        {
            if (History.Epoch?.Number is not { } latest || core.EpochNumber == latest)
            {
                History.Forget(id, claims);
                _sentToAll[member].Locals[id] = Math.Min(_sentToAll[member].Locals[id], claims.Locals[id]);
                _sentToAll[member].Sequences = Math.Min(_sentToAll[member].Sequences, claims.Sequences);
            }

            lost = Math.Min(lost, History.Numbers - 1);
            _lost[id] = _holdings[member].Held >= lost ? null : lost;
        }

        for (var m = 0; m < _setup.Members; m++)
        {
            BrokenRule.Unless(
                MayLack(m) || MostHeldBy(m) >= core.Dropped || core.Dropped <= _copied[member],
                "only what all hold is dropped",
                $"member {member} dropped {core.Dropped}, {m} holds {MostHeldBy(m)}"
            );
        }
    }

    public void CheckAllDelivered()
    {
        History.CheckNothingWasLost();
        for (var m = 0; m < _setup.Members; m++)
        {
            var applied = _applied[_present[m]];
            BrokenRule.Unless(
                applied == History.Ordered,
                "everything is delivered everywhere",
                $"member {m} delivered {applied} payloads of {History.Ordered}"
            );
        }
    }

    private void Advance(int member)
    {
        _holdings[member].Advance();
        if (IsPast(member))
        {
            return;
        }

        var incarnation = _incarnations[member];
        _heldBy[incarnation] = Math.Max(_heldBy.GetValueOrDefault(incarnation, -1), _holdings[member].Held);
    }

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
}
