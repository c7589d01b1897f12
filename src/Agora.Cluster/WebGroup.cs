namespace Agora.Cluster;

/// <summary>The web pages. They keep nothing, so there may be any number of replicas.</summary>
public sealed record WebGroup : ServerGroup
{
    /// <summary>
    /// Further host names under which users reach the pages, such as that of a proxy. A page of another site whose name
    /// leads to the same address is refused, because it could act as the user.
    /// </summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];
}
