using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Agora.Evaluation.Chaos;

/// <summary>A history that can be judged, whatever it is of.</summary>
internal abstract class History
{
    /// <summary>Ends it and says what is wrong with it: null where nothing is.</summary>
    /// <param name="origin">The timestamp that times are given from.</param>
    public abstract Judgement Judge(long origin);
}

/// <summary>What was found about a history.</summary>
/// <param name="Calls">How many calls it has.</param>
/// <param name="Verdict">What it is.</param>
/// <param name="Proof">Where it is impossible, what shows it.</param>
internal sealed record Judgement(int Calls, Verdict Verdict, string? Proof);

/// <summary>
/// The calls on one object, of all clients. A call is written down when it begins, and completed when it is answered: until then it may have happened or not.
/// Thread-safe.
/// </summary>
/// <remarks>
/// It can be ended at any time: what begins after its end is not written down, and what is answered after it counts as not answered, because it may
/// have seen the effect of what is not written down. What is judged is then a prefix of what happened, and so must be linearizable itself.
/// </remarks>
internal sealed class History<TState, TOperation>(string name, TState initial) : History
    where TState : struct, ISequential<TState, TOperation>
{
    /// <summary>A longer one is not written: its owner retires and there are new ones. It bounds the memory, and the search.</summary>
    public const int Most = 2500;

    private readonly Lock _gate = new();
    private readonly List<Entry> _entries = [];
    private bool _ended;

    public string Name => name;

    public bool IsFull
    {
        get
        {
            lock (_gate)
            {
                return _ended || _entries.Count >= Most;
            }
        }
    }

    /// <summary>Writes down that a call begins.</summary>
    /// <param name="who">Whose it is.</param>
    /// <param name="operation">What it may do.</param>
    /// <param name="after">A part of the same call that happens before.</param>
    public Entry Begin(string who, TOperation operation, Entry? after = null)
    {
        lock (_gate)
        {
            Entry entry = new(this, who, operation, after, Stopwatch.GetTimestamp());
            if (!_ended && _entries.Count < Most)
            {
                _entries.Add(entry);
                return entry;
            }
            // The prefix ends here: answers that come from now on may tell of calls that are not in it.
            _ended = true;
            return entry;
        }
    }

    public override Judgement Judge(long origin)
    {
        lock (_gate)
        {
            _ended = true;
        }
        // From here on nothing changes an entry.
        List<Entry> kept = [.. _entries.Where(e => e.IsPossible)];
        var places = kept.Select((entry, place) => (entry, place)).ToDictionary(p => p.entry, p => p.place);
        List<Timed<TOperation>> history = [.. kept.Select(e => new Timed<TOperation>(e.Operation, e.Invoked, e.Returned, e.After is { } a && places.TryGetValue(a, out var at) ? at : -1))];
        var explanation = Linearizability.Check(history, initial);
        var proof = explanation.Verdict == Verdict.Impossible ? Proof(kept, explanation, origin) : null;
        return new(kept.Count, explanation.Verdict, proof);
    }

    /// <summary>The part of the history around the place where every order fails.</summary>
    private string Proof(List<Entry> entries, Explanation<TState> explanation, long origin)
    {
        const int before = 12;
        StringBuilder text = new();
        var stuck = explanation.Stuck.Select(i => entries[i]).ToHashSet();
        var explained = explanation.Explained.Select(i => entries[i]).ToHashSet();
        var from = stuck.Min(e => e.Invoked);
        var to = stuck.Min(e => e.Returned);
        var shown = entries.Where(e => explained.Contains(e) && e.Invoked <= to).OrderByDescending(e => e.Returned).Take(before)
            .Concat(entries.Where(e => !explained.Contains(e) && e.Invoked <= to && (e.Returned >= from || stuck.Contains(e))))
            .Distinct().OrderBy(e => e.Invoked).ToList();
        text.AppendLine(CultureInfo.InvariantCulture, $"{name} began as {initial}. In no order of its {entries.Count} calls does each see what those before it did.");
        text.AppendLine(CultureInfo.InvariantCulture, $"The best order explains {explained.Count} of them and comes to {explanation.State}; none of those marked '>' can be next (times in seconds of the run):");
        foreach (var entry in shown)
        {
            var mark = stuck.Contains(entry) ? '>' : explained.Contains(entry) ? ' ' : '?';
            var returned = entry.Returned == long.MaxValue ? "  never   " : Seconds(entry.Returned, origin);
            text.AppendLine(CultureInfo.InvariantCulture, $"  {mark} {Seconds(entry.Invoked, origin)} to {returned}  {entry.Who,-18} {entry.Operation}");
        }
        return text.ToString().TrimEnd();
    }

    private static string Seconds(long timestamp, long origin) =>
        string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(origin, timestamp).TotalSeconds,10:0.0000}");

    /// <summary>One call, or a part of one.</summary>
    internal sealed class Entry(History<TState, TOperation> history, string who, TOperation operation, Entry? after, long invoked)
    {
        public string Who => who;

        public Entry? After => after;

        public long Invoked => invoked;

        public TOperation Operation { get; private set; } = operation;

        public long Returned { get; private set; } = long.MaxValue;

        /// <summary>It happened, or may have.</summary>
        public bool IsPossible { get; private set; } = true;

        /// <summary>It happened before now.</summary>
        public void Answer() => Answer(Operation);

        /// <summary>It happened before now, and this is what it did and saw.</summary>
        public void Answer(TOperation told)
        {
            lock (history._gate)
            {
                if (!history._ended)
                {
                    Returned = Stopwatch.GetTimestamp();
                    Operation = told;
                }
            }
        }

        /// <summary>It did not happen, and never will.</summary>
        public void Refuse()
        {
            lock (history._gate)
            {
                if (!history._ended)
                {
                    IsPossible = false;
                }
            }
        }
    }
}
