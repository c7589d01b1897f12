using System.Diagnostics;

namespace Agora.Evaluation.Chaos;

/// <summary>Something that must not be.</summary>
/// <param name="Seconds">When it was noticed, from the beginning of the run.</param>
/// <param name="What">What it is, in a line.</param>
/// <param name="Proof">Whatever shows it; null where the line says all.</param>
public sealed record Finding(double Seconds, string What, string? Proof);

/// <summary>One function's calls.</summary>
/// <param name="Role"><c>seller</c> or <c>buyer</c>.</param>
/// <param name="Function">Its name.</param>
/// <param name="Succeeded">Answered with yes.</param>
/// <param name="Refused">Answered with a right no.</param>
/// <param name="Failed">Not answered within the client's patience.</param>
/// <param name="Unknown">Of those that failed: nobody ever asked again what became of them.</param>
/// <param name="LongestSeconds">The longest that was answered.</param>
public sealed record FunctionCount(string Role, string Function, long Succeeded, long Refused, long Failed, long Unknown, double LongestSeconds);

/// <summary>What the clients, the judge and the audits have found, while it goes on. Thread-safe.</summary>
internal sealed class Findings(Action<string> say)
{
    // What is beyond this is counted and not kept.
    private const int Most = 100;

    private readonly Lock _gate = new();
    private readonly Count[] _counts = [.. Functions.All.Select(_ => new Count())];
    private readonly List<Finding> _violations = [];
    private readonly List<Finding> _unexpected = [];
    private readonly Dictionary<string, long> _checks = [];
    private long _lastAnswer = Stopwatch.GetTimestamp();
    private TimeSpan _longestSilence;

    public long Origin { get; } = Stopwatch.GetTimestamp();

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

    /// <summary>How often what was compared with the model.</summary>
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
                return [.. Functions.All.Select(f => (f, c: _counts[(int)f])).Select(p =>
                    new FunctionCount(p.f.Role(), p.f.Name(), p.c.Succeeded, p.c.Refused, p.c.Failed, p.c.Unknown, Math.Round(p.c.Longest.TotalSeconds, 3)))];
            }
        }
    }

    /// <summary>A call has been answered.</summary>
    public void Answered(Function function, Outcome outcome, long invoked)
    {
        var now = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            Calls++;
            var count = _counts[(int)function];
            count.Succeeded += outcome == Outcome.Success ? 1 : 0;
            count.Refused += outcome == Outcome.Refused ? 1 : 0;
            var took = Stopwatch.GetElapsedTime(invoked, now);
            count.Longest = took > count.Longest ? took : count.Longest;
            var silence = Stopwatch.GetElapsedTime(_lastAnswer, now);
            _longestSilence = silence > _longestSilence ? silence : _longestSilence;
            _lastAnswer = now;
        }
    }

    /// <summary>Trade begins, after a time in which nobody called.</summary>
    public void Begins()
    {
        lock (_gate)
        {
            _lastAnswer = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>A call was not answered.</summary>
    public void Failed(Function function)
    {
        lock (_gate)
        {
            Calls++;
            _counts[(int)function].Failed++;
        }
    }

    /// <summary>And nobody will ask again what became of it.</summary>
    public void LeftUnknown(Function function)
    {
        lock (_gate)
        {
            _counts[(int)function].Unknown++;
        }
    }

    /// <summary>Some things were compared with the model.</summary>
    public void Checked(string what, long count = 1)
    {
        lock (_gate)
        {
            _checks[what] = _checks.GetValueOrDefault(what) + count;
        }
    }

    /// <summary>An answer that no marketplace that keeps its promises could have given.</summary>
    public void Violation(string what, string? proof = null)
    {
        lock (_gate)
        {
            Violations++;
        }
        Add(_violations, what, proof);
        say($"VIOLATION: {what}{(proof is null ? "" : Environment.NewLine + proof)}");
    }

    /// <summary>A call failed, though nothing bad was going on that explains it.</summary>
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
            if (list.Count < Most)
            {
                list.Add(new(Math.Round(Stopwatch.GetElapsedTime(Origin).TotalSeconds, 3), what, proof));
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
        public long Succeeded, Refused, Failed, Unknown;
        public TimeSpan Longest;
    }
}
