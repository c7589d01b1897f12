using Agora.Cluster;

namespace Agora.Evaluation;

/// <summary>What a condition may look at when it chooses the processes to kill.</summary>
internal sealed record KillContext(Load Load, Databases Databases, ClusterFile Cluster, int Run);

/// <summary>What the lab does to everything that passes its relays.</summary>
/// <param name="Name">A word for it.</param>
/// <param name="Loss">The share of datagrams and segments that are lost.</param>
/// <param name="Delay">The delay of all of them, one way.</param>
internal sealed record NetworkConditions(string Name, double Loss, TimeSpan Delay);

/// <summary>One of the conditions under which the marketplace is measured.</summary>
/// <param name="Number">Its number in the specification.</param>
/// <param name="Name">A few words for it.</param>
/// <param name="Victims">Chooses the processes that are killed a third into the run; null where none is.</param>
/// <param name="Restart">The supervisor restarts them at once; otherwise they stay dead until the run has
/// ended.</param>
/// <param name="Affects">The functions that need what was killed. The pause is measured on their calls.</param>
/// <param name="Network">How bad the network is meanwhile; null where it stays as it is.</param>
internal sealed record Condition(
    int Number,
    string Name,
    Func<KillContext, CancellationToken, Task<IReadOnlyList<string>>>? Victims,
    bool Restart,
    Func<MarketplaceFunction, bool> Affects,
    NetworkConditions? Network = null
)
{
    /// <summary>
    /// Condition 6, datagrams lost and late, needs the lab's network, which can be made bad on purpose.
    /// </summary>
    public const int LabCondition = 6;

    private static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(10);

    public static IReadOnlyList<Condition> All { get; } =
    [
        new(1, "all replicas run normally", null, Restart: false, _ => true),
        new(2, "a seller server and a buyer server in use are killed", ServersInUse, Restart: false, _ => true),
        new(
            3,
            "a products replica that is not the leader is killed",
            ProductsFollower,
            Restart: false,
            MarketplaceFunctions.UsesProducts
        ),
        new(4, "the products leader is killed", ProductsLeader, Restart: false, MarketplaceFunctions.UsesProducts),
        new(
            5,
            "a customers replica is killed, and restarted by the supervisor",
            CustomersReplica,
            Restart: true,
            MarketplaceFunctions.WritesCustomers
        ),
        // This measures what the relays themselves cost; without it nobody could read the other two.
        new(
            LabCondition,
            "everything passes the lab's relays, which lose and delay nothing",
            null,
            Restart: false,
            _ => true,
            new("relays", 0, TimeSpan.Zero)
        ),
        new(
            LabCondition,
            "1% of all datagrams and segments are lost, and all come 10 ms late",
            null,
            Restart: false,
            _ => true,
            new("1%", 0.01, s_delay)
        ),
        new(
            LabCondition,
            "5% of all datagrams and segments are lost, and all come 10 ms late",
            null,
            Restart: false,
            _ => true,
            new("5%", 0.05, s_delay)
        ),
    ];

    /// <summary>Distinguishes conditions of the same number; null where the number is unique.</summary>
    public string? Part => Network?.Name;

    /// <summary>Whether it kills processes.</summary>
    public bool Kills => Victims is not null;

    // The servers of the first seller and of the first buyer. At larger scales a quarter of all clients use them too.
    private static Task<IReadOnlyList<string>> ServersInUse(KillContext context, CancellationToken cancellationToken)
    {
        IEnumerable<string> Used(string component, ServerGroup group, IReadOnlyList<Trader> clients) =>
            clients is [var first, ..]
                ?
                [
                    FormattableString.Invariant(
                        $"{component}/{context.Cluster.AddressesOf(group).ToList().IndexOf(first.Server)}"
                    ),
                ]
                : [];
        return Task.FromResult<IReadOnlyList<string>>([
            .. Used(Components.SellerServer, context.Cluster.SellerServers, context.Load.Sellers),
            .. Used(Components.BuyerServer, context.Cluster.BuyerServers, context.Load.Buyers),
        ]);
    }

    private static async Task<IReadOnlyList<string>> ProductsLeader(
        KillContext context,
        CancellationToken cancellationToken
    ) => [(await LeaderAsync(context, cancellationToken)).Name];

    // Each run kills another one.
    private static async Task<IReadOnlyList<string>> ProductsFollower(
        KillContext context,
        CancellationToken cancellationToken
    )
    {
        var leader = await LeaderAsync(context, cancellationToken);
        AuditedReplica[] followers = [.. context.Databases.Products.Where(replica => replica != leader)];
        return [followers[context.Run % followers.Length].Name];
    }

    private static Task<IReadOnlyList<string>> CustomersReplica(
        KillContext context,
        CancellationToken cancellationToken
    ) =>
        Task.FromResult<IReadOnlyList<string>>([
            context.Databases.Customers[context.Run % context.Databases.Customers.Count].Name,
        ]);

    private static async Task<AuditedReplica> LeaderAsync(KillContext context, CancellationToken cancellationToken) =>
        await context.Databases.ProductsLeaderAsync(cancellationToken)
        ?? throw new EvaluationException(
            "no products replica leads (the products database may run on another engine than Raft), "
                + "so conditions 3 and 4 cannot be measured"
        );
}
