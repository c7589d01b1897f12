using Agora.Client;
using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Payments;
using Agora.Contracts.Products;
using Agora.Contracts.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Cart = Agora.Client.Cart;
using CustomersCommand = Agora.Contracts.Customers.Command;
using CustomersError = Agora.Contracts.Customers.Error;
using Item = Agora.Client.Item;
using ProductsError = Agora.Contracts.Products.Error;
using Purchase = Agora.Client.Purchase;

namespace Agora.Servers;

/// <summary>The server-side buyers' interface: REST in, gRPC and SOAP out, stateless.</summary>
public static class BuyerServer
{
    /// <summary>Builds one buyer server, not yet started.</summary>
    /// <param name="builder">Logging and whatever else the program prepares.</param>
    /// <param name="cluster">Says where this server listens, and where the databases and the payment service are.</param>
    /// <param name="replica">This server's place among the buyer servers.</param>
    /// <param name="identity">Its identity towards the databases and the payment service.</param>
    public static WebApplication Build(WebApplicationBuilder builder, ClusterFile cluster, int replica, ComponentIdentity identity) =>
        Build(builder, cluster, replica, new ServerSettings { Limits = cluster.Limits }, identity);

    internal static WebApplication Build(
        WebApplicationBuilder builder, ClusterFile cluster, int replica, ServerSettings settings, ComponentIdentity? identity = null)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        RestServer.AddServices(builder, cluster, cluster.BuyerServers, replica, settings, identity, "Agora buyer server");
        var merchant = MerchantSecret.For(cluster.Payments, builder.Configuration[MerchantSecret.FileSetting]);
        builder.Services.TryAddSingleton(_ => Payments.Connect(cluster.Payments, settings, identity, merchant));
        builder.Services.AddSingleton<Payments>();
        builder.Services.AddSingleton(ReadinessPart.OfPayments(cluster.Payments, identity));
        builder.Services.AddSingleton<Accounts>();
        builder.Services.AddSingleton<PurchaseSaga>();
        builder.Services.AddSingleton<Settlements>();
        builder.Services.AddSingleton<Votes>();
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
        app.MapPost("/buyers", functions.CreateAccount).Takes<CreateAccountRequest>()
            .As(new("CreateAccount") { Session = SessionNeed.None }, "Creates a buyer's account.", ErrorCodes.UsernameTaken);
        app.MapGet("/buyers/me", functions.GetAccount)
            .As(new("GetBuyer"), "This buyer's own account.");
        app.MapPost("/sessions", functions.Login).Takes<LoginRequest>()
            .As(new("Login") { Session = SessionNeed.None, AnswersToken = true }, "Begins a session.", ErrorCodes.NotLoggedIn);
        app.MapDelete("/sessions/current", functions.Logout)
            .As(new("Logout"), "Ends the session.");
        app.MapGet("/items", functions.SearchItemsForSale)
            .As(new("SearchItemsForSale") { Session = SessionNeed.Optional, Query = BuyerFunctions.SearchParameters },
                "Items of a category that are on sale, best match first.");
        app.MapGet("/items/{itemId}", functions.GetItem)
            .As(new("GetItem") { Session = SessionNeed.Optional, AnswersETag = true }, "One item.", ErrorCodes.NoSuchItem);
        app.MapPost("/cart/items", functions.AddItemToCart).Takes<AddToCartRequest>()
            .As(new("AddItemToCart"), "Puts units of an item into the cart.", ErrorCodes.NoSuchItem, ErrorCodes.NotEnoughUnits, ErrorCodes.CartFull);
        app.MapDelete("/cart/items/{itemId}", functions.RemoveItemFromCart)
            .As(new("RemoveItemFromCart") { Query = [new("quantity", "Units to remove; all without it.", IsInteger: true) { Max = Bounds.MaxUnits }] },
                "Takes units of an item out of the cart.", ErrorCodes.NotInCart);
        app.MapPost("/cart/save", functions.SaveCart)
            .As(new("SaveCart"), "Copies the cart to the account, for later sessions.");
        app.MapDelete("/cart", functions.ClearCart)
            .As(new("ClearCart"), "Empties the cart.");
        app.MapGet("/cart", functions.DisplayCart)
            .As(new("DisplayCart"), "The cart.");
        app.MapPost("/purchases", functions.MakePurchase).Takes<PurchaseRequest>()
            .As(new("MakePurchase") { KeepsKeys = true }, "Buys the whole cart or nothing.", ErrorCodes.PaymentDeclined, ErrorCodes.CartEmpty,
                ErrorCodes.NotEnoughUnits, ErrorCodes.PriceChanged, ErrorCodes.PurchasePending, ErrorCodes.PurchaseAbandoned);
        app.MapPost("/items/{itemId}/feedback", functions.ProvideFeedback).Takes<FeedbackRequest>()
            .As(new("ProvideFeedback") { KeepsKeys = true }, "Votes on an item, once for each purchase of it.",
                ErrorCodes.NoSuchItem, ErrorCodes.NotPurchased, ErrorCodes.AlreadyRated);
        app.MapGet("/sellers/{sellerId}/rating", functions.GetSellerRating)
            .As(new("GetSellerRating") { Session = SessionNeed.Optional }, "The votes on a seller's items.", ErrorCodes.NoSuchSeller);
        app.MapGet("/sellers/{sellerId}", functions.GetSeller)
            .As(new("GetSeller") { Session = SessionNeed.Optional }, "A seller.", ErrorCodes.NoSuchSeller);
        app.MapGet("/sellers/{sellerId}/items", functions.GetItemsOfSeller)
            .As(new("GetItemsOfSeller") { Session = SessionNeed.Optional, Query = QueryParameter.Page },
                "A seller's items, those with no unit left included.", ErrorCodes.NoSuchSeller);
        app.MapGet("/purchases", functions.GetBuyerPurchases)
            .As(new("GetBuyerPurchases") { Query = QueryParameter.Page }, "This buyer's purchases, newest first.");
        app.MapGet("/purchases/{purchaseId}", functions.GetPurchase)
            .As(new("GetPurchase"), "One of this buyer's purchases.", ErrorCodes.NoSuchPurchase);
    }
}

