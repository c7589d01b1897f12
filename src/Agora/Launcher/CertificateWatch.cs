using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// Watches a process's certificate while the process runs, which may be years. It loads a renewed certificate, and
/// warns of one that expires soon, at the start and every day.
/// </summary>
internal sealed class CertificateWatch : IDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_day = TimeSpan.FromDays(1);

    private readonly ComponentIdentity _identity;
    private readonly TimeProvider _time;
    private readonly Action<string> _warn;
    private readonly ITimer _timer;
    private DateTimeOffset _warned = DateTimeOffset.MinValue;
    private string? _lastChange;

    /// <param name="identity">The identity with the certificate.</param>
    /// <param name="time">The clock.</param>
    /// <param name="warn">Receives what operators must know.</param>
    public CertificateWatch(ComponentIdentity identity, TimeProvider time, Action<string> warn)
    {
        (_identity, _time, _warn) = (identity, time, warn);
        Look();
        _timer = time.CreateTimer(_ => Look(), null, s_look, s_look);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        // A problem that stays is reported once, not every minute.
        var change = _identity.Renew();
        if (change is not null && change != _lastChange)
        {
            _warn(change);
        }

        _lastChange = change;
        var now = _time.GetUtcNow();
        if (now - _warned >= s_day && _identity.Warning(now) is { } warning)
        {
            _warned = now;
            _warn(warning);
        }
    }
}
