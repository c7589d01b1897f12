using System.Globalization;

namespace Agora.Replication;

/// <summary>
/// The clock with which a replica stamps commands. It compares itself with the clocks of the other replicas, and stamps
/// nothing while it is wrong.
/// </summary>
/// <remarks>
/// <para>A command's time is its submitter's clock, and the state keeps the largest time that it has seen, for ever. So
/// one wrong clock would end sessions, forget replies and delay what waits for a time. It must be noticed before the
/// first command, not after it.</para>
/// <para>The rule counts the clocks that this replica knows. Its own is wrong if more of them are apart from it than
/// agree with it, itself included: with one wrong clock in a group of three or more, that one alone is outvoted. Where
/// as many agree as are apart (a group of two, or half of the group is away), the state's time decides: the clock that
/// is apart from it too takes no commands. The state's time does not decide where the others' clocks can. A clock that
/// runs too fast takes the state's time along with it, and would always be close to it.</para>
/// <para>A comparison holds until the next one, because both clocks go on at the same speed. A jump of this clock in
/// between shows at once, as the difference to the time that never jumps. So each command is checked, and no command
/// waits for the network. Until a replica has compared its clock with enough others that they and itself are a majority
/// of the group, it stamps nothing: without them nothing could be ordered anyway.</para>
/// </remarks>
/// <param name="time">The clock, and a time that never jumps.</param>
/// <param name="stateTime">The largest time of any command applied.</param>
/// <param name="others">How many other replicas the group has.</param>
/// <param name="bound">How far apart two clocks may be.</param>
public sealed class ReplicaClock(TimeProvider time, Func<long> stateTime, int others, TimeSpan bound)
{
    // For how long a comparison counts with a replica that no longer answers.
    private static readonly TimeSpan s_memory = TimeSpan.FromMinutes(10);

    private readonly Comparison?[] _comparisons = new Comparison?[others];
    private readonly long _bound = (long)bound.TotalMilliseconds;

    // How far this clock was ahead, when it showed what, and the time that never jumps at that moment.
    private sealed record Comparison(long Ahead, long Own, long Timestamp);

    /// <summary>The time for a command, in milliseconds since 1970 in UTC.</summary>
    /// <exception cref="ReplicaUnavailableException">This clock is wrong, or not compared yet.</exception>
    public long Stamp()
    {
        var now = Now;
        return ProblemAt(now) is { } problem ? throw new ReplicaUnavailableException(problem) : now;
    }

    /// <summary>Why no commands are taken now; null if they are.</summary>
    public string? Problem => ProblemAt(Now);

    /// <summary>It is known to be wrong, not only not compared yet.</summary>
    public bool IsWrong => Judge(Now) is { IsWrong: true };

    /// <summary>How far it is ahead of the median of the others; null while it knows none of them.</summary>
    public TimeSpan? Ahead
    {
        get
        {
            long[] known = [.. KnownAt(Now).Order()];
            return known.Length == 0 ? null : TimeSpan.FromMilliseconds(known[known.Length / 2]);
        }
    }

    /// <summary>What the clock shows, right or wrong.</summary>
    internal long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Takes in another replica's clock.</summary>
    /// <param name="other">Counts the others from 0.</param>
    /// <param name="theirs">What the other's clock showed.</param>
    /// <param name="own">What this clock showed then, as well as can be known.</param>
    internal void Compare(int other, long theirs, long own) =>
        Volatile.Write(ref _comparisons[other], new Comparison(own - theirs, own, time.GetTimestamp() - Since(own)));

    // The time that never jumps, since this clock showed something a moment ago.
    private long Since(long own) => (long)((Now - own) / 1000.0 * time.TimestampFrequency);

    private string? ProblemAt(long now)
    {
        var (known, apart, isWrong, isOpen, ahead) = Judge(now);
        if (isOpen || known < (others + 1) / 2)
        {
            return "This replica has not compared its clock with enough others yet: it takes no commands.";
        }

        return isWrong
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"The clock of this replica is {Math.Abs(ahead) / 1000} s {(ahead > 0 ? "ahead of" : "behind")} "
                    + $"{apart} of {known} other replicas: it takes no commands until the clock is right (NTP)."
            )
            : null;
    }

    private (int Known, int Apart, bool IsWrong, bool IsOpen, long Ahead) Judge(long now)
    {
        var (known, apart, ahead) = (0, 0, 0L);
        foreach (var aheadNow in KnownAt(now))
        {
            known++;
            if (Math.Abs(aheadNow) > _bound)
            {
                apart++;
                ahead = aheadNow;
            }
        }

        var agree = known - apart + 1;
        var isTie = apart == agree && Math.Abs(now - stateTime()) > _bound;
        return (known, apart, apart > agree || (isTie && known == others), isTie && known < others, ahead);
    }

    // How far this clock is ahead of each other one that it knows, in milliseconds.
    private IEnumerable<long> KnownAt(long now)
    {
        var timestamp = time.GetTimestamp();
        for (var i = 0; i < _comparisons.Length; i++)
        {
            if (
                Volatile.Read(ref _comparisons[i]) is { } comparison
                && time.GetElapsedTime(comparison.Timestamp, timestamp) is var passed
                && passed <= s_memory
            )
            {
                yield return comparison.Ahead + now - comparison.Own - (long)passed.TotalMilliseconds;
            }
        }
    }
}
