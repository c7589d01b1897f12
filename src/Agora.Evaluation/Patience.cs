namespace Agora.Evaluation;

/// <summary>
/// The bound of a wait for something that is looked at again and again. A machine that stands still does not use it up: between two looks a few
/// seconds count at most, so that what was waited for has its time once everything goes on.
/// </summary>
/// <param name="bound">How long to wait.</param>
/// <param name="time">The system's clock unless given.</param>
public sealed class Patience(TimeSpan bound, TimeProvider? time = null)
{
    /// <summary>More than a look takes by itself, be it only by its own deadlines.</summary>
    public static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly long _started = (time ?? TimeProvider.System).GetTimestamp();
    private long _before = (time ?? TimeProvider.System).GetTimestamp();
    private TimeSpan _used;

    /// <summary>How long it has really been, for people to read.</summary>
    public TimeSpan Elapsed => _time.GetElapsedTime(_started);

    /// <summary>To be asked after every look in vain: is it time to give up?</summary>
    public bool IsOver()
    {
        var now = _time.GetTimestamp();
        var look = _time.GetElapsedTime(_before, now);
        _used += look < LongestLook ? look : LongestLook;
        _before = now;
        return _used > bound;
    }
}
