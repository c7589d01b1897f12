using Agora.Client;
using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Contracts.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using CustomersError = Agora.Contracts.Customers.Error;
using Item = Agora.Client.Item;
using ProductsCommand = Agora.Contracts.Products.Command;
using ProductsError = Agora.Contracts.Products.Error;

namespace Agora.Servers;

/// <summary>The server-side sellers' interface: REST in, gRPC out, stateless.</summary>
public static class SellerServer
{
    /// <summary>Builds one seller server, not yet started.</summary>
    /// <param name="builder">Logging and whatever else the program prepares.</param>
    /// <param name="cluster">Says where this server listens, and where the databases are.</param>
    /// <param name="replica">This server's place among the seller servers.</param>
    /// <param name="identity">Its identity towards the databases and the payment service.</param>
    public static WebApplication Build(WebApplicationBuilder builder, ClusterFile cluster, int replica, ComponentIdentity identity) =>
        Build(builder, cluster, replica, new ServerSettings { Limits = cluster.Limits }, identity);

    internal static WebApplication Build(
        WebApplicationBuilder builder, ClusterFile cluster, int replica, ServerSettings settings, ComponentIdentity? identity = null)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        RestServer.AddServices(builder, cluster, cluster.SellerServers, replica, settings, identity, "Agora seller server");
        builder.Services.AddSingleton<Accounts>();
        builder.Services.AddSingleton<SellerFunctions>();
        var app = builder.Build();
        RestServer.Use(app, Role.Seller);
        Map(app, app.Services.GetRequiredService<SellerFunctions>());
        return app;
    }

    private static void Map(IEndpointRouteBuilder app, SellerFunctions functions)
    {
        app.MapPost("/sellers", functions.CreateAccount).Takes<CreateAccountRequest>()
            .As(new("CreateAccount") { Session = SessionNeed.None }, "Creates a seller's account.", ErrorCodes.UsernameTaken);
        app.MapPost("/sessions", functions.Login).Takes<LoginRequest>()
            .As(new("Login") { Session = SessionNeed.None, AnswersToken = true }, "Begins a session.", ErrorCodes.NotLoggedIn);
        app.MapDelete("/sessions/current", functions.Logout)
            .As(new("Logout"), "Ends the session.");
        app.MapGet("/sellers/me", functions.GetAccount)
            .As(new("GetSeller"), "This seller's own account.");
        app.MapGet("/sellers/me/rating", functions.GetSellerRating)
            .As(new("GetSellerRating"), "The votes on this seller's items.");
        app.MapPost("/items", functions.RegisterItemForSale).Takes<RegisterItemRequest>()
            .As(new("RegisterItemForSale"), "Puts an item up for sale.");
        app.MapPut("/items/{itemId}/price", functions.ChangeItemPrice).Takes<ChangePriceRequest>()
            .As(new("ChangeItemPrice") { HonoursIfMatch = true, AnswersETag = true }, "Sets an item's price.", ErrorCodes.NotYours, ErrorCodes.NoSuchItem, ErrorCodes.ChangedMeanwhile);
        app.MapPost("/items/{itemId}/withdrawals", functions.UpdateUnitsForSale).Takes<UnitsRequest>()
            .As(new("UpdateUnitsForSale") { HonoursIfMatch = true, AnswersETag = true }, "Takes units of an item off sale.",
                ErrorCodes.NotYours, ErrorCodes.NoSuchItem, ErrorCodes.NotEnoughUnits, ErrorCodes.ChangedMeanwhile);
        app.MapPost("/items/{itemId}/additions", functions.AddUnitsForSale).Takes<UnitsRequest>()
            .As(new("AddUnitsForSale") { HonoursIfMatch = true, AnswersETag = true }, "Puts more units of an item on sale.", ErrorCodes.NotYours, ErrorCodes.NoSuchItem, ErrorCodes.ChangedMeanwhile);
        app.MapGet("/items", functions.DisplayItemsForSale)
            .As(new("DisplayItemsForSale") { Query = QueryParameter.Page }, "This seller's items, those with no unit left included.");
        app.MapGet("/items/{itemId}", functions.GetItem)
            .As(new("GetItem") { AnswersETag = true }, "One item, any seller's.", ErrorCodes.NoSuchItem);
        app.MapGet("/sales", functions.GetSales)
            .As(new("GetSales") { Query = QueryParameter.Page }, "What this seller has sold, newest first.");
    }
}

