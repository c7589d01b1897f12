using System.Globalization;
using Agora.Client;
using Agora.Rest;
using Agora.Web.Page;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>What a seller does with items: put them up, change their price, add units and take units away.</summary>
internal static class DeskItemPages
{
    /// <summary>The form for a new item, with what the URL says already: that is how it is previewed.</summary>
    public static async Task<IResult> NewAsync(ShopVisit visit)
    {
        var account = await visit.Seller.GetAccountAsync(visit.Left);
        return Form(visit, account, NewItemForm.Of(visit.Query, PostedForm.NewKey()), StatusCodes.Status200OK);
    }

    public static async Task<IResult> RegisterAsync(ShopVisit visit)
    {
        var seller = visit.Seller;
        var posted = await visit.FormAsync();
        var form = NewItemForm.Of(posted.Text, posted.Key);
        if (form.Check() is { } item)
        {
            try
            {
                var registered = await seller.RegisterItemForSaleAsync(item, form.Key);
                return ShopVisit.Go($"/desk?done={registered.ItemId}");
            }
            catch (AgoraException e) when (e.Code == ErrorCodes.InvalidRequest)
            {
                form.Errors.AddFrom(
                    e,
                    ("name", NewItemForm.NameField, "The name"),
                    ("category", NewItemForm.CategoryField, "The category"),
                    ("keywords", NewItemForm.KeywordsField, "A word for the search"),
                    ("price", NewItemForm.PriceField, "The price"),
                    ("quantity", NewItemForm.QuantityField, "The number of units")
                );
            }
        }

        var account = await seller.GetAccountAsync(visit.Left);
        return Form(visit, account, form, StatusCodes.Status422UnprocessableEntity);
    }

    public static async Task<IResult> ChangePriceAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        var (itemId, typed) = (visit.Path("id"), form.Text(StockForm.PriceField));
        if (!ItemIdFormat.IsValid(itemId))
        {
            return ErrorPages.OfStatus(StatusCodes.Status404NotFound);
        }

        var error = "Write the price as a number, like 12.50.";
        if (Money.Parse(typed) is { } price)
        {
            try
            {
                await visit.Seller.ChangeItemPriceAsync(itemId, price, form.Key);
                return Done(itemId);
            }
            catch (AgoraException e) when (ErrorOf(e, "price", "The price") is { } refused)
            {
                error = refused;
            }
        }

        return await DeskPages.StockAsync(
            visit,
            new StockForm
            {
                ItemId = itemId,
                Price = typed,
                Error = error,
            },
            StatusCodes.Status422UnprocessableEntity
        );
    }

    public static async Task<IResult> ChangeUnitsAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        var itemId = visit.Path("id");
        if (!ItemIdFormat.IsValid(itemId))
        {
            return ErrorPages.OfStatus(StatusCodes.Status404NotFound);
        }

        var error = "How many? Write a number from 1 up.";
        if (form.Number(StockForm.UnitsField) is > 0 and var units)
        {
            try
            {
                if (form.Text("do") == "withdraw")
                {
                    await visit.Seller.UpdateUnitsForSaleAsync(itemId, units, form.Key);
                }
                else
                {
                    await visit.Seller.AddUnitsForSaleAsync(itemId, units, form.Key);
                }

                return Done(itemId);
            }
            catch (AgoraException e) when (ErrorOf(e, "quantity", "The number") is { } refused)
            {
                error = refused;
            }
        }

        return await DeskPages.StockAsync(
            visit,
            new StockForm
            {
                ItemId = itemId,
                Units = form.Text(StockForm.UnitsField),
                Error = error,
            },
            StatusCodes.Status422UnprocessableEntity
        );
    }

    private static string? ErrorOf(AgoraException e, string field, string label) =>
        e.Code switch
        {
            ErrorCodes.NotEnoughUnits when e.Lines is [{ } line, ..] => $"Only {line.Available} left to take away.",
            ErrorCodes.NotEnoughUnits => "There are not so many left to take away.",
            ErrorCodes.NotYours => "This item belongs to another seller.",
            ErrorCodes.InvalidRequest when e.Errors.TryGetValue(field, out var reasons) => $"{label} {reasons[0]}.",
            ErrorCodes.InvalidRequest => e.Detail,
            _ => null,
        };

    private static IResult Done(string itemId) =>
        ShopVisit.Go(string.Create(CultureInfo.InvariantCulture, $"/desk?done={itemId}#item-{itemId}"));

    private static IResult Form(ShopVisit visit, SellerAccount account, NewItemForm form, int status) =>
        Pages.Render<NewItemView>(
            status,
            (nameof(NewItemView.Account), account),
            (nameof(NewItemView.Categories), visit.Categories),
            (nameof(NewItemView.Form), form)
        );
}
