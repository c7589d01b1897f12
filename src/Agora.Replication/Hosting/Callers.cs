using System.Collections.Frozen;
using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Kind = Agora.Contracts.Customers.CustomersCommand.KindOneofCase;
using ProductsKind = Agora.Contracts.Products.ProductsCommand.KindOneofCase;

namespace Agora.Replication.Hosting;

/// <summary>
/// Which component may call which method of the databases: what its program calls, and nothing else. So a stolen key
/// opens no more than the process that it was stolen from could. A method that is not in the table may not be called.
/// Each kind of command has a line of its own.
/// </summary>
internal static class Callers
{
    /// <summary>Stands for the replicas of the same database.</summary>
    public const string Peers = "peers";

    private const string Seller = Components.SellerServer;
    private const string Buyer = Components.BuyerServer;
    private const string Web = Components.Web;
    private const string Operator = ClusterSecrets.Operator;

    private const string Customers = "/agora.customers.Customers/";
    private const string Products = "/agora.products.Products/";
    private const string Replica = "/agora.replication.Replica/";
    private const string ReplicaPeer = "/agora.replication.ReplicaPeer/";
    private const string RaftPeer = "/agora.replication.RaftPeer/";
    private const string StateSource = "/agora.replication.StateSource/";

    // Replicas of either database may ask for a status, so that the supervisor of a host that has nothing else knows
    // when all serves. The pages show it, and read nothing else of the databases.
    private static readonly FrozenDictionary<string, string[]> s_methods = new Dictionary<string, string[]>
    {
        [Replica + "GetStatus"] = [Seller, Buyer, Web, Components.Customers, Components.Products, Operator],
        [Replica + "GetDigest"] = [Operator],
        [Replica + "CopyState"] = [Operator],
        [ReplicaPeer + "GetClock"] = [Peers],
        [ReplicaPeer + "GetScrubs"] = [Peers],
        [ReplicaPeer + "BeginScrub"] = [Peers],
        [RaftPeer + "GetStanding"] = [Peers],
        [RaftPeer + "GetRestorePoint"] = [Peers],
        [RaftPeer + "FetchState"] = [Peers],
        [StateSource + "FetchState"] = [Peers],
        [Customers + "GetCredentials"] = [Seller, Buyer, Operator],
        [Customers + "GetSession"] = [Seller, Buyer],
        [Customers + "GetRating"] = [Seller, Buyer, Operator],
        [Customers + "GetPurchase"] = [Buyer],
        [Customers + "GetSales"] = [Seller],
        [Customers + "GetCart"] = [Buyer, Operator],
        [Customers + "GetPurchases"] = [Buyer, Operator],
        [Customers + "GetCheckout"] = [Buyer],
        [Customers + "GetDecision"] = [Buyer],
        [Customers + "GetUnforwardedVotes"] = [Buyer, Operator],
        [Products + "GetItem"] = [Seller, Buyer],
        [Products + "GetItems"] = [Seller, Buyer],
        [Products + "GetItemsOfSeller"] = [Seller, Buyer, Operator],
        [Products + "Search"] = [Buyer],
        [Products + "GetOpenReservations"] = [Buyer, Operator],
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<Kind, string[]> s_customersCommands = new Dictionary<Kind, string[]>
    {
        [Kind.CreateAccount] = [Seller, Buyer],
        [Kind.OpenSession] = [Seller, Buyer, Operator],
        [Kind.CloseSession] = [Seller, Buyer, Operator],
        // A replica makes it for itself.
        [Kind.TouchSession] = [],
        [Kind.AddToCart] = [Buyer],
        [Kind.RemoveFromCart] = [Buyer],
        [Kind.SaveCart] = [Buyer],
        [Kind.ClearCart] = [Buyer],
        [Kind.CompletePurchase] = [Buyer],
        [Kind.AbandonPurchase] = [Buyer],
        [Kind.RecordVote] = [Buyer],
        [Kind.MarkForwarded] = [Buyer],
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<ProductsKind, string[]> s_productsCommands = new Dictionary<
        ProductsKind,
        string[]
    >
    {
        [ProductsKind.RegisterItem] = [Seller],
        [ProductsKind.ChangePrice] = [Seller],
        [ProductsKind.WithdrawUnits] = [Seller],
        [ProductsKind.AddUnits] = [Seller],
        [ProductsKind.Reserve] = [Buyer],
        [ProductsKind.Confirm] = [Buyer],
        [ProductsKind.Release] = [Buyer],
        [ProductsKind.AddFeedback] = [Buyer],
    }.ToFrozenDictionary();

    /// <summary>The components that may connect to a database's gRPC port at all.</summary>
    public static IReadOnlyList<string> OfPort { get; } =
    [Components.Customers, Components.Products, Seller, Buyer, Web, Operator];

    /// <summary>Every method but those that take commands.</summary>
    public static IReadOnlyDictionary<string, string[]> Methods => s_methods;

    /// <summary>Every kind of command of the customers database.</summary>
    public static IReadOnlyDictionary<Kind, string[]> CustomersCommands => s_customersCommands;

    /// <summary>Every kind of command of the products database.</summary>
    public static IReadOnlyDictionary<ProductsKind, string[]> ProductsCommands => s_productsCommands;

    /// <summary>Whether a component may call a method of a database with this request.</summary>
    /// <param name="component">Who calls.</param>
    /// <param name="database">The component that is called.</param>
    /// <param name="method">The method's full name, such as <c>/agora.products.Products/Search</c>.</param>
    /// <param name="request">What is asked; null where it is not known yet.</param>
    public static bool May(string component, string database, string method, object? request)
    {
        var allowed = request switch
        {
            CustomersRequest command => s_customersCommands.GetValueOrDefault(command.Command?.KindCase ?? Kind.None),
            ProductsRequest command => s_productsCommands.GetValueOrDefault(
                command.Command?.KindCase ?? ProductsKind.None
            ),
            _ => s_methods.GetValueOrDefault(method),
        };
        return allowed is not null
            && (
                allowed.Contains(component)
                || (component == Seller && ChangesNothing(request))
                || (component == database && allowed.Contains(Peers))
            )
            && IsOfItsRole(component, request);
    }

    // An ordered command without effect is how any server finds out whether writes go through.
    private static bool ChangesNothing(object? request) =>
        request
            is CustomersRequest { Command.MarkForwarded.VoteIds.Count: 0 }
                or ProductsRequest { Command.Confirm.PurchaseIds.Count: 0 };

    // Buyer servers have nothing to do with accounts of sellers, nor seller servers with those of buyers.
    private static bool IsOfItsRole(string component, object? request)
    {
        var role = request switch
        {
            CredentialsQuery query => query.Role,
            CustomersRequest { Command.CreateAccount: { } create } => create.Role,
            CustomersRequest { Command.OpenSession: { } open } => open.Role,
            _ => (Role?)null,
        };
        return role is null || component == Operator || role == (component == Seller ? Role.Seller : Role.Buyer);
    }
}
