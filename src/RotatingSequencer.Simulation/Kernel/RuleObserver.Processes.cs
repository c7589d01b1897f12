using RotatingSequencer.Core;
using RotatingSequencer.Journal;

namespace RotatingSequencer.Simulation;

/// <content>
/// Two processes of one member, each with a copy of its disk. At most one is heard by all others and takes part.
/// Once the second does, what the first sends and writes is nobody's concern. What it delivers must be right all the
/// same.
/// </content>
internal sealed partial class RuleObserver
{
    /// <summary>The process of each member that goes on when there is but one.</summary>
    private readonly int[] _present;

    /// <summary>The process of each member that took part last.</summary>
    private readonly int[] _heard;

    /// <summary>Whether a member has two processes.</summary>
    private readonly bool[] _isDoubled;

    /// <summary>
    /// Processes, each with the incarnation of a journal, since which another process with a copy of it has taken part.
    /// </summary>
    private readonly HashSet<(int Process, long Incarnation)> _past = [];

    private readonly bool[] _operates;

    /// <summary>
    /// What a member that goes on as one of two processes has yet to do: another member may have heard the other one,
    /// and then this one has lost its place, until it has started and taken part once more.
    /// </summary>
    private readonly YetTo[] _yetTo;

    private enum YetTo
    {
        DoNothing,
        TakePart,
        StartAndTakePart,
    }

    /// <summary>Whether a member's disk may lack something: it has lost it, or is there twice.</summary>
    public bool MayLack(int member) =>
        _lost[member] is not null || _isDoubled[member] || _yetTo[member] != YetTo.DoNothing;

    /// <summary>A second process begins, with a copy of the disk of the first.</summary>
    public void BeginsSecond(int process, int first)
    {
        var members = _setup.Members;
        if (_heard[IdOf(process)] == process)
        {
            // Another process of this number is long over.
            _heard[IdOf(process)] = _present[IdOf(process)];
        }

        _isDoubled[IdOf(process)] = true;
        _operates[process] = false;
        _past.RemoveWhere(past => past.Process == process);
        _past.UnionWith([.. _past.Where(past => past.Process == first).Select(past => (process, past.Incarnation))]);
        _incarnations[process] = 0;
        _copied[process] = -1;
        _holdings[process].Begin(-1, [.. Enumerable.Repeat(-1L, members)]);
        _unsent[process].Clear();
        _claimed[process].Clear();
        _sentToAll[process].Clear();
        Array.Clear(_lastHeard[process]);
    }

    /// <summary>One of two processes ends for good, and the other one is the member from now on.</summary>
    public void EndsSecond(int process, int stays)
    {
        var id = IdOf(process);
        History.Crash(process);
        _lost[id] = Math.Max(Math.Max(_lost[id] ?? -1, MostHeldBy(id)), _delivered[process]);
        _present[id] = stays;
        _isDoubled[id] = false;
        _yetTo[id] = YetTo.StartAndTakePart;
    }

    /// <summary>
    /// Whether nobody listens to a process any more: another one with a copy of its journal took part, or its journal
    /// was replaced. One that has yet to enter an epoch may still come to count.
    /// </summary>
    private bool IsPast(int process)
    {
        var incarnation = _incarnations[process];
        return _past.Contains((process, incarnation))
            || (
                History.Epoch is { } epoch
                && epoch.Incarnations[IdOf(process)] != incarnation
                && _entered.Contains(incarnation)
            );
    }

    private int IdOf(int process) => process % _setup.Members;

    /// <summary>What the process of a member holds that took part last.</summary>
    private Holdings HeardOf(int member) => _holdings[_heard[member]];

    /// <summary>
    /// How far the processes of a member hold everything that others may listen to: a second one is listened to before
    /// it takes part.
    /// </summary>
    private long MostHeldBy(int member)
    {
        var most = HeardOf(member).Held;
        for (var process = member; process < _holdings.Length; process += _setup.Members)
        {
            most = IsPast(process) ? most : Math.Max(most, _holdings[process].Held);
        }

        return most;
    }

    /// <summary>
    /// The process that begins to take part while another one did has its place: no other member listens to that one
    /// any more. What that one had sent to nobody is void, and no majority counts on it.
    /// </summary>
    private void NoteWhetherItOperates(int process, BroadcastCore core)
    {
        var id = IdOf(process);
        var begins = core.Operates && !_operates[process];
        _operates[process] = core.Operates;
        if (begins && _yetTo[id] == YetTo.TakePart)
        {
            _yetTo[id] = YetTo.DoNothing;
        }

        var before = _heard[id];
        if (!begins || IsPast(process) || before == process)
        {
            return;
        }

        _lost[id] = Math.Max(_lost[id] ?? -1, _holdings[before].Held);
        _heard[id] = process;
        // A new journal that has yet to enter an epoch may still come to count.
        if (_entered.Contains(_incarnations[before]))
        {
            _past.Add((before, _incarnations[before]));
        }

        if (_incarnations[before] == _incarnations[process])
        {
            _heldBy[_incarnations[process]] = _holdings[process].Held;
        }
    }

    /// <summary>Of the journal of a process that no longer counts, the books take what is true.</summary>
    private void AddWhatIsTrue(int process, JournalState state)
    {
        foreach (var (id, body) in state.Requests)
        {
            if (History.IsRequest(id, body))
            {
                _holdings[process].Requests[id.Sender].Add(id.Local);
            }
        }

        foreach (var (number, id) in state.Sequences)
        {
            if (History.IsSequence(number, id))
            {
                _holdings[process].Sequences.Add(number);
            }
        }

        Advance(process);
    }
}
