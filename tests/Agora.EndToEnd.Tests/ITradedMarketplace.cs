using Agora.Client;
using Agora.Cluster;

namespace Agora.EndToEnd.Tests;

/// <summary>A marketplace of real processes in which <see cref="Traders"/> trade.</summary>
public interface ITradedMarketplace
{
    /// <summary>Its processes.</summary>
    ClusterFile Cluster { get; }

    /// <summary>The cluster file that clients use.</summary>
    ClusterFile Clients { get; }

    /// <summary>What it has acknowledged.</summary>
    TradeLedger Ledger { get; }

    /// <summary>How clients call it.</summary>
    ReplicaOptions CallOptions { get; }
}
