namespace Agora.Doctor;

/// <summary>
/// From where on the doctor finds something. <c>docs/watching.md</c> lists them, and a test compares.
/// </summary>
internal static class Thresholds
{
    /// <summary>A start that takes longer has gone wrong.</summary>
    public static readonly TimeSpan LongStart = TimeSpan.FromMinutes(1);

    /// <summary>A process that has died so often, and last within <see cref="RecentDeath"/>, keeps dying.</summary>
    public const int ManyDeaths = 3;

    /// <inheritdoc cref="ManyDeaths"/>
    public static readonly TimeSpan RecentDeath = TimeSpan.FromMinutes(10);

    /// <summary>
    /// A replica that is so many positions behind, and no fewer at the second look, does not catch up.
    /// </summary>
    public const int FarBehind = 1000;

    /// <summary>A clock that is so far from the median of the others is off.</summary>
    public static readonly TimeSpan ClockApart = TimeSpan.FromSeconds(2);

    /// <summary>A disk with less is nearly full: too little for logs and a copy of a state.</summary>
    public const long VeryLowBytes = 512L << 20;

    /// <summary>A disk with less, and with less than <see cref="LowShare"/> of its size, fills up.</summary>
    public const long LowBytes = 10L << 30;

    /// <inheritdoc cref="LowBytes"/>
    public const double LowShare = 0.1;

    /// <summary>
    /// A link that loses such a share of its datagrams is bad. A replica is asked a moment after another one, so a few
    /// datagrams are always on the way.
    /// </summary>
    public const double LossyShare = 0.03;

    /// <summary>Of fewer datagrams no share is told.</summary>
    public const long EnoughDatagrams = 300;

    /// <summary>So many retransmissions for each number mean a network that loses.</summary>
    public const double ManyRepairs = 0.1;

    /// <summary>Of fewer numbers no share is told.</summary>
    public const long EnoughNumbers = 100;
}
