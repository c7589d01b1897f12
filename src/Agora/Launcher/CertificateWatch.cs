using Agora.Contracts.Security;

namespace Agora.Launcher;

/// <summary>
/// Looks after a process's certificate while it runs: takes up a renewed one, and warns of one that ends soon, at the start and every day, since a process
/// may run for years.
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
    private string? _said;

    /// <param name="identity">Whose certificate.</param>
    /// <param name="time">The clock.</param>
    /// <param name="warn">Told what operators have to know.</param>
    public CertificateWatch(ComponentIdentity identity, TimeProvider time, Action<string> warn)
    {
        (_identity, _time, _warn) = (identity, time, warn);
        Look();
        _timer = time.CreateTimer(_ => Look(), null, s_look, s_look);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        // The same trouble is told once, not at each look.
        string? changed = _identity.Renew();
        if (changed is not null && changed != _said)
        {
            _warn(changed);
        }
        _said = changed;
        DateTimeOffset now = _time.GetUtcNow();
        if (now - _warned >= s_day && _identity.Warning(now) is { } warning)
        {
            _warned = now;
            _warn(warning);
        }
    }
}
