using Agora.Contracts.Cluster;

namespace Agora.Evaluation;

/// <summary>What a condition may look at when it chooses whom to kill.</summary>
internal sealed record Scene(Load Load, Databases Databases, ClusterFile Cluster, int Run);

/// <summary>What the lab does to everything that passes its relays.</summary>
/// <param name="Name">In a word.</param>
/// <param name="Loss">The share of datagrams and segments that are lost.</param>
/// <param name="Delay">How late all come, one way.</param>
internal sealed record BadNetwork(string Name, double Loss, TimeSpan Delay);

/// <summary>One of the conditions under which the marketplace is measured.</summary>
/// <param name="Number">As in the specification.</param>
/// <param name="Name">In a few words.</param>
/// <param name="Victims">Whom it kills, a third into the run; null for nobody.</param>
/// <param name="Restart">The supervisor brings them back at once; else they stay dead until the run has ended.</param>
/// <param name="Affects">The functions that need what was killed: whose pause is looked for.</param>
/// <param name="Network">How bad the network is meanwhile; null where it is left alone.</param>
internal sealed record Condition(
    int Number, string Name, Func<Scene, CancellationToken, Task<IReadOnlyList<string>>>? Victims, bool Restart, Func<Function, bool> Affects, BadNetwork? Network = null)
{
    /// <summary>Condition 6, datagrams lost and late, needs a network that can be made bad on purpose.</summary>
    public const int NeedsLab = 6;

    private static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(10);

    public static IReadOnlyList<Condition> All { get; } =
    [
        new(1, "all replicas run normally", null, Restart: false, _ => true),
        new(2, "a seller server and a buyer server in use are killed", ServersInUse, Restart: false, _ => true),
        new(3, "a products replica that is not the leader is killed", ProductsFollower, Restart: false, Functions.UsesProducts),
        new(4, "the products leader is killed", ProductsLeader, Restart: false, Functions.UsesProducts),
        new(5, "a customers replica is killed, and restarted by the supervisor", CustomersReplica, Restart: true, Functions.WritesCustomers),
        // What the relays themselves cost, without which the others cannot be read.
        new(NeedsLab, "everything passes the lab's relays, which lose and delay nothing", null, Restart: false, _ => true, new("relays", 0, TimeSpan.Zero)),
        new(NeedsLab, "1% of all datagrams and segments are lost, and all come 10 ms late", null, Restart: false, _ => true, new("1%", 0.01, s_delay)),
        new(NeedsLab, "5% of all datagrams and segments are lost, and all come 10 ms late", null, Restart: false, _ => true, new("5%", 0.05, s_delay)),
    ];

    /// <summary>What tells it from another of the same number; null where there is no other.</summary>
    public string? Part => Network?.Name;

    /// <summary>Kills somebody.</summary>
    public bool Kills => Victims is not null;

    // The first seller's and the first buyer's: at least those two are connected to them, and at larger scales a quarter of all.
    private static Task<IReadOnlyList<string>> ServersInUse(Scene scene, CancellationToken cancel)
    {
        IEnumerable<string> Used(string component, ServerGroup group, IReadOnlyList<Trader> clients) => clients is [var first, ..]
            ? [FormattableString.Invariant($"{component}/{scene.Cluster.AddressesOf(group).ToList().IndexOf(first.Server)}")]
            : [];
        return Task.FromResult<IReadOnlyList<string>>(
        [
            .. Used(Components.SellerServer, scene.Cluster.SellerServers, scene.Load.Sellers),
            .. Used(Components.BuyerServer, scene.Cluster.BuyerServers, scene.Load.Buyers),
        ]);
    }

    private static async Task<IReadOnlyList<string>> ProductsLeader(Scene scene, CancellationToken cancel) => [(await LeaderAsync(scene, cancel)).Name];

    // Another one each run.
    private static async Task<IReadOnlyList<string>> ProductsFollower(Scene scene, CancellationToken cancel)
    {
        var leader = await LeaderAsync(scene, cancel);
        DatabaseReplica[] followers = [.. scene.Databases.Products.Where(replica => replica != leader)];
        return [followers[scene.Run % followers.Length].Name];
    }

    private static Task<IReadOnlyList<string>> CustomersReplica(Scene scene, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<string>>([scene.Databases.Customers[scene.Run % scene.Databases.Customers.Count].Name]);

    private static async Task<DatabaseReplica> LeaderAsync(Scene scene, CancellationToken cancel) =>
        await scene.Databases.ProductsLeaderAsync(cancel)
        ?? throw new EvaluationException("no products replica leads (the products database may run on another engine than Raft), so conditions 3 and 4 cannot be measured");
}
