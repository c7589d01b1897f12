using Agora.Evaluation;
using Agora.Lab;

namespace Agora.Chaos;

/// <summary>A process of a marketplace, as its supervisor sees it.</summary>
/// <param name="Name">E.g. <c>products/3</c>.</param>
/// <param name="Component">E.g. <c>products</c>.</param>
/// <param name="Runs">It is up and answers.</param>
/// <param name="Role">A database replica's role.</param>
/// <param name="Serves">It answers; a database's replica also takes part in its group and is ready to serve.</param>
/// <param name="Joins">A database's replica is about to join its group, and takes no part in it.</param>
/// <param name="Lag">How far a database replica is behind the others.</param>
/// <param name="MemoryBytes">Resident memory.</param>
public sealed record ProcessView(
    string Name,
    string Component,
    bool Runs,
    string? Role,
    bool Serves,
    bool Joins,
    long? Lag,
    long? MemoryBytes
);

/// <summary>A marketplace in the lab, and every way to break it.</summary>
public interface IBreakableMarketplace : IMarketplace
{
    /// <summary>The state of every process.</summary>
    Task<IReadOnlyList<ProcessView>> ProcessesAsync(CancellationToken cancellationToken);

    /// <summary>As <see cref="IMarketplace.KillAsync"/>; false where it was not up.</summary>
    Task<bool> TryKillAsync(string process, bool restart, CancellationToken cancellationToken);

    /// <summary>As <see cref="IMarketplace.StartAsync"/>; false where it was up already.</summary>
    Task<bool> TryStartAsync(string process, CancellationToken cancellationToken);

    /// <summary>SIGSTOP, or SIGCONT; false where there is no such process.</summary>
    Task<bool> FreezeAsync(string process, bool frozen, CancellationToken cancellationToken);

    /// <summary>Sets the clock of a database's replica wrong, or right again with zero.</summary>
    Task SetClockAsync(string process, TimeSpan ahead, CancellationToken cancellationToken);

    /// <summary>The directory in which a database's replica keeps what it holds.</summary>
    string DirectoryOf(string process);

    /// <summary>Cuts some processes off from all others, or from some.</summary>
    /// <param name="processes">The processes; several are cut off together.</param>
    /// <param name="from">What they are cut off from; null for all others.</param>
    /// <param name="oneWay">Only what they send is lost.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    Task CutAsync(
        IReadOnlyList<string> processes,
        IReadOnlyList<string>? from,
        bool oneWay,
        CancellationToken cancellationToken
    );

    /// <summary>Heals links that were cut.</summary>
    /// <param name="processes">The processes whose links are healed; null for all.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    Task HealLinksAsync(IReadOnlyList<string>? processes, CancellationToken cancellationToken);

    /// <summary>
    /// Makes every link perfect, and then the links of some processes, or all links, as bad as given.
    /// </summary>
    /// <param name="conditions">What the links do.</param>
    /// <param name="on">The processes whose links are bad; empty for all links.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    Task SetNetworkAsync(LinkConditions conditions, IReadOnlyList<string> on, CancellationToken cancellationToken);
}
