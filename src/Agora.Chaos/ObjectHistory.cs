using System.Globalization;
using System.Text;
using Agora.Linearizability;

namespace Agora.Chaos;

/// <summary>
/// The calls of all clients on one object. A call is recorded when it begins, and completed when its answer comes:
/// until then it may have happened or not. Thread-safe.
/// </summary>
/// <remarks>
/// A history can end at any time. Calls that begin later are not recorded. Calls whose answer comes later count as not
/// answered, because they may have seen the effect of calls that are not recorded. So the checker judges a prefix of
/// what happened, and a prefix must be linearizable too.
/// </remarks>
internal sealed class ObjectHistory<TState, TOperation>(string name, TState initial, TimeProvider time) : JudgedHistory
    where TState : struct, ISequential<TState, TOperation>
{
    /// <summary>
    /// How many calls a history records. It bounds the memory and the search. The owner of a full history retires, and
    /// a new one comes.
    /// </summary>
    public const int MaxCalls = 2500;

    private readonly Lock _gate = new();
    private readonly List<RecordedCall> _calls = [];
    private bool _ended;

    private long Now => time.GetTimestamp();

    public bool IsFull
    {
        get
        {
            lock (_gate)
            {
                return _ended || _calls.Count >= MaxCalls;
            }
        }
    }

    /// <summary>Records that a call begins.</summary>
    /// <param name="user">The user that calls.</param>
    /// <param name="operation">What the call may do.</param>
    /// <param name="after">A part of the same call that happens before.</param>
    public RecordedCall Begin(string user, TOperation operation, RecordedCall? after = null)
    {
        lock (_gate)
        {
            RecordedCall call = new(this, user, operation, after, Now);
            if (!_ended && _calls.Count < MaxCalls)
            {
                _calls.Add(call);
                return call;
            }
            // The prefix ends here: answers that come from now on may show the effect of calls that are not in it.
            _ended = true;
            return call;
        }
    }

    public override Judgement Judge(long origin)
    {
        lock (_gate)
        {
            _ended = true;
        }
        // From here on no recorded call changes.
        List<RecordedCall> kept = [.. _calls.Where(e => e.IsPossible)];
        var indexes = kept.Index().ToDictionary(p => p.Item, p => p.Index);
        List<TimedCall<TOperation>> history =
        [
            .. kept.Select(e => new TimedCall<TOperation>(
                e.Operation,
                e.Invoked,
                e.Returned,
                e.After is { } a && indexes.TryGetValue(a, out var index) ? index : -1
            )),
        ];
        var result = LinearizabilityChecker.Check(history, initial);
        var proof = result.Verdict == Verdict.Impossible ? Proof(kept, result, origin) : null;
        return new(kept.Count, result.Verdict, proof);
    }

    /// <summary>The part of the history around the calls at which every order fails.</summary>
    private string Proof(List<RecordedCall> calls, LinearizabilityResult<TState> result, long origin)
    {
        const int maxBefore = 12;
        StringBuilder text = new();
        var stuck = result.Stuck.Select(i => calls[i]).ToHashSet();
        var explained = result.Explained.Select(i => calls[i]).ToHashSet();
        var from = stuck.Min(e => e.Invoked);
        var to = stuck.Min(e => e.Returned);
        var shown = calls
            .Where(e => explained.Contains(e) && e.Invoked <= to)
            .OrderByDescending(e => e.Returned)
            .Take(maxBefore)
            .Concat(
                calls.Where(e => !explained.Contains(e) && e.Invoked <= to && (e.Returned >= from || stuck.Contains(e)))
            )
            .Distinct()
            .OrderBy(e => e.Invoked)
            .ToList();
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"{name} began as {initial}. "
                + $"In no order of its {calls.Count} calls does each see what those before it did."
        );
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"The best order explains {explained.Count} of them and comes to {result.State}; "
                + $"none of those marked '>' can be next (times in seconds of the run):"
        );
        foreach (var call in shown)
        {
            var mark =
                stuck.Contains(call) ? '>'
                : explained.Contains(call) ? ' '
                : '?';
            var returned = call.Returned == long.MaxValue ? "  never   " : Seconds(call.Returned, origin);
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"  {mark} {Seconds(call.Invoked, origin)} to {returned}  {call.User, -18} {call.Operation}"
            );
        }

        return text.ToString().TrimEnd();
    }

    private string Seconds(long timestamp, long origin) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{time.GetElapsedTime(origin, timestamp).TotalSeconds, 10:0.0000}"
        );

    /// <summary>One call, or a part of one.</summary>
    internal sealed class RecordedCall(
        ObjectHistory<TState, TOperation> history,
        string user,
        TOperation operation,
        RecordedCall? after,
        long invoked
    )
    {
        public string User => user;

        public RecordedCall? After => after;

        public long Invoked => invoked;

        public TOperation Operation { get; private set; } = operation;

        public long Returned { get; private set; } = long.MaxValue;

        /// <summary>The call happened, or may have.</summary>
        public bool IsPossible { get; private set; } = true;

        /// <summary>Records that the call happened before now.</summary>
        public void Answer() => Answer(Operation);

        /// <summary>Records that the call happened before now, and what it did and saw.</summary>
        public void Answer(TOperation answered)
        {
            lock (history._gate)
            {
                if (!history._ended)
                {
                    Returned = history.Now;
                    Operation = answered;
                }
            }
        }

        /// <summary>Records that the call did not happen, and never will.</summary>
        public void Discard()
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
