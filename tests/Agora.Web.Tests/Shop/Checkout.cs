using Agora.Servers.Tests;

namespace Agora.Web.Tests.Shop;

/// <summary>What shoppers do in several tests.</summary>
internal static class Checkout
{
    /// <summary>A card that the bank of these tests approves.</summary>
    public static (string Name, string Value)[] Card(string number = FakePayments.GoodCard) =>
        [("cardholderName", "Bea Buyer"), ("cardNumber", number), ("expirationDate", "12/39"), ("securityCode", "123")];

    /// <summary>Puts units of an item into the cart, and opens the page that pays.</summary>
    public static async Task<Visitor> OpenCheckoutAsync(this Visitor shopper, string itemId, int quantity = 1)
    {
        await shopper.GetAsync($"/items/{itemId}");
        await shopper.SubmitAsync("form.add", [("quantity", $"{quantity}")]);
        return await shopper.GetAsync("/checkout");
    }

    /// <summary>How many purchases the buyer has made.</summary>
    public static async Task<int> PurchaseCountAsync(this Visitor shopper)
    {
        await shopper.GetAsync("/purchases");
        return shopper.All(".purchases > li").Count();
    }
}
