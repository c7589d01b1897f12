using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>Says what a <see cref="LocalMarketplace"/> starts.</summary>
/// <param name="Cluster">Names every process, on this host and others.</param>
/// <param name="Data">The data directory.</param>
/// <param name="Secrets">The cluster's keys.</param>
internal sealed record MarketplacePlan(ClusterFile Cluster, DataDirectory Data, ClusterSecrets Secrets)
{
    /// <summary>Remove what the data directory holds.</summary>
    public bool Fresh { get; init; }

    /// <summary>Log as JSON.</summary>
    public bool JsonLogs { get; init; }

    /// <summary>The kind of lab to run in; null for none.</summary>
    public LabKind? Lab { get; init; }

    /// <summary>Decides everything that is random in the lab.</summary>
    public ulong LabSeed { get; init; } = 1;

    /// <summary>The processes of the cluster file that run on this host.</summary>
    /// <exception cref="CommandFailedException">There are none.</exception>
    public IReadOnlyList<ClusterProcess> Local()
    {
        ClusterProcess[] all = [.. Cluster.Processes().Where(ComponentHost.CanRun)];
        string[] hosts = [.. all.Select(p => p.Host).Distinct()];
        HashSet<string> own = [.. hosts.Where(Ports.IsLocal)];
        return own.Count > 0
            ? [.. all.Where(p => own.Contains(p.Host))]
            : throw new CommandFailedException(
                $"none of the cluster file's hosts is this one: {string.Join(", ", hosts)}"
            );
    }

    /// <summary>The processes of this host with the addresses at which they will listen.</summary>
    public IReadOnlyList<ClusterProcess> Listening() =>
        PlanNamespaces() is { } namespaces
            ? [.. namespaces.WithAddresses(Cluster).Processes().Where(ComponentHost.CanRun)]
            : Local();

    /// <summary>The namespaces that the lab needs, not made yet; null for none.</summary>
    public LabNamespaces? PlanNamespaces() => Lab == LabKind.Namespaces ? new LabNamespaces(Data, Local()) : null;
}