/// <summary>The handlers of the seller server's functions.</summary>
internal sealed class SellerFunctions(Accounts accounts, CustomersDatabase customers, ProductsDatabase products)
{
    public async Task<Results<Created<SellerCreated>, Refusal>> CreateAccount(Call call)
    {
        var (sellerId, refusal) = await accounts.CreateAsync(call);
        return refusal is not null ? refusal : TypedResults.Created("/sellers/me", new SellerCreated { SellerId = sellerId });
    }

    public async Task<Results<Created<SellerSession>, Refusal>> Login(Call call)
    {
        var (login, refusal) = await accounts.LoginAsync(call);
        return refusal is not null ? refusal : TypedResults.Created((string?)null, new SellerSession
        {
            Token = login.Token,
            SellerId = login.AccountId,
            ExpiresInSeconds = ServerSettings.SessionSeconds,
        });
    }

    public async Task<Results<NoContent, Refusal>> Logout(Call call) =>
        await accounts.LogoutAsync(call) is { } refusal ? refusal : TypedResults.NoContent();

    public async Task<Results<Ok<SellerRating>, Refusal>> GetSellerRating(Call call)
    {
        var rating = await customers.GetRatingAsync(new() { Session = call.Session }, call.Deadline);
        return rating.Error != CustomersError.None ? Refusal.Of(rating.Error) : TypedResults.Ok(rating.ToRating());
    }

    public async Task<Results<Created<ItemRegistered>, Refusal>> RegisterItemForSale(Call call)
    {
        var body = await call.BodyAsync();
        var keywords = body.Keywords("keywords");
        var register = new RegisterItem
        {
            Name = body.Name("name"),
            Category = body.Integer("category", 0, Bounds.MaxCategory),
            Keywords = { keywords.Select(keyword => keyword.Written) },
            SearchKeywords = { keywords.Select(keyword => keyword.Key) },
            Condition = body.Either("condition", "new", "used") ? Condition.New : Condition.Used,
            PriceCents = body.Cents("price"),
            Quantity = body.Integer("quantity", 0, Bounds.MaxUnits),
        };
        if (body.Refusal is { } invalid)
        {
            return invalid;
        }
        var session = await customers.GetSessionAsync(call.Session, call.Deadline);
        if (session.Error != CustomersError.None)
        {
            return Refusal.Of(session.Error);
        }
        register.SellerId = session.AccountId;
        var reply = await products.ExecuteAsync(call, call.RequestId(call.ClaimedAccountId), new() { RegisterItem = register }, body);
        return reply.Error != ProductsError.None ? Refusal.Of(reply.Error, "")
            : TypedResults.Created($"/items/{reply.Item.ItemId}", new ItemRegistered { ItemId = reply.Item.ItemId });
    }

    public async Task<Results<Ok<Item>, Refusal>> ChangeItemPrice(Call call, string itemId)
    {
        var body = await call.BodyAsync();
        var change = new ChangePrice { ItemId = itemId, PriceCents = body.Cents("price"), IfVersion = { call.IfVersion } };
        return await ChangeAsync(call, itemId, body, sellerId => new() { ChangePrice = new(change) { SellerId = sellerId } });
    }

    public async Task<Results<Ok<Item>, Refusal>> UpdateUnitsForSale(Call call, string itemId)
    {
        var body = await call.BodyAsync();
        var withdraw = new WithdrawUnits { ItemId = itemId, Quantity = Units(body), IfVersion = { call.IfVersion } };
        return await ChangeAsync(call, itemId, body, sellerId => new() { WithdrawUnits = new(withdraw) { SellerId = sellerId } }, withdraw.Quantity);
    }

