using Agora.Contracts.Cluster;
using Agora.Contracts.Payments;
using Agora.Contracts.Security;

namespace Agora.Evaluation;

/// <summary>The marketplace that is measured, and what the launcher can do to it.</summary>
public interface IMarketplace
{
    /// <summary>Where everything listens.</summary>
    ClusterFile File { get; }

    /// <summary>As whom the books are read.</summary>
    ComponentIdentity Identity { get; }

    /// <summary>What opens the payment service's books; null where <see cref="Identity"/> does.</summary>
    MerchantSecret? Merchant { get; }

    /// <summary>There is a network between its processes and to its clients that can be made bad on purpose.</summary>
    bool HasLab { get; }

    /// <summary>Makes that network lose a share of everything, and delay all of it; good again with zero and zero.</summary>
    Task SetNetworkAsync(double loss, TimeSpan delay, CancellationToken cancel);

    /// <summary>What keeps it from being whole, for people to read; null while every process runs and every function would be served.</summary>
    Task<string?> LacksAsync(CancellationToken cancel);

    /// <summary>kill −9; with <paramref name="restart"/> the supervisor brings the process back, else it is left dead.</summary>
    /// <param name="process">E.g. <c>products/3</c>.</param>
    /// <param name="restart">Whether it comes back by itself.</param>
    /// <param name="cancel">Ends the waiting.</param>
    Task KillAsync(string process, bool restart, CancellationToken cancel);

    /// <summary>Starts a process that was left dead.</summary>
    Task StartAsync(string process, CancellationToken cancel);
}

/// <summary>Where it is shown how the evaluation goes on.</summary>
public interface IScreen
{
    /// <summary>Says something in a line.</summary>
    void Say(string line);

    /// <summary>Shows how far some work has come until it ends.</summary>
    /// <param name="title">What goes on.</param>
    /// <param name="done">How far it has come, 0 to 1. Asked a few times a second.</param>
    /// <param name="work">The work; awaited, so that its exception comes through.</param>
    Task ShowAsync(string title, Func<double> done, Task work);
}
