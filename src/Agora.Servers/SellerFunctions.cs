using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Rest;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Agora.Servers;

/// <summary>The handlers of the seller server's functions.</summary>
internal sealed class SellerFunctions(AccountFunctions accounts, CustomersDatabase customers, ProductsDatabase products)
{
    public async Task<Results<Created<SellerCreated>, Refusal>> CreateAccount(Call call)
    {
        var (sellerId, refusal) = await accounts.CreateAsync(call);
        return refusal is not null
            ? refusal
            : TypedResults.Created("/sellers/me", new SellerCreated { SellerId = sellerId });
    }

    public async Task<Results<Created<SellerSession>, Refusal>> Login(Call call)
    {
        var (login, refusal) = await accounts.LoginAsync(call);
        return refusal is not null
            ? refusal
            : TypedResults.Created(
                (string?)null,
                new SellerSession
                {
                    Token = login.Token,
                    SellerId = login.AccountId,
                    ExpiresInSeconds = ServerSettings.SessionSeconds,
                }
            );
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
            Category = body.Integer("category", 0, FieldBounds.MaxCategory),
            Keywords = { keywords.Select(keyword => keyword.Written) },
            SearchKeywords = { keywords.Select(keyword => keyword.Key) },
            Condition = body.Either("condition", "new", "used") ? Condition.New : Condition.Used,
            PriceCents = body.Cents("price"),
            Quantity = body.Integer("quantity", 0, FieldBounds.MaxUnits),
        };
        if (body.Refusal is { } invalid)
        {
            return await customers.UnlessNotLoggedInAsync(call, invalid);
        }

        var session = await customers.GetSessionAsync(call.Session, call.Deadline);
        if (session.Error != CustomersError.None)
        {
            return Refusal.Of(session.Error);
        }

        register.SellerId = session.AccountId;
        var reply = await products.ExecuteAsync(
            call,
            call.RequestId(call.ClaimedAccountId),
            new() { RegisterItem = register },
            body
        );
        return reply.Error != ProductsError.None
            ? Refusal.Of(reply.Error, "")
            : TypedResults.Created($"/items/{reply.Item.ItemId}", new ItemRegistered { ItemId = reply.Item.ItemId });
    }

    public async Task<Results<Ok<Item>, Refusal>> ChangeItemPrice(Call call, string itemId)
    {
        var body = await call.BodyAsync();
        var change = new ChangePrice
        {
            ItemId = itemId,
            PriceCents = body.Cents("price"),
            IfVersion = { call.IfVersion },
        };
        return await ChangeAsync(
            call,
            itemId,
            body,
            sellerId => new() { ChangePrice = new(change) { SellerId = sellerId } }
        );
    }

    public async Task<Results<Ok<Item>, Refusal>> UpdateUnitsForSale(Call call, string itemId)
    {
        var body = await call.BodyAsync();
        var withdraw = new WithdrawUnits
        {
            ItemId = itemId,
            Quantity = Units(body),
            IfVersion = { call.IfVersion },
        };
        return await ChangeAsync(
            call,
            itemId,
            body,
            sellerId => new() { WithdrawUnits = new(withdraw) { SellerId = sellerId } },
            withdraw.Quantity
        );
    }

    public async Task<Results<Ok<Item>, Refusal>> AddUnitsForSale(Call call, string itemId)
    {
        var body = await call.BodyAsync();
        var add = new AddUnits
        {
            ItemId = itemId,
            Quantity = Units(body),
            IfVersion = { call.IfVersion },
        };
        return await ChangeAsync(call, itemId, body, sellerId => new() { AddUnits = new(add) { SellerId = sellerId } });
    }

    public async Task<Results<Ok<Item>, StatusCodeHttpResult, Refusal>> GetItem(Call call, string itemId)
    {
        var session = customers.GetSessionAsync(call.Session, call.Deadline);
        var item = ItemIdFormat.IsValid(itemId)
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
        return account.Error != CustomersError.None
            ? Refusal.Of(account.Error)
            : TypedResults.Ok(account.ToSellerAccount());
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
            return await customers.UnlessNotLoggedInAsync(call, invalid);
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
        var items = new SellerItemsQuery { Limit = query.Limit(), Cursor = query.Cursor() ?? "" };
        if (query.Refusal is { } invalid)
        {
            return await customers.UnlessNotLoggedInAsync(call, invalid);
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

    private static int Units(RequestFields body) => body.Integer("quantity", 1, FieldBounds.MaxUnits);

    private async Task<Results<Ok<Item>, Refusal>> ChangeAsync(
        Call call,
        string itemId,
        RequestFields body,
        Func<long, ProductsCommand> command,
        int units = 0
    )
    {
        if (body.Refusal is { } invalid)
        {
            return await customers.UnlessNotLoggedInAsync(call, invalid);
        }

        var session = await customers.GetSessionAsync(call.Session, call.Deadline);
        if (session.Error != CustomersError.None)
        {
            return Refusal.Of(session.Error);
        }

        if (!ItemIdFormat.IsValid(itemId))
        {
            return Refusal.NoSuchItem(itemId);
        }

        var reply = await products.ExecuteAsync(
            call,
            call.RequestId(call.ClaimedAccountId),
            command(session.AccountId),
            body
        );
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
