using System.Text;
using Agora.Cluster;
using Agora.Rest;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>
/// The cookie that says what the items in the cart cost when the buyer put them there, or last changed their line. So
/// the cart can name the prices that have changed since, and no server has to keep them. It is only shown, never
/// trusted: what a buyer pays is the total that the checkout names.
/// </summary>
internal sealed class PriceCookie(ClusterFile cluster)
{
    /// <summary>The hidden field of a form with the price that its page showed.</summary>
    public const string SeenField = "seenPrice";

    // Browsers keep 4,096 bytes of a cookie. A cart has at most 200 lines, and most need less than 15 bytes; the price
    // of a line for which there is no room is not remembered.
    private const int MaxLength = 3_500;

    // Characters that a cookie holds as they are.
    private const char Between = '~';
    private const char Equal = '_';

    private readonly string _name = cluster.Https is null ? "agora-prices" : "__Host-agora-prices";
    private readonly CookieOptions _options = new()
    {
        HttpOnly = true,
        IsEssential = true,
        // A cart waits for longer than a session.
        MaxAge = TimeSpan.FromDays(30),
        Path = "/",
        SameSite = SameSiteMode.Lax,
        Secure = cluster.Https is not null,
    };

    /// <summary>The prices, by item. What is not well formed is left out.</summary>
    public Dictionary<string, decimal> Read(HttpContext http)
    {
        Dictionary<string, decimal> prices = [];
        if (http.Request.Cookies[_name] is { Length: <= MaxLength } text)
        {
            foreach (var one in text.Split(Between))
            {
                if (
                    one.Split(Equal) is [{ } itemId, { } price]
                    && ItemIdFormat.IsValid(itemId)
                    && Money.Parse(price) is { } amount
                )
                {
                    prices[itemId] = amount;
                }
            }
        }

        return prices;
    }

    /// <summary>
    /// Writes the prices, the first ones if there is no room for all; nothing if the browser has the same.
    /// </summary>
    public void Write(HttpContext http, IEnumerable<(string ItemId, decimal Price)> prices)
    {
        StringBuilder text = new();
        foreach (var (itemId, price) in prices)
        {
            var one = $"{itemId}{Equal}{Money.Field(price)}";
            if (text.Length + one.Length >= MaxLength)
            {
                break;
            }

            if (text.Length > 0)
            {
                text.Append(Between);
            }

            text.Append(one);
        }

        if (text.Length == 0)
        {
            Delete(http);
        }
        else if (http.Request.Cookies[_name] != text.ToString())
        {
            http.Response.Cookies.Append(_name, text.ToString(), _options);
        }
    }

    public void Delete(HttpContext http)
    {
        if (http.Request.Cookies.ContainsKey(_name))
        {
            http.Response.Cookies.Delete(_name, _options);
        }
    }
}
