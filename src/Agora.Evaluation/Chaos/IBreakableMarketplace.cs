using Agora.Lab;

namespace Agora.Evaluation.Chaos;

/// <summary>A process of a marketplace, as its supervisor sees it.</summary>
/// <param name="Name">E.g. <c>products/3</c>.</param>
/// <param name="Component">E.g. <c>products</c>.</param>
/// <param name="Runs">It is up and answers.</param>
/// <param name="Role">A database replica's.</param>
/// <param name="Lag">How far a database replica is behind the others.</param>
/// <param name="MemoryBytes">Resident memory.</param>
public sealed record ProcessView(string Name, string Component, bool Runs, string? Role, long? Lag, long? MemoryBytes);

/// <summary>A marketplace in the lab, and all that can be done to it.</summary>
public interface IBreakableMarketplace : IMarketplace
{
    /// <summary>How every process is.</summary>
    Task<IReadOnlyList<ProcessView>> ProcessesAsync(CancellationToken cancel);

    /// <summary>As <see cref="IMarketplace.KillAsync"/>; false where it was not up.</summary>
    Task<bool> TryKillAsync(string process, bool restart, CancellationToken cancel);

    /// <summary>As <see cref="IMarketplace.StartAsync"/>; false where it was up already.</summary>
    Task<bool> TryStartAsync(string process, CancellationToken cancel);

    /// <summary>SIGSTOP, or SIGCONT; false where there is no such process.</summary>
    Task<bool> FreezeAsync(string process, bool frozen, CancellationToken cancel);

    /// <summary>Lets nothing pass between some parties of the network and all others, or some.</summary>
    /// <param name="who">These; several are cut off together.</param>
    /// <param name="from">From these; null for from all others.</param>
    /// <param name="oneWay">Only what they send.</param>
    /// <param name="cancel">Ends the waiting.</param>
    Task CutAsync(IReadOnlyList<string> who, IReadOnlyList<string>? from, bool oneWay, CancellationToken cancel);

    /// <summary>Lets everything pass again over links that were cut.</summary>
    /// <param name="who">Theirs; null for all.</param>
    /// <param name="cancel">Ends the waiting.</param>
    Task MendAsync(IReadOnlyList<string>? who, CancellationToken cancel);

    /// <summary>Makes every link perfect, and then those of some parties, or all, as bad as this.</summary>
    /// <param name="conditions">What the links do.</param>
    /// <param name="on">Whose; empty for all.</param>
    /// <param name="cancel">Ends the waiting.</param>
    Task SetNetworkAsync(LinkConditions conditions, IReadOnlyList<string> on, CancellationToken cancel);
}
