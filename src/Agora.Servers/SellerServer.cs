using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Rest;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Servers;

/// <summary>The server-side sellers' interface: REST in, gRPC out, stateless.</summary>
public static class SellerServer
{
    /// <summary>Builds one seller server, without starting it.</summary>
    /// <param name="builder">The process's builder, with logging configured.</param>
    /// <param name="cluster">Where this server listens, and where the databases are.</param>
    /// <param name="replica">This server's number among the seller servers.</param>
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
            cluster.SellerServers,
            replica,
            settings,
            identity,
            "Agora seller server"
        );
        builder.Services.AddSingleton<AccountFunctions>();
        builder.Services.AddSingleton<SellerFunctions>();
        var app = builder.Build();
        RestServer.Use(app, Role.Seller);
        Map(app, app.Services.GetRequiredService<SellerFunctions>());
        return app;
    }

    private static void Map(IEndpointRouteBuilder app, SellerFunctions functions)
    {
        app.MapPost("/sellers", functions.CreateAccount)
            .Takes<CreateAccountRequest>()
            .As(
                new("CreateAccount") { Session = SessionNeed.None },
                "Creates a seller's account.",
                ErrorCodes.UsernameTaken
            );
        app.MapPost("/sessions", functions.Login)
            .Takes<LoginRequest>()
            .As(
                new("Login") { Session = SessionNeed.None, AnswersToken = true },
                "Begins a session.",
                ErrorCodes.NotLoggedIn
            );
        app.MapDelete("/sessions/current", functions.Logout).As(new("Logout"), "Ends the session.");
        app.MapGet("/sellers/me", functions.GetAccount).As(new("GetSeller"), "Gets this seller's own account.");
        app.MapGet("/sellers/me/rating", functions.GetSellerRating)
            .As(new("GetSellerRating"), "Gets the votes on this seller's items.");
        app.MapPost("/items", functions.RegisterItemForSale)
            .Takes<RegisterItemRequest>()
            .As(new("RegisterItemForSale"), "Puts an item up for sale.");
        app.MapPut("/items/{itemId}/price", functions.ChangeItemPrice)
            .Takes<ChangePriceRequest>()
            .As(
                new("ChangeItemPrice") { HonoursIfMatch = true, AnswersETag = true },
                "Sets an item's price.",
                ErrorCodes.NotYours,
                ErrorCodes.NoSuchItem,
                ErrorCodes.ChangedMeanwhile
            );
        app.MapPost("/items/{itemId}/withdrawals", functions.UpdateUnitsForSale)
            .Takes<UnitsRequest>()
            .As(
                new("UpdateUnitsForSale") { HonoursIfMatch = true, AnswersETag = true },
                "Takes units of an item off sale.",
                ErrorCodes.NotYours,
                ErrorCodes.NoSuchItem,
                ErrorCodes.NotEnoughUnits,
                ErrorCodes.ChangedMeanwhile
            );
        app.MapPost("/items/{itemId}/additions", functions.AddUnitsForSale)
            .Takes<UnitsRequest>()
            .As(
                new("AddUnitsForSale") { HonoursIfMatch = true, AnswersETag = true },
                "Puts more units of an item on sale.",
                ErrorCodes.NotYours,
                ErrorCodes.NoSuchItem,
                ErrorCodes.ChangedMeanwhile
            );
        app.MapGet("/items", functions.DisplayItemsForSale)
            .As(
                new("DisplayItemsForSale") { Query = QueryParameter.Page },
                "Lists this seller's items, including those that are sold out."
            );
        app.MapGet("/items/{itemId}", functions.GetItem)
            .As(new("GetItem") { AnswersETag = true }, "Gets an item of any seller.", ErrorCodes.NoSuchItem);
        app.MapGet("/sales", functions.GetSales)
            .As(new("GetSales") { Query = QueryParameter.Page }, "Lists what this seller sold, newest first.");
    }
}