    public async Task<Results<Ok<Item>, Refusal>> AddUnitsForSale(Call call, string itemId)
    {
        var body = await call.BodyAsync();
        var add = new AddUnits { ItemId = itemId, Quantity = Units(body), IfVersion = { call.IfVersion } };
        return await ChangeAsync(call, itemId, body, sellerId => new() { AddUnits = new(add) { SellerId = sellerId } });
    }

    public async Task<Results<Ok<Item>, StatusCodeHttpResult, Refusal>> GetItem(Call call, string itemId)
    {
        var session = customers.GetSessionAsync(call.Session, call.Deadline);
        var item = ItemId.IsWellFormed(itemId)
            ? products.GetItemAsync(itemId, call.Deadline)
            : Task.FromResult(new ItemReply { Error = ProductsError.NoSuchItem });
        await Task.WhenAll(session, item);
        var found = await item;
        return (await session).Error is var error and not CustomersError.None ? Refusal.Of(error)
            : found.Error != ProductsError.None ? Refusal.Of(found.Error, itemId)
            : call.IsNotModified(found.Item.Version) ? TypedResults.StatusCode(304)
            : TypedResults.Ok(found.Item.ToItem());
    }

    public async Task<Results<Ok<SellerAccount>, Refusal>> GetAccount(Call call)
    {
        var account = await customers.GetRatingAsync(new() { Session = call.Session }, call.Deadline);
        return account.Error != CustomersError.None ? Refusal.Of(account.Error) : TypedResults.Ok(account.ToSellerAccount());
    }

    public async Task<Results<Ok<SalePage>, Refusal>> GetSales(Call call)
    {
        var query = call.Query();
        var sales = new SalesQuery
        {
            Session = call.Session,
            Limit = query.Limit(),
            Cursor = query.Cursor() ?? "",
        };
        if (query.Refusal is { } invalid)
        {
            return invalid;
        }
        var page = await customers.GetSalesAsync(sales, call.Deadline);
        if (page.Error != CustomersError.None)
        {
            return Refusal.Of(page.Error);
        }
        var items = await products.GetItemsAsync(page.Sales.Select(sale => sale.ItemId).Distinct(), call.Deadline);
        return TypedResults.Ok(page.ToPage(items));
    }

    public async Task<Results<Ok<ItemPage>, Refusal>> DisplayItemsForSale(Call call)
    {
        var query = call.Query();
        var items = new SellerItemsQuery
        {
            Limit = query.Limit(),
            Cursor = query.Cursor() ?? "",
        };
        if (query.Refusal is { } invalid)
        {
            return invalid;
        }
        var session = await customers.GetSessionAsync(call.Session, call.Deadline);
        if (session.Error != CustomersError.None)
        {
            return Refusal.Of(session.Error);
        }
        items.SellerId = session.AccountId;
        var page = await products.GetItemsOfSellerAsync(items, call.Deadline);
        return page.Error != ProductsError.None ? Refusal.Of(page.Error, "") : TypedResults.Ok(page.ToPage());
    }

    private static int Units(Fields body) => body.Integer("quantity", 1, Bounds.MaxUnits);

    private async Task<Results<Ok<Item>, Refusal>> ChangeAsync(
        Call call, string itemId, Fields body, Func<long, ProductsCommand> command, int units = 0)
    {
        if (body.Refusal is { } invalid)
        {
            return invalid;
        }
        var session = await customers.GetSessionAsync(call.Session, call.Deadline);
        if (session.Error != CustomersError.None)
        {
            return Refusal.Of(session.Error);
        }
        if (!ItemId.IsWellFormed(itemId))
        {
            return Refusal.NoSuchItem(itemId);
        }
        var reply = await products.ExecuteAsync(call, call.RequestId(call.ClaimedAccountId), command(session.AccountId), body);
        if (reply.Error == ProductsError.NotEnoughUnits)
        {
            return Refusal.NotEnoughUnits([reply.Item.ToLine(units)]);
        }
        if (reply.Error != ProductsError.None)
        {
            return Refusal.Of(reply.Error, itemId);
        }
        call.IsNotModified(reply.Item.Version);
        return TypedResults.Ok(reply.Item.ToItem());
    }
}
