namespace Agora.Evaluation;

/// <summary>
/// The deadline of a loop that polls for something. A machine that stands still uses little of it: between two polls a
/// few seconds count at most. So what the loop waits for has its time once the machine goes on.
/// </summary>
/// <param name="bound">How long to wait.</param>
/// <param name="time">The clock; the system's unless given.</param>
public sealed class PollDeadline(TimeSpan bound, TimeProvider? time = null)
{
    /// <summary>The most that one poll counts; a poll that meets its own timeouts takes no longer.</summary>
    public static readonly TimeSpan MaxStep = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly long _started = (time ?? TimeProvider.System).GetTimestamp();
    private long _before = (time ?? TimeProvider.System).GetTimestamp();
    private TimeSpan _used;

    /// <summary>How long the wait has really been, for people to read.</summary>
    public TimeSpan Elapsed => _time.GetElapsedTime(_started);

    /// <summary>Whether to stop waiting; call it after every poll that found nothing.</summary>
    public bool HasPassed()
    {
        var now = _time.GetTimestamp();
        var step = _time.GetElapsedTime(_before, now);
        _used += step < MaxStep ? step : MaxStep;
        _before = now;
        return _used > bound;
    }
}
