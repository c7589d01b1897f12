using Agora.Contracts.Cluster;

namespace Agora.Servers;

/// <summary>The bounds that a server keeps: what operators set in the cluster file, and constants of the product, changed by tests only.</summary>
internal sealed record ServerSettings
{
    public const int SessionSeconds = 300;

    /// <summary>How long one REST call may take with everything it asks of others; after that it is 503.</summary>
    public TimeSpan CallDeadline { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>
    /// How long one database replica may take before another is asked. Longer than an ordinary election pause is worth waiting for.
    /// </summary>
    public TimeSpan ReplicaTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the payment service may take for one answer.</summary>
    public TimeSpan PaymentTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// How long a readiness check may take. Longer than <see cref="ReplicaTimeout"/>: where one replica hangs, another is asked, as it would be for users.
    /// </summary>
    public TimeSpan ReadyDeadline { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// A purchase unsettled for longer has been left by its server. Well above <see cref="CallDeadline"/>, so that hardly anybody is rescued who
    /// still swims; it would do no harm. Its age is that between the products leader's clock and the rescuer's: if the leader's is ahead, it comes so much later.
    /// </summary>
    public TimeSpan AbandonedAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Pause between two searches for what dead servers left behind; jittered by half.</summary>
    public TimeSpan RecoveryInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What users may send, and how often.</summary>
    public LimitSettings Limits { get; init; } = new();

    /// <summary>Calls that may wait for a password to be hashed; more are told to come back.</summary>
    public int MaxHashesWaiting { get; init; } = 128;
}
