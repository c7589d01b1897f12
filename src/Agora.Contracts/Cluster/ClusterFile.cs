namespace Agora.Contracts.Cluster;

/// <summary>
/// Names every process of one marketplace: where each replica listens, and the settings that people change.
/// Every process, client and tool reads the same file. Immutable: a change is a new value.
/// </summary>
public sealed record ClusterFile
{
    /// <summary>The storefront and operations pages.</summary>
    public ServerGroup Web { get; init; } = new();

    /// <summary>The financial-transactions service.</summary>
    public PaymentsGroup Payments { get; init; } = new();

    /// <summary>The seller servers.</summary>
    public ServerGroup SellerServers { get; init; } = new();

    /// <summary>The buyer servers.</summary>
    public ServerGroup BuyerServers { get; init; } = new();

    /// <summary>The customers database.</summary>
    public DatabaseGroup Customers { get; init; } = new() { Engine = ReplicationEngine.RotatingSequencer };

    /// <summary>The products database.</summary>
    public DatabaseGroup Products { get; init; } = new() { Engine = ReplicationEngine.Raft };

    /// <summary>Everything on 127.0.0.1 with the documented ports; what is used where no file is given.</summary>
    public static ClusterFile Default { get; } = Local(servers: 4, databaseReplicas: 5);

    /// <summary>One of each on 127.0.0.1: the unreplicated system, to compare with.</summary>
    public static ClusterFile Unreplicated { get; } = Local(servers: 1, databaseReplicas: 1);

    private static ClusterFile Local(int servers, int databaseReplicas)
    {
        static ServerAddress[] Servers(int count, int port) =>
            [.. Enumerable.Range(0, count).Select(i => new ServerAddress { Port = port + i })];
        DatabaseAddress[] Databases(int grpcPort, int peerPort) =>
            [.. Enumerable.Range(0, databaseReplicas).Select(i => new DatabaseAddress { GrpcPort = grpcPort + i, PeerPort = peerPort + i })];
        return new ClusterFile
        {
            Web = new() { Replicas = Servers(1, 8080) },
            Payments = new() { Replicas = Servers(1, 8100) },
            SellerServers = new() { Replicas = Servers(servers, 8110) },
            BuyerServers = new() { Replicas = Servers(servers, 8120) },
            Customers = new() { Engine = ReplicationEngine.RotatingSequencer, Replicas = Databases(8130, 8140) },
            Products = new() { Engine = ReplicationEngine.Raft, Replicas = Databases(8150, 8160) },
        };
    }
}

/// <summary>Replicas of a stateless server, by replica number.</summary>
public record ServerGroup
{
    /// <summary>One entry a replica; its place is its replica number.</summary>
    public IReadOnlyList<ServerAddress> Replicas { get; init; } = [];
}

/// <summary>The payment service and how it decides.</summary>
public sealed record PaymentsGroup : ServerGroup
{
    /// <summary>How likely a well-formed charge is approved, 0 to 1.</summary>
    public double ApprovalProbability { get; init; } = 0.9;

    /// <summary>Seed of the decisions; without one, a new one at each first start.</summary>
    public int? Seed { get; init; }
}

/// <summary>Replicas of a database, and the protocol that orders its commands.</summary>
public sealed record DatabaseGroup
{
    /// <summary>What orders the commands.</summary>
    public ReplicationEngine Engine { get; init; }

    /// <summary>One entry a replica; its place is its replica number. An odd number of them.</summary>
    public IReadOnlyList<DatabaseAddress> Replicas { get; init; } = [];
}

/// <summary>The protocol that orders a database's commands.</summary>
public enum ReplicationEngine
{
    /// <summary>Our rotating-sequencer atomic broadcast, over UDP.</summary>
    RotatingSequencer,

    /// <summary>Raft, over TCP.</summary>
    Raft,
}

/// <summary>Where a server listens for HTTP.</summary>
public sealed record ServerAddress
{
    /// <summary>Host name or IP address.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>TCP port.</summary>
    public int Port { get; init; }
}

/// <summary>Where a database replica listens.</summary>
public sealed record DatabaseAddress
{
    /// <summary>Host name or IP address.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>TCP port of the gRPC service.</summary>
    public int GrpcPort { get; init; }

    /// <summary>Port for the other replicas: UDP with the rotating sequencer, TCP with Raft.</summary>
    public int PeerPort { get; init; }
}
