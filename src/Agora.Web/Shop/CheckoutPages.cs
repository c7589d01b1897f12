using System.Globalization;
using Agora.Client;
using Agora.Rest;
using Agora.Web.Page;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>
/// Paying. The page that shows the cart mints the key of the purchase and names the total that the buyer agrees to. As
/// long as the outcome is open, the same key is used: however often the form is sent, it buys once. After a refusal
/// nothing was bought under the key, and the page mints a new one.
/// </summary>
internal static class CheckoutPages
{
    private const int MaxSeen = 200;

    public static async Task<IResult> ShowAsync(ShopVisit visit)
    {
        var cart = await visit.Buyer.DisplayCartAsync(visit.Left);
        return cart.Lines.Count == 0
            ? ShopVisit.Go("/cart")
            : Show(
                visit,
                cart,
                new CheckoutForm { Key = PostedForm.NewKey(), Seen = visit.PricesIn(cart) },
                StatusCodes.Status200OK
            );
    }

    public static async Task<IResult> BuyAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        var buyer = visit.Buyer;
        if (form.Has(CheckoutForm.TakeField))
        {
            return await TakeAsync(visit, buyer, form);
        }

        var card = Typed(form, form.Key);
        var total = Money.Parse(form.Text(CheckoutForm.TotalField));
        if (Check(card, form) is not { } request || total is null)
        {
            return await AgainAsync(visit, buyer, card);
        }

