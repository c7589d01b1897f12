using Agora.Cluster;

namespace Agora.Servers;

/// <summary>
/// A server's settings: limits that operators set in the cluster file, and constants that only tests change.
/// </summary>
internal sealed record ServerSettings
{
    public const int SessionSeconds = 300;

    /// <summary>
    /// How long one REST call may take with all its calls of databases and payments; then it answers 503.
    /// </summary>
    public TimeSpan CallDeadline { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>
    /// How long one database replica may take before another is asked. Longer than an ordinary election.
    /// </summary>
    public TimeSpan ReplicaTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the payment service may take for one answer.</summary>
    public TimeSpan PaymentTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// How long a readiness check may take. Longer than <see cref="ReplicaTimeout"/>: if one replica hangs, another is
    /// asked, as for users.
    /// </summary>
    public TimeSpan ReadyDeadline { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// A purchase that is unsettled for longer counts as abandoned by its server. Well above
    /// <see cref="CallDeadline"/>, so that few purchases are rescued while their server still works on them, which
    /// would do no harm. The age is the time since the rescuer saw it first: no other machine's clock counts.
    /// </summary>
    public TimeSpan AbandonedAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The pause between two searches for what dead servers left behind, with a jitter of half of it.
    /// </summary>
    public TimeSpan RecoveryInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Limits on what users may send, and how often.</summary>
    public LimitSettings Limits { get; init; } = new();

    /// <summary>How many calls may wait for a password to be hashed; more are refused.</summary>
    public int MaxHashesWaiting { get; init; } = 128;
}
