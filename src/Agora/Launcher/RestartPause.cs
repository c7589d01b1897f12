namespace Agora.Launcher;

/// <summary>
/// How long a process that died stays down: short at first, doubled with each death, bounded; short again for one
/// that had run for a stable while, so that a fault of last week does not slow down today's recovery.
/// </summary>
internal sealed class RestartPause
{
    public static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(30);

    private TimeSpan _next = First;

    /// <summary>The pause after a death, given how long the process had run.</summary>
    public TimeSpan After(TimeSpan ran)
    {
        TimeSpan pause = ran >= StableAfter ? First : _next;
        _next = pause * 2 < Longest ? pause * 2 : Longest;
        return pause;
    }

    /// <summary>Someone started the process by hand: whatever was wrong is taken as mended.</summary>
    public void Reset() => _next = First;
}
