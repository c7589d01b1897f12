using Agora.Evaluation;

namespace Agora.Chaos;

/// <summary>What the clients, the checker and the audits have found so far. Thread-safe.</summary>
internal sealed class Findings(Action<string> say, TimeProvider time)
{
    // Further findings are counted and not kept.
    private const int MaxKept = 100;

    private readonly Lock _gate = new();
    private readonly Count[] _counts = [.. MarketplaceFunctions.All.Select(_ => new Count())];
    private readonly List<Finding> _violations = [];
    private readonly List<Finding> _unexpected = [];
    private readonly Dictionary<string, long> _checks = [];
    private long _lastAnswer = time.GetTimestamp();
    private TimeSpan _longestSilence;

    public long Origin { get; } = time.GetTimestamp();

    public long Calls { get; private set; }

    public int Violations { get; private set; }

    public int Unexpected { get; private set; }

    /// <summary>The longest time in which no call at all was answered.</summary>
    public TimeSpan LongestSilence
    {
        get
        {
            lock (_gate)
            {
                return _longestSilence;
            }
        }
    }

    public IReadOnlyList<Finding> AllViolations => Copy(_violations);

    public IReadOnlyList<Finding> AllUnexpected => Copy(_unexpected);

    /// <summary>How often each kind of check was made.</summary>
    public IReadOnlyDictionary<string, long> Checks
    {
        get
        {
            lock (_gate)
            {
                return _checks.OrderBy(c => c.Key, StringComparer.Ordinal).ToDictionary();
            }
        }
    }

    public IReadOnlyList<FunctionCount> Counts
    {
        get
        {
            lock (_gate)
            {
                return
                [
                    .. MarketplaceFunctions
                        .All.Select(f => (f, c: _counts[(int)f]))
                        .Select(p => new FunctionCount(
                            p.f.Role(),
                            p.f.Name(),
                            p.c.Succeeded,
                            p.c.Refused,
                            p.c.Failed,
                            p.c.Unknown,
                            Math.Round(p.c.Longest.TotalSeconds, 3)
                        )),
                ];
            }
        }
    }

    /// <summary>Counts a call that was answered.</summary>
    public void Answered(MarketplaceFunction function, Outcome outcome, long invoked)
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            Calls++;
            var count = _counts[(int)function];
            count.Succeeded += outcome == Outcome.Success ? 1 : 0;
            count.Refused += outcome == Outcome.Refused ? 1 : 0;
            var took = time.GetElapsedTime(invoked, now);
            count.Longest = took > count.Longest ? took : count.Longest;
            var silence = time.GetElapsedTime(_lastAnswer, now);
            _longestSilence = silence > _longestSilence ? silence : _longestSilence;
            _lastAnswer = now;
        }
    }

    /// <summary>Notes that trade begins, after a time without calls.</summary>
    public void Begins()
    {
        lock (_gate)
        {
            _lastAnswer = time.GetTimestamp();
        }
    }

    /// <summary>Counts a call that was not answered.</summary>
    public void Failed(MarketplaceFunction function)
    {
        lock (_gate)
        {
            Calls++;
            _counts[(int)function].Failed++;
        }
    }

    /// <summary>Counts a failed call whose client will not ask again what became of it.</summary>
    public void LeftUnknown(MarketplaceFunction function)
    {
        lock (_gate)
        {
            _counts[(int)function].Unknown++;
        }
    }

    /// <summary>Counts checks.</summary>
    public void Checked(string what, long count = 1)
    {
        lock (_gate)
        {
            _checks[what] = _checks.GetValueOrDefault(what) + count;
        }
    }

    /// <summary>Notes something that a marketplace which keeps its promises would not have done.</summary>
    public void Violation(string what, string? proof = null)
    {
        lock (_gate)
        {
            Violations++;
        }

        Add(_violations, what, proof);
        say($"VIOLATION: {what}{(proof is null ? "" : Environment.NewLine + proof)}");
    }

    /// <summary>Notes a call that failed although no fault explains it.</summary>
    public void UnexpectedFailure(string what)
    {
        lock (_gate)
        {
            Unexpected++;
        }

        Add(_unexpected, what, null);
        say($"UNEXPECTED FAILURE: {what}");
    }

    private void Add(List<Finding> list, string what, string? proof)
    {
        lock (_gate)
        {
            if (list.Count < MaxKept)
            {
                list.Add(new(Math.Round(time.GetElapsedTime(Origin).TotalSeconds, 3), what, proof));
            }
        }
    }

    private Finding[] Copy(List<Finding> list)
    {
        lock (_gate)
        {
            return [.. list];
        }
    }

    private sealed class Count
    {
        public long Succeeded,
            Refused,
            Failed,
            Unknown;
        public TimeSpan Longest;
    }
}
