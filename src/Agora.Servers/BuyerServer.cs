using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Rest;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Agora.Servers;

/// <summary>The server-side buyers' interface: REST in, gRPC and SOAP out, stateless.</summary>
public static class BuyerServer
{
    /// <summary>Builds one buyer server, without starting it.</summary>
    /// <param name="builder">The process's builder, with logging configured.</param>
    /// <param name="cluster">Where this server listens, and where the databases and the payment service are.</param>
    /// <param name="replica">This server's number among the buyer servers.</param>
    /// <param name="identity">The certificate that it shows to the databases and the payment service.</param>
    public static WebApplication Build(
        WebApplicationBuilder builder,
        ClusterFile cluster,
        int replica,
        ComponentIdentity identity
    ) => Build(builder, cluster, replica, new ServerSettings { Limits = cluster.Limits }, identity);

    internal static WebApplication Build(
        WebApplicationBuilder builder,
        ClusterFile cluster,
        int replica,
        ServerSettings settings,
        ComponentIdentity? identity = null
    )
    {
        ArgumentNullException.ThrowIfNull(cluster);
        RestServer.AddServices(
            builder,
            cluster,
            cluster.BuyerServers,
            replica,
            settings,
            identity,
            "Agora buyer server"
        );
        var merchant = MerchantSecret.For(cluster.Payments, builder.Configuration[MerchantSecret.FileSetting]);
        builder.Services.TryAddSingleton(_ => PaymentsClient.Connect(cluster.Payments, settings, identity, merchant));
        builder.Services.AddSingleton<PaymentsClient>();
        builder.Services.AddSingleton(ReadinessPart.AnswerOf(cluster.Payments, identity));
        builder.Services.AddSingleton<AccountFunctions>();
        builder.Services.AddSingleton<PurchaseSaga>();
        builder.Services.AddSingleton<Settlements>();
        builder.Services.AddSingleton<VoteForwarder>();
        builder.Services.AddSingleton<BuyerFunctions>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Settlements>());
        builder.Services.AddHostedService<PurchaseRecovery>();
        var app = builder.Build();
        RestServer.Use(app, Role.Buyer);
        Map(app, app.Services.GetRequiredService<BuyerFunctions>());
        return app;
    }

    private static void Map(IEndpointRouteBuilder app, BuyerFunctions functions)
    {
        app.MapPost("/buyers", functions.CreateAccount)
            .Takes<CreateAccountRequest>()
            .As(
                new("CreateAccount") { Session = SessionNeed.None },
                "Creates a buyer's account.",
                ErrorCodes.UsernameTaken
            );
        app.MapGet("/buyers/me", functions.GetAccount).As(new("GetBuyer"), "Gets this buyer's own account.");
        app.MapPost("/sessions", functions.Login)
            .Takes<LoginRequest>()
            .As(
                new("Login") { Session = SessionNeed.None, AnswersToken = true },
                "Begins a session.",
                ErrorCodes.NotLoggedIn
            );
        app.MapDelete("/sessions/current", functions.Logout).As(new("Logout"), "Ends the session.");
        app.MapGet("/items", functions.SearchItemsForSale)
            .As(
                new("SearchItemsForSale") { Session = SessionNeed.Optional, Query = BuyerFunctions.SearchParameters },
                "Searches the items of a category that are on sale; the best match comes first."
            );
        app.MapGet("/items/{itemId}", functions.GetItem)
            .As(
                new("GetItem") { Session = SessionNeed.Optional, AnswersETag = true },
                "Gets an item.",
                ErrorCodes.NoSuchItem
            );
        app.MapPost("/cart/items", functions.AddItemToCart)
            .Takes<AddToCartRequest>()
            .As(
                new("AddItemToCart"),
                "Puts units of an item into the cart.",
                ErrorCodes.NoSuchItem,
                ErrorCodes.NotEnoughUnits,
                ErrorCodes.CartFull
            );
        app.MapDelete("/cart/items/{itemId}", functions.RemoveItemFromCart)
            .As(
                new("RemoveItemFromCart")
                {
                    Query =
                    [
                        new("quantity", "Units to remove; all if it is missing.", IsInteger: true)
                        {
                            Max = FieldBounds.MaxUnits,
                        },
                    ],
                },
                "Takes units of an item out of the cart.",
                ErrorCodes.NotInCart
            );
        app.MapPost("/cart/save", functions.SaveCart)
            .As(new("SaveCart"), "Saves the cart for later sessions of the account.");
        app.MapDelete("/cart", functions.ClearCart).As(new("ClearCart"), "Empties the cart.");
        app.MapGet("/cart", functions.DisplayCart).As(new("DisplayCart"), "Shows the cart.");
        app.MapPost("/purchases", functions.MakePurchase)
            .Takes<PurchaseRequest>()
            .As(
                new("MakePurchase") { KeepsKeys = true },
                "Buys the whole cart or nothing.",
                ErrorCodes.PaymentDeclined,
                ErrorCodes.CartEmpty,
                ErrorCodes.NotEnoughUnits,
                ErrorCodes.PriceChanged,
                ErrorCodes.PurchasePending,
                ErrorCodes.PurchaseAbandoned
            );
        app.MapPost("/items/{itemId}/feedback", functions.ProvideFeedback)
            .Takes<FeedbackRequest>()
            .As(
                new("ProvideFeedback") { KeepsKeys = true },
                "Votes on an item, once for each purchase of it.",
                ErrorCodes.NoSuchItem,
                ErrorCodes.NotPurchased,
                ErrorCodes.AlreadyRated
            );
        app.MapGet("/sellers/{sellerId}/rating", functions.GetSellerRating)
            .As(
                new("GetSellerRating") { Session = SessionNeed.Optional },
                "Gets the votes on a seller's items.",
                ErrorCodes.NoSuchSeller
            );
        app.MapGet("/sellers/{sellerId}", functions.GetSeller)
            .As(new("GetSeller") { Session = SessionNeed.Optional }, "Gets a seller.", ErrorCodes.NoSuchSeller);
        app.MapGet("/sellers/{sellerId}/items", functions.GetItemsOfSeller)
            .As(
                new("GetItemsOfSeller") { Session = SessionNeed.Optional, Query = QueryParameter.Page },
                "Lists a seller's items, including those that are sold out.",
                ErrorCodes.NoSuchSeller
            );
        app.MapGet("/purchases", functions.GetBuyerPurchases)
            .As(
                new("GetBuyerPurchases") { Query = QueryParameter.Page },
                "Lists this buyer's purchases, newest first."
            );
        app.MapGet("/purchases/{purchaseId}", functions.GetPurchase)
            .As(new("GetPurchase"), "Gets one of this buyer's purchases.", ErrorCodes.NoSuchPurchase);
    }
}