        try
        {
            // It goes on when the user leaves: what has begun must end, and the page can be opened again.
            var receipt = await buyer.MakePurchaseAsync(
                request with
                {
                    ExpectedTotal = total,
                },
                form.Key,
                CancellationToken.None
            );
            return ShopVisit.Go($"/purchases/{receipt.PurchaseId}?new=1");
        }
        catch (AgoraException e) when (e.OutcomeUnknown && e.Code != ErrorCodes.NotLoggedIn)
        {
            return await UnknownAsync(visit, form);
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.InvalidRequest)
        {
            card.Errors.AddFrom(
                e,
                ("cardholderName", CheckoutForm.NameField, "The name"),
                ("cardNumber", CheckoutForm.NumberField, "The card number"),
                ("expirationDate", CheckoutForm.ExpiryField, "The date"),
                ("securityCode", CheckoutForm.CodeField, "The code")
            );
            return await AgainAsync(visit, buyer, card);
        }
        catch (AgoraException e) when (Refusal(e) is { } refusal)
        {
            return await AgainAsync(visit, buyer, Typed(form, PostedForm.NewKey(), refusal));
        }
    }

    // What a purchase that was refused is called. Nothing was bought or charged by any of them.
    private static string? Refusal(AgoraException e) =>
        e.Code switch
        {
            ErrorCodes.PaymentDeclined => "The bank declined the card. Nothing was bought and nothing was charged. "
                + "Try again, or use another card.",
            ErrorCodes.PriceChanged =>
                "A price has changed since you opened this page. Nothing was bought and nothing was charged. "
                    + "Look at the new total, then decide.",
            ErrorCodes.NotEnoughUnits =>
                "Somebody was faster: there is not enough left of what is marked. Nothing was bought and nothing was "
                    + "charged.",
            ErrorCodes.CartEmpty => "Your cart is empty. If you have just bought it, it is among your purchases.",
            ErrorCodes.PurchaseAbandoned =>
                "The purchase was interrupted and has been undone. Nothing was bought and nothing was charged. "
                    + "Try again.",
            ErrorCodes.PurchasePending =>
                "Another purchase of this cart is still being settled. Look at your purchases in a minute, before you "
                    + "try again.",
            ErrorCodes.KeyReused or ErrorCodes.KeyExpired =>
                "This form was sent before, with other details. Look at your purchases before you try again.",
            _ => null,
        };

    /// <summary>Takes what is left of an item, and shows the form with what was typed into it.</summary>
    private static async Task<IResult> TakeAsync(ShopVisit visit, BuyerClient buyer, PostedForm form)
    {
        var key = PostedForm.NewKey();
        if (
            form.Text(CheckoutForm.TakeField).Split('=') is [{ } itemId, { } number]
            && ItemIdFormat.IsValid(itemId)
            && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var units)
        )
        {
            try
            {
                await CartPages.SetAsync(buyer, itemId, units, key);
            }
            catch (AgoraException e) when (e.Code == ErrorCodes.NotEnoughUnits)
            {
                // It has changed once more; the page shows how.
            }
        }

        return await AgainAsync(visit, buyer, Typed(form, key), StatusCodes.Status200OK);
    }

    private static async Task<IResult> AgainAsync(
        ShopVisit visit,
        BuyerClient buyer,
        CheckoutForm form,
        int status = StatusCodes.Status422UnprocessableEntity
    )
    {
        var cart = await buyer.DisplayCartAsync(visit.Left);
        return Show(visit, cart, form, status);
    }

    /// <summary>The honest answer where nobody knows yet, with a button that asks again under the same key.</summary>
    private static async Task<IResult> UnknownAsync(ShopVisit visit, PostedForm form)
    {
        visit.Http.Response.Headers.RetryAfter = "5";
        return Pages.Render<UnknownPurchaseView>(
            StatusCodes.Status503ServiceUnavailable,
            (nameof(UnknownPurchaseView.Header), await visit.HeaderAsync()),
            // The card too: the purchase may not have got as far as the bank. The page is kept nowhere.
            (
                nameof(UnknownPurchaseView.Fields),
                (IReadOnlyList<(string Name, string Value)>)
                    [.. form.All.Where(f => !f.Name.StartsWith(Carried.LoginPrefix, StringComparison.Ordinal))]
            )
        );
    }

    private static IResult Show(ShopVisit visit, Cart cart, CheckoutForm form, int status) =>
        Pages.Render<CheckoutView>(
            status,
            (nameof(CheckoutView.Header), visit.HeaderWith(cart)),
            (nameof(CheckoutView.Cart), cart),
            (nameof(CheckoutView.Form), form)
        );

    private static CheckoutForm Typed(PostedForm form, string key, string? refusal = null) =>
        new()
        {
            Key = key,
            Name = form.Text(CheckoutForm.NameField).Trim(),
            Number = form.Text(CheckoutForm.NumberField).Trim(),
            Expiry = form.Text(CheckoutForm.ExpiryField).Trim(),
            Refusal = refusal,
            Seen = Seen(form),
        };

    private static Dictionary<string, decimal> Seen(PostedForm form)
    {
        Dictionary<string, decimal> seen = [];
        foreach (var one in form.Texts(CheckoutForm.SeenField).Take(MaxSeen))
        {
            if (one.Split('=') is [{ } itemId, { } price] && Money.Parse(price) is { } amount)
            {
                seen[itemId] = amount;
            }
        }

        return seen;
    }

    /// <summary>The card as the servers want it; null, with the errors noted, if something is missing.</summary>
    private static PurchaseRequest? Check(CheckoutForm typed, PostedForm form)
    {
        var code = form.Text(CheckoutForm.CodeField).Trim();
        var number = string.Concat(typed.Number.Where(c => !char.IsWhiteSpace(c) && c != '-'));
        if (typed.Name.Length == 0)
        {
            typed.Errors.Add(CheckoutForm.NameField, "Write the name that stands on the card.");
        }

        if (number.Length == 0)
        {
            typed.Errors.Add(CheckoutForm.NumberField, "Write the number that stands on the card.");
        }

        var expiry = Expiry(typed.Expiry);
        if (expiry is null)
        {
            typed.Errors.Add(CheckoutForm.ExpiryField, "Write the month and the year that the card shows, like 08/29.");
        }

        if (code.Length == 0)
        {
            typed.Errors.Add(CheckoutForm.CodeField, "Write the three or four digits of the code.");
        }

        return typed.Errors.IsEmpty
            ? new PurchaseRequest
            {
                CardholderName = typed.Name,
                CardNumber = number,
                ExpirationDate = expiry,
                SecurityCode = code,
            }
            : null;
    }

    // People write 8/29, 08 / 29, 08/2029 and 0829.
    private static string? Expiry(string typed)
    {
        var text = string.Concat(typed.Where(c => !char.IsWhiteSpace(c)));
        var (month, year) = text.Split('/', '-', '.') switch
        {
            [{ Length: 1 or 2 } first, { Length: 2 or 4 } second] => (first, second),
            [{ Length: 4 } digits] => (digits[..2], digits[2..]),
            _ => ("", ""),
        };
        return month.Length > 0 && month.All(char.IsAsciiDigit) && year.All(char.IsAsciiDigit)
            ? $"{month.PadLeft(2, '0')}/{year[^2..]}"
            : null;
    }
}
