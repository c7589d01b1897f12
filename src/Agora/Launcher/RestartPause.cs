namespace Agora.Launcher;

/// <summary>
/// How long a process that died stays down. The pause doubles with each death, up to a bound. After a long stable run
/// it is short again, so that last week's fault does not slow down today's recovery.
/// </summary>
internal sealed class RestartPause
{
    public static readonly TimeSpan Min = TimeSpan.FromMilliseconds(100);
    public static readonly TimeSpan Max = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(30);

    private TimeSpan _next = Min;

    /// <summary>The pause after a death, given how long the process had run.</summary>
    public TimeSpan After(TimeSpan ran)
    {
        var pause = ran >= StableAfter ? Min : _next;
        _next = pause * 2 < Max ? pause * 2 : Max;
        return pause;
    }

    /// <summary>The user has started the process, so its fault counts as fixed.</summary>
    public void Reset() => _next = Min;
}
