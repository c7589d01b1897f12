using Agora.Client;
using Agora.Rest;
using Agora.Web.Page;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>
/// The cart. It belongs to the session, and a session ends after five minutes without a call. So the cart is saved to
/// the account after every change, and the next session begins with it.
/// </summary>
internal static class CartPages
{
    private const int MaxUnits = 1_000_000;

    public static async Task<IResult> ShowAsync(ShopVisit visit)
    {
        var cart = await visit.Buyer.DisplayCartAsync(visit.Left);
        return Show(visit, cart, new CartForm { Added = visit.Query("added") }, StatusCodes.Status200OK);
    }

    public static async Task<IResult> AddAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        var itemId = form.Text("itemId");
        if (!ItemIdFormat.IsValid(itemId))
        {
            return ErrorPages.OfStatus(StatusCodes.Status404NotFound);
        }

        var asked = form.Has("instead") ? form.Number("instead") : form.Number("quantity");
        if (asked is not (> 0 and <= MaxUnits))
        {
            return await RefusedAsync("How many? Write a number from 1 up.");
        }

        try
        {
            var buyer = visit.Buyer;
            await buyer.AddItemToCartAsync(itemId, asked.Value, form.Key);
            await buyer.SaveCartAsync(form.Key);
            visit.NotePrice(itemId, form);
            return ShopVisit.Go($"/cart?added={itemId}");
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.NotEnoughUnits && e.Lines is [{ } line])
        {
            var inCart = line.Quantity - asked.Value;
            var left = Math.Max(0, line.Available - inCart);
            return await RefusedAsync(
                (line.Available, inCart, left) switch
                {
                    (0, _, _) => "It has just been sold out.",
                    (_, > 0, 0) => $"All {line.Available} that are left are in your cart already.",
                    (_, > 0, _) => $"{line.Available} left, and {inCart} of them are in your cart already.",
                    _ => $"Not enough left: {line.Available} of the {asked} you want.",
                },
                left > 0 ? left : null
            );
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.CartFull)
        {
            return await RefusedAsync(
                "Your cart holds as many different items as a cart can. Buy or remove some first."
            );
        }

        Task<IResult> RefusedAsync(string error, long? instead = null) =>
            BrowsePages.ItemAsync(
                visit,
                itemId,
                new AddForm
                {
                    Quantity = form.Text("quantity"),
                    Error = error,
                    Instead = instead,
                },
                StatusCodes.Status422UnprocessableEntity
            );
    }

    public static async Task<IResult> ChangeAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        var itemId = form.Text("itemId");
        if (!ItemIdFormat.IsValid(itemId))
        {
            return ErrorPages.OfStatus(StatusCodes.Status404NotFound);
        }

        // A button that names a number goes before what stands in the field.
        var wanted = form.Has("to") ? form.Number("to") : form.Number("quantity");
        if (wanted is not (>= 0 and <= MaxUnits))
        {
            return await RefusedAsync("Write a number, 0 to remove it.");
        }

        try
        {
            await SetAsync(visit.Buyer, itemId, wanted.Value, form.Key);
            visit.NotePrice(itemId, form);
            return ShopVisit.Go("/cart");
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.NotEnoughUnits)
        {
            // The page shows how many there are.
            return await RefusedAsync($"There are not {wanted} of it any more.");
        }

        async Task<IResult> RefusedAsync(string error)
        {
            var cart = await visit.Buyer.DisplayCartAsync(visit.Left);
            CartForm refused = new();
            refused.Errors.Add(itemId, error);
            return Show(visit, cart, refused, StatusCodes.Status422UnprocessableEntity);
        }
    }

    public static async Task<IResult> ClearAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        var buyer = visit.Buyer;
        await buyer.ClearCartAsync(form.Key);
        await buyer.SaveCartAsync(form.Key);
        return ShopVisit.Go("/cart");
    }

    /// <summary>
    /// Makes a line hold so many units, and saves the cart. Only the difference is sent. A repeat finds no difference,
    /// or sends the same one under the same key.
    /// </summary>
    public static async Task SetAsync(BuyerClient buyer, string itemId, int wanted, string key)
    {
        var cart = await buyer.DisplayCartAsync();
        var held = cart.Lines.FirstOrDefault(line => line.ItemId == itemId)?.Quantity ?? 0;
        try
        {
            if (wanted > held)
            {
                await buyer.AddItemToCartAsync(itemId, wanted - held, key);
            }
            else if (wanted < held)
            {
                await buyer.RemoveItemFromCartAsync(itemId, wanted == 0 ? null : held - wanted, key);
            }
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.NotInCart)
        {
            // Another window has removed it.
        }

        await buyer.SaveCartAsync(key);
    }

    private static IResult Show(ShopVisit visit, Cart cart, CartForm form, int status) =>
        Pages.Render<CartView>(
            status,
            (nameof(CartView.Header), visit.HeaderWith(cart)),
            (nameof(CartView.Cart), cart),
            (nameof(CartView.Form), form),
            (nameof(CartView.Prices), visit.PricesIn(cart))
        );
}