/// <summary>The handlers of the buyer server's functions.</summary>
internal sealed class BuyerFunctions(
    Accounts accounts, CustomersDatabase customers, ProductsDatabase products, PurchaseSaga saga, Votes votes, ServerContext context)
{
    public static readonly QueryParameter[] SearchParameters =
    [
        new("category", "The items' category.", IsInteger: true, IsRequired: true) { Min = 0, Max = Bounds.MaxCategory },
        new("keyword", "Of these an item needs at least one.", IsMany: true) { Max = Bounds.MaxKeyword, MaxItems = Bounds.MaxKeywords },
        .. QueryParameter.Page,
    ];

    public async Task<Results<Created<BuyerCreated>, Refusal>> CreateAccount(Call call)
    {
        var (buyerId, refusal) = await accounts.CreateAsync(call);
        return refusal is not null ? refusal : TypedResults.Created("/buyers/me", new BuyerCreated { BuyerId = buyerId });
    }

    public async Task<Results<Created<BuyerSession>, Refusal>> Login(Call call)
    {
        var (login, refusal) = await accounts.LoginAsync(call);
        return refusal is not null ? refusal : TypedResults.Created((string?)null, new BuyerSession
        {
            Token = login.Token,
            BuyerId = login.AccountId,
            ExpiresInSeconds = ServerSettings.SessionSeconds,
        });
    }

    public async Task<Results<NoContent, Refusal>> Logout(Call call) =>
        await accounts.LogoutAsync(call) is { } refusal ? refusal : TypedResults.NoContent();

    public async Task<Results<Ok<ItemPage>, Refusal>> SearchItemsForSale(Call call)
    {
        var query = call.Query();
        var search = new SearchQuery
        {
            Category = query.Integer("category", 0, Bounds.MaxCategory),
            Keywords = { query.Keywords("keyword").Select(keyword => keyword.Key) },
            Limit = query.Limit(),
            Cursor = query.Cursor() ?? "",
        };
        if (query.Refusal is { } invalid)
        {
            return invalid;
        }
        var (session, page) = await BothAsync(SessionAsync(call), products.SearchAsync(search, call.Deadline));
        return session != CustomersError.None ? Refusal.Of(session)
            : page.Error != ProductsError.None ? Refusal.Of(page.Error, "")
            : TypedResults.Ok(page.ToPage());
    }

    public async Task<Results<Ok<Item>, StatusCodeHttpResult, Refusal>> GetItem(Call call, string itemId)
    {
        var (session, found) = await BothAsync(SessionAsync(call), FindItemAsync(itemId, call.Deadline));
        return session != CustomersError.None ? Refusal.Of(session)
            : found.Error != ProductsError.None ? Refusal.Of(found.Error, itemId)
            : call.IsNotModified(found.Item.Version) ? TypedResults.StatusCode(304)
            : TypedResults.Ok(found.Item.ToItem());
    }

    public async Task<Results<Ok<Cart>, Refusal>> AddItemToCart(Call call)
    {
        var body = await call.BodyAsync();
        var add = new AddToCart
        {
            Session = call.Session,
            ItemId = body.Text("itemId", ItemId.WhatIsWrong),
            Quantity = body.Integer("quantity", 1, Bounds.MaxUnits),
        };
        if (body.Refusal is { } invalid)
        {
            return invalid;
        }
        var found = await products.GetItemAsync(add.ItemId, call.Deadline);
        if (found.Error != ProductsError.None)
        {
            return await ForSessionAsync(call, Refusal.Of(found.Error, add.ItemId));
        }
        add.Available = found.Item.Quantity;
        var reply = await customers.ExecuteAsync(call, call.RequestId(call.ClaimedAccountId), new() { AddToCart = add }, body);
        return reply.Error switch
        {
            CustomersError.None => TypedResults.Ok(await ShowAsync(reply.Cart, call, found.Item)),
            CustomersError.NotEnoughUnits => Refusal.NotEnoughUnits([found.Item.ToLine(add.Quantity)]),
            _ => Refusal.Of(reply.Error),
        };
    }

    public async Task<Results<Ok<Cart>, Refusal>> RemoveItemFromCart(Call call, string itemId)
    {
        var query = call.Query();
        var remove = new RemoveFromCart { Session = call.Session, ItemId = itemId };
        if (query.OptionalInteger("quantity", 1, Bounds.MaxUnits) is { } quantity)
        {
            remove.Quantity = quantity;
        }
        if (query.Refusal is { } invalid)
        {
            return invalid;
        }
        return ItemId.IsWellFormed(itemId)
            ? await ChangeCartAsync(call, new() { RemoveFromCart = remove }, query)
            : await ForSessionAsync(call, Refusal.NotInCart);
    }

    public Task<Results<Ok<Cart>, Refusal>> SaveCart(Call call) =>
        ChangeCartAsync(call, new() { SaveCart = new() { Session = call.Session } });

    public async Task<Results<NoContent, Refusal>> ClearCart(Call call)
    {
        var reply = await customers.ExecuteAsync(call, call.RequestId(call.ClaimedAccountId), new() { ClearCart = new() { Session = call.Session } }, null);
        return reply.Error != CustomersError.None ? Refusal.Of(reply.Error) : TypedResults.NoContent();
    }

    public async Task<Results<Ok<Cart>, Refusal>> DisplayCart(Call call)
    {
        var cart = await customers.GetCartAsync(call.Session, call.Deadline);
        return cart.Error != CustomersError.None ? Refusal.Of(cart.Error) : TypedResults.Ok(await ShowAsync(cart, call));
    }

    public async Task<Results<Created<Receipt>, Refusal>> MakePurchase(Call call)
    {
        var body = await call.BodyAsync();
        var card = Card.Read(body, context.Time);
        var expected = body.OptionalTotal("expectedTotal");
        if (body.Refusal is { } invalid)
        {
            return invalid;
        }
        var order = Order.Of(card, expected, call.Key);
        var (purchase, replayed, refusal) = await saga.BuyAsync(call.Session, call.RequestId(call.ClaimedAccountId), order, call.Deadline);
        if (purchase is null)
        {
            return refusal!;
        }
        call.MarkReplayed(replayed);
        context.Metrics.PurchaseAnswered(purchase.State);
        return purchase.State switch
        {
            PurchaseState.Completed =>
                TypedResults.Created($"/purchases/{PurchaseSaga.TransactionId(purchase.PurchaseId)}", purchase.ToReceipt()),
            PurchaseState.Declined => Refusal.PaymentDeclined(purchase.Reason),
            PurchaseState.CartEmpty => Refusal.CartEmpty,
            PurchaseState.OutOfStock or PurchaseState.PriceChanged => Refusal.OfCart(purchase),
            PurchaseState.Abandoned => Refusal.PurchaseAbandoned(purchase.Reason),
            _ => throw new InvalidOperationException($"A purchase was answered as {purchase.State}."),
        };
    }

    public async Task<Results<NoContent, Refusal>> ProvideFeedback(Call call, string itemId)
    {
        var body = await call.BodyAsync();
        var record = new RecordVote { Session = call.Session, ItemId = itemId, Up = body.Either("thumb", "up", "down") };
        if (body.Refusal is { } invalid)
        {
            return invalid;
        }
        if (!ItemId.IsWellFormed(itemId))
        {
            return await ForSessionAsync(call, Refusal.NoSuchItem(itemId));
        }
        var requestId = call.RequestId(call.ClaimedAccountId);
        record.VoteId = requestId;
        var reply = await customers.ExecuteAsync(call, requestId, new() { RecordVote = record }, body);
        if (reply.Error == CustomersError.NotPurchased
            && (await products.GetItemAsync(itemId, call.Deadline)).Error == ProductsError.NoSuchItem)
        {
            return Refusal.NoSuchItem(itemId);
        }
        if (reply.Error != CustomersError.None)
        {
            return Refusal.Of(reply.Error);
        }
        await votes.ForwardAsync(reply.Vote, call.Deadline);
        return TypedResults.NoContent();
    }

    public async Task<Results<Ok<SellerRating>, Refusal>> GetSellerRating(Call call, string sellerId)
    {
        var (rating, refusal) = await FindSellerAsync(call, sellerId);
        return refusal is not null ? refusal : TypedResults.Ok(rating.ToRating());
    }

    public async Task<Results<Ok<Seller>, Refusal>> GetSeller(Call call, string sellerId)
    {
        var (seller, refusal) = await FindSellerAsync(call, sellerId);
        return refusal is not null ? refusal : TypedResults.Ok(seller.ToSeller());
    }

    public async Task<Results<Ok<ItemPage>, Refusal>> GetItemsOfSeller(Call call, string sellerId)
    {
        var query = call.Query();
        var items = new SellerItemsQuery { Limit = query.Limit(), Cursor = query.Cursor() ?? "" };
        if (query.Refusal is { } invalid)
        {
            return invalid;
        }
        var (seller, refusal) = await FindSellerAsync(call, sellerId);
        if (refusal is not null)
        {
            return refusal;
        }
        items.SellerId = seller.AccountId;
        var page = await products.GetItemsOfSellerAsync(items, call.Deadline);
        return page.Error != ProductsError.None ? Refusal.Of(page.Error, "") : TypedResults.Ok(page.ToPage());
    }

    public async Task<Results<Ok<BuyerAccount>, Refusal>> GetAccount(Call call)
    {
        var account = await customers.GetRatingAsync(new() { Session = call.Session }, call.Deadline);
        return account.Error != CustomersError.None ? Refusal.Of(account.Error) : TypedResults.Ok(account.ToBuyerAccount());
    }

    public async Task<Results<Ok<Purchase>, Refusal>> GetPurchase(Call call, string purchaseId)
    {
        if (PurchaseSaga.ParseId(purchaseId) is not { } id)
        {
            return await ForSessionAsync(call, Refusal.NoSuchPurchase);
        }
        var found = await customers.GetPurchaseAsync(new() { Session = call.Session, PurchaseId = id }, call.Deadline);
        return found.Error != CustomersError.None ? Refusal.Of(found.Error) : TypedResults.Ok(found.Purchase.ToPurchase());
    }

    public async Task<Results<Ok<PurchasePage>, Refusal>> GetBuyerPurchases(Call call)
    {
        var query = call.Query();
        var purchases = new PurchasesQuery
        {
            Session = call.Session,
            Limit = query.Limit(),
            Cursor = query.Cursor() ?? "",
        };
        if (query.Refusal is { } invalid)
        {
            return invalid;
        }
        var page = await customers.GetPurchasesAsync(purchases, call.Deadline);
        return page.Error != CustomersError.None ? Refusal.Of(page.Error) : TypedResults.Ok(page.ToPage());
    }

    private async Task<Results<Ok<Cart>, Refusal>> ChangeCartAsync(Call call, CustomersCommand command, Fields? fields = null)
    {
        var reply = await customers.ExecuteAsync(call, call.RequestId(call.ClaimedAccountId), command, fields);
        return reply.Error != CustomersError.None ? Refusal.Of(reply.Error) : TypedResults.Ok(await ShowAsync(reply.Cart, call));
    }

    // Customers know what is in a cart, products what that is and costs.
    private async Task<Cart> ShowAsync(CartReply cart, Call call, Contracts.Products.Item? known = null)
    {
        var unknown = cart.Lines.Select(line => line.ItemId).Where(itemId => itemId != known?.ItemId);
        var items = await products.GetItemsAsync(unknown, call.Deadline);
        if (known is not null)
        {
            items[known.ItemId] = known;
        }
        return cart.ToCart(items);
    }

    // Anybody may look at a seller; but a token that is sent along must be one of a session.
    private async Task<(RatingReply, Refusal?)> FindSellerAsync(Call call, string sellerId)
    {
        if (!Digits.TryParse(sellerId, long.MaxValue, out var id))
        {
            return (new(), await ForSessionAsync(call, Refusal.NoSuchSeller));
        }
        var seller = await customers.GetRatingAsync(new() { Session = call.HasSession ? call.Session : null, SellerId = id }, call.Deadline);
        return (seller, seller.Error != CustomersError.None ? Refusal.Of(seller.Error) : null);
    }

    // A visitor's is no session, and no error.
    private async Task<CustomersError> SessionAsync(Call call) =>
        call.HasSession ? (await customers.GetSessionAsync(call.Session, call.Deadline)).Error : CustomersError.None;

    private Task<ItemReply> FindItemAsync(string itemId, CancellationToken deadline) => ItemId.IsWellFormed(itemId)
        ? products.GetItemAsync(itemId, deadline)
        : Task.FromResult(new ItemReply { Error = ProductsError.NoSuchItem });

    // What was found wrong before customers were asked; but who has no session is told that first.
    private async Task<Refusal> ForSessionAsync(Call call, Refusal refusal) =>
        await SessionAsync(call) is var error and not CustomersError.None ? Refusal.Of(error) : refusal;

    private static async Task<(T1, T2)> BothAsync<T1, T2>(Task<T1> first, Task<T2> second)
    {
        await Task.WhenAll(first, second);
        return (await first, await second);
    }
}
