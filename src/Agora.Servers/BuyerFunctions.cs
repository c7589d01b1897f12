using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Rest;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Agora.Servers;

/// <summary>The handlers of the buyer server's functions.</summary>
internal sealed class BuyerFunctions(
    AccountFunctions accounts,
    CustomersDatabase customers,
    ProductsDatabase products,
    PurchaseSaga saga,
    VoteForwarder votes,
    ServerMetrics metrics,
    TimeProvider time
)
{
    public static readonly QueryParameter[] SearchParameters =
    [
        new("category", "The category of the items.", IsInteger: true, IsRequired: true)
        {
            Min = 0,
            Max = FieldBounds.MaxCategory,
        },
        new("keyword", "An item must have at least one of these keywords.", IsMany: true)
        {
            Max = FieldBounds.MaxKeywordLength,
            MaxItems = FieldBounds.MaxKeywords,
        },
        .. QueryParameter.Page,
    ];

    public async Task<Results<Created<BuyerCreated>, Refusal>> CreateAccount(Call call)
    {
        var (buyerId, refusal) = await accounts.CreateAsync(call);
        return refusal is not null
            ? refusal
            : TypedResults.Created("/buyers/me", new BuyerCreated { BuyerId = buyerId });
    }

    public async Task<Results<Created<BuyerSession>, Refusal>> Login(Call call)
    {
        var (login, refusal) = await accounts.LoginAsync(call);
        return refusal is not null
            ? refusal
            : TypedResults.Created(
                (string?)null,
                new BuyerSession
                {
                    Token = login.Token,
                    BuyerId = login.AccountId,
                    ExpiresInSeconds = ServerSettings.SessionSeconds,
                }
            );
    }

    public async Task<Results<NoContent, Refusal>> Logout(Call call) =>
        await accounts.LogoutAsync(call) is { } refusal ? refusal : TypedResults.NoContent();

    public async Task<Results<Ok<ItemPage>, Refusal>> SearchItemsForSale(Call call)
    {
        var query = call.Query();
        var search = new SearchQuery
        {
            Category = query.Integer("category", 0, FieldBounds.MaxCategory),
            Keywords = { query.Keywords("keyword").Select(keyword => keyword.Key) },
            Limit = query.Limit(),
            Cursor = query.Cursor() ?? "",
        };
        if (query.Refusal is { } invalid)
        {
            return await customers.UnlessNotLoggedInAsync(call, invalid);
        }

        var (session, page) = await BothAsync(
            customers.CheckSessionAsync(call),
            products.SearchAsync(search, call.Deadline)
        );
        return session != CustomersError.None ? Refusal.Of(session)
            : page.Error != ProductsError.None ? Refusal.Of(page.Error, "")
            : TypedResults.Ok(page.ToPage());
    }

    public async Task<Results<Ok<Item>, StatusCodeHttpResult, Refusal>> GetItem(Call call, string itemId)
    {
        var (session, found) = await BothAsync(customers.CheckSessionAsync(call), FindItemAsync(itemId, call.Deadline));
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
            ItemId = body.Text("itemId", ItemIdFormat.WhatIsWrong),
            Quantity = body.Integer("quantity", 1, FieldBounds.MaxUnits),
        };
        if (body.Refusal is { } invalid)
        {
            return await customers.UnlessNotLoggedInAsync(call, invalid);
        }

        var found = await products.GetItemAsync(add.ItemId, call.Deadline);
        if (found.Error != ProductsError.None)
        {
            return await customers.UnlessNotLoggedInAsync(call, Refusal.Of(found.Error, add.ItemId));
        }

        // A cart holds at most so many of an item, whatever its seller has: no total can then be beyond what a buyer
        // may agree to.
        add.Available = Math.Min(found.Item.Quantity, FieldBounds.MaxUnits);
        var reply = await customers.ExecuteAsync(
            call,
            call.RequestId(call.ClaimedAccountId),
            new() { AddToCart = add },
            body
        );
        return reply.Error switch
        {
            CustomersError.None => TypedResults.Ok(await ToCartAsync(reply.Cart, call, found.Item)),
            CustomersError.NotEnoughUnits => NotEnoughUnits(add, found.Item, reply),
            _ => Refusal.Of(reply.Error),
        };
    }

    public async Task<Results<Ok<Cart>, Refusal>> RemoveItemFromCart(Call call, string itemId)
    {
        var query = call.Query();
        var remove = new RemoveFromCart { Session = call.Session, ItemId = itemId };
        if (query.OptionalInteger("quantity", 1, FieldBounds.MaxUnits) is { } quantity)
        {
            remove.Quantity = quantity;
        }

        if (query.Refusal is { } invalid)
        {
            return await customers.UnlessNotLoggedInAsync(call, invalid);
        }

        return ItemIdFormat.IsValid(itemId)
            ? await ChangeCartAsync(call, new() { RemoveFromCart = remove }, query)
            : await customers.UnlessNotLoggedInAsync(call, Refusal.NotInCart);
    }

    public Task<Results<Ok<Cart>, Refusal>> SaveCart(Call call) =>
        ChangeCartAsync(call, new() { SaveCart = new() { Session = call.Session } });

    public async Task<Results<NoContent, Refusal>> ClearCart(Call call)
    {
        var reply = await customers.ExecuteAsync(
            call,
            call.RequestId(call.ClaimedAccountId),
            new() { ClearCart = new() { Session = call.Session } },
            null
        );
        return reply.Error != CustomersError.None ? Refusal.Of(reply.Error) : TypedResults.NoContent();
    }

    public async Task<Results<Ok<Cart>, Refusal>> DisplayCart(Call call)
    {
        var cart = await customers.GetCartAsync(call.Session, call.Deadline);
        return cart.Error != CustomersError.None
            ? Refusal.Of(cart.Error)
            : TypedResults.Ok(await ToCartAsync(cart, call));
    }

    public async Task<Results<Created<Receipt>, Refusal>> MakePurchase(Call call)
    {
        var body = await call.BodyAsync();
        var card = Card.Read(body, time);
        var expected = body.OptionalTotal("expectedTotal");
        if (body.Refusal is { } invalid)
        {
            return await customers.UnlessNotLoggedInAsync(call, invalid);
        }

        var order = Order.Of(card, expected, call.Key);
        var (purchase, replayed, refusal) = await saga.BuyAsync(
            call.Session,
            call.RequestId(call.ClaimedAccountId),
            order,
            call.Deadline
        );
        if (purchase is null)
        {
            return refusal!;
        }

        call.MarkReplayed(replayed);
        metrics.PurchaseAnswered(purchase.State);
        return purchase.State switch
        {
            PurchaseState.Completed => TypedResults.Created(
                $"/purchases/{PurchaseSaga.TransactionId(purchase.PurchaseId)}",
                purchase.ToReceipt()
            ),
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
        var record = new RecordVote
        {
            Session = call.Session,
            ItemId = itemId,
            Up = body.Either("thumb", "up", "down"),
        };
        if (body.Refusal is { } invalid)
        {
            return await customers.UnlessNotLoggedInAsync(call, invalid);
        }

        if (!ItemIdFormat.IsValid(itemId))
        {
            return await customers.UnlessNotLoggedInAsync(call, Refusal.NoSuchItem(itemId));
        }

        var requestId = call.RequestId(call.ClaimedAccountId);
        record.VoteId = requestId;
        var reply = await customers.ExecuteAsync(call, requestId, new() { RecordVote = record }, body);
        if (
            reply.Error == CustomersError.NotPurchased
            && (await products.GetItemAsync(itemId, call.Deadline)).Error == ProductsError.NoSuchItem
        )
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
            return await customers.UnlessNotLoggedInAsync(call, invalid);
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
        return account.Error != CustomersError.None
            ? Refusal.Of(account.Error)
            : TypedResults.Ok(account.ToBuyerAccount());
    }

    public async Task<Results<Ok<Purchase>, Refusal>> GetPurchase(Call call, string purchaseId)
    {
        if (PurchaseSaga.ParseId(purchaseId) is not { } id)
        {
            return await customers.UnlessNotLoggedInAsync(call, Refusal.NoSuchPurchase);
        }

        var found = await customers.GetPurchaseAsync(new() { Session = call.Session, PurchaseId = id }, call.Deadline);
        return found.Error != CustomersError.None
            ? Refusal.Of(found.Error)
            : TypedResults.Ok(found.Purchase.ToPurchase());
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
            return await customers.UnlessNotLoggedInAsync(call, invalid);
        }

        var page = await customers.GetPurchasesAsync(purchases, call.Deadline);
        return page.Error != CustomersError.None ? Refusal.Of(page.Error) : TypedResults.Ok(page.ToPage());
    }

    private async Task<Results<Ok<Cart>, Refusal>> ChangeCartAsync(
        Call call,
        CustomersCommand command,
        RequestFields? fields = null
    )
    {
        var reply = await customers.ExecuteAsync(call, call.RequestId(call.ClaimedAccountId), command, fields);
        return reply.Error != CustomersError.None
            ? Refusal.Of(reply.Error)
            : TypedResults.Ok(await ToCartAsync(reply.Cart, call));
    }

    // The cart would have to hold what it holds already and what was asked for.
    private static Refusal NotEnoughUnits(AddToCart add, ItemRecord item, CustomersReply reply)
    {
        var held = reply.Cart?.Lines.FirstOrDefault()?.Quantity ?? 0;
        var line = item.ToLine(held + add.Quantity);
        return Refusal.NotEnoughUnits([line with { Available = (int)Math.Min(line.Available, add.Available) }]);
    }

    // The customers database knows the lines of a cart; the products database knows names and prices. So a repeated
    // call shows the lines of the first answer with the names and prices of now.
    private async Task<Cart> ToCartAsync(CartReply cart, Call call, ItemRecord? known = null)
    {
        var unknown = cart.Lines.Select(line => line.ItemId).Where(itemId => itemId != known?.ItemId);
        var items = await products.GetItemsAsync(unknown, call.Deadline);
        if (known is not null)
        {
            items[known.ItemId] = known;
        }

        return cart.ToCart(items);
    }

    // Anybody may look at a seller, but a token that is sent must belong to a session.
    private async Task<(RatingReply, Refusal?)> FindSellerAsync(Call call, string sellerId)
    {
        if (!Digits.TryParse(sellerId, long.MaxValue, out var id))
        {
            return (new(), await customers.UnlessNotLoggedInAsync(call, Refusal.NoSuchSeller));
        }

        var seller = await customers.GetRatingAsync(
            new() { Session = call.HasSession ? call.Session : null, SellerId = id },
            call.Deadline
        );
        return (seller, seller.Error != CustomersError.None ? Refusal.Of(seller.Error) : null);
    }

    private Task<ItemReply> FindItemAsync(string itemId, CancellationToken cancellationToken) =>
        ItemIdFormat.IsValid(itemId)
            ? products.GetItemAsync(itemId, cancellationToken)
            : Task.FromResult(new ItemReply { Error = ProductsError.NoSuchItem });

    private static async Task<(T1, T2)> BothAsync<T1, T2>(Task<T1> first, Task<T2> second)
    {
        await Task.WhenAll(first, second);
        return (await first, await second);
    }
}
