namespace RotatingSequencer.Core;

/// <summary>
/// Smoothed round-trip time to one member, in microseconds, after Jacobson and Karels (RFC 6298) with bounds for local
/// networks.
/// </summary>
internal struct RoundTrip
{
    private const long Initial = 1_000;
    private const long MinTimeout = 500;
    private const long MaxTimeout = 500_000;

    private long _smoothed;
    private long _variation;

    public readonly bool IsMeasured => _smoothed != 0;

    /// <summary>The usual time until an answer.</summary>
    public readonly long Smoothed => IsMeasured ? _smoothed : Initial;

    /// <summary>An answer that takes longer is late.</summary>
    public readonly long Timeout =>
        Math.Clamp(Smoothed + (4 * (IsMeasured ? _variation : Initial)), MinTimeout, MaxTimeout);

    public void Measured(long sample)
    {
        sample = Math.Max(sample, 1);
        // An estimate that is far too high costs whole pauses; one that is too low costs a few needless questions. So
        // it comes down at once.
        if (!IsMeasured || sample < _smoothed / 2)
        {
            _smoothed = sample;
            _variation = sample / 2;
            return;
        }

        _variation += (Math.Abs(sample - _smoothed) - _variation) / 4;
        _smoothed = Math.Max(1, _smoothed + ((sample - _smoothed) / 8));
    }
}
