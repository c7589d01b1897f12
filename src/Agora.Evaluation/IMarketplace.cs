using Agora.Cluster;

namespace Agora.Evaluation;

/// <summary>The marketplace that is measured, and what the launcher can do to it.</summary>
public interface IMarketplace
{
    /// <summary>Where everything listens.</summary>
    ClusterFile File { get; }

    /// <summary>The identity that reads the books.</summary>
    ComponentIdentity Identity { get; }

    /// <summary>What opens the payment service's books; null where <see cref="Identity"/> does.</summary>
    MerchantSecret? Merchant { get; }

    /// <summary>Whether it is in the lab, whose network can be made bad on purpose.</summary>
    bool HasLab { get; }

    /// <summary>
    /// Makes that network lose a share of everything and delay all of it. Zero and zero make it good again.
    /// </summary>
    Task SetNetworkAsync(double loss, TimeSpan delay, CancellationToken cancellationToken);

    /// <summary>
    /// What is missing in the marketplace, for people to read; null while every process runs and every function would
    /// be served.
    /// </summary>
    Task<string?> MissingAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Kills a process with kill −9. With <paramref name="restart"/> the supervisor restarts it; otherwise it stays
    /// dead.
    /// </summary>
    /// <param name="process">E.g. <c>products/3</c>.</param>
    /// <param name="restart">Whether the supervisor restarts it.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    Task KillAsync(string process, bool restart, CancellationToken cancellationToken);

    /// <summary>Starts a process that was left dead.</summary>
    Task StartAsync(string process, CancellationToken cancellationToken);
}
