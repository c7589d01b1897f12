using Agora.Client;
using Agora.Cluster;
using Agora.Rest;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>One request of a user to the shop: who that is, and the calls that are made for it.</summary>
internal sealed class ShopVisit(
    HttpContext http,
    Marketplace marketplace,
    IReadOnlyList<CategoryName> categories,
    SessionCookie buyerCookie,
    SessionCookie sellerCookie,
    PriceCookie priceCookie
)
{
    /// <summary>The number of units in the cart is shown if it comes in time; no page waits longer for it.</summary>
    private static readonly TimeSpan s_headerDeadline = TimeSpan.FromSeconds(2);

    private Task<ShopHeader>? _header;
    private PostedForm? _form;

    public HttpContext Http => http;

    /// <summary>As whom the page is used.</summary>
    public ShopRole Role { get; init; }

    public IReadOnlyList<CategoryName> Categories => categories;

    /// <summary>
    /// Ends the reads of a user who has left. Changes go on: the user may press the button once more, and then gets
    /// the answer of the first time.
    /// </summary>
    public CancellationToken Left => http.RequestAborted;

    public bool HasBuyer => buyerCookie.Read(http) is not null;

    public bool HasSeller => sellerCookie.Read(http) is not null;

    /// <summary>For what anybody may see. It has no session, so it is served even when one has just ended.</summary>
    public BuyerClient Visitor { get; } = marketplace.Buyer(null);

    /// <exception cref="AgoraException">No buyer is logged in.</exception>
    public BuyerClient Buyer => marketplace.Buyer(buyerCookie.Read(http) ?? throw NotLoggedIn());

    /// <exception cref="AgoraException">No seller is logged in.</exception>
    public SellerClient Seller => marketplace.Seller(sellerCookie.Read(http) ?? throw NotLoggedIn());

    /// <summary>A client to log in with.</summary>
    public BuyerClient NewBuyer => marketplace.Buyer(null);

    /// <summary>A client to log in with.</summary>
    public SellerClient NewSeller => marketplace.Seller(null);

    public async Task<PostedForm> FormAsync() => _form ??= await PostedForm.ReadAsync(http.Request);

    /// <summary>A parameter of the URL; empty if it is missing.</summary>
    public string Query(string name) => http.Request.Query.TryGetValue(name, out var values) ? values[0] ?? "" : "";

    /// <summary>A part of the path.</summary>
    public string Path(string name) => (string)http.Request.RouteValues[name]!;

    /// <summary>
    /// Begins to find out what the frame shows, unless that has begun. Begin it before the page's own calls: they run
    /// at the same time. It never fails.
    /// </summary>
    public Task<ShopHeader> HeaderAsync() => _header ??= LoadHeaderAsync();

    /// <summary>
    /// Waits for what <see cref="HeaderAsync"/> has begun, since it may delete a cookie, which must not happen once the
    /// answer is on its way.
    /// </summary>
    public Task SettleAsync() => _header ?? Task.CompletedTask;

    /// <summary>The frame with a cart that the page has read itself.</summary>
    public ShopHeader HeaderWith(Cart cart) =>
        new(IsBuyer: true, HasSeller, cart.Lines.Sum(line => (long)line.Quantity), SessionEnded: false, categories);

    public void KeepBuyer(string token) => buyerCookie.Write(http, token);

    public void KeepSeller(string token) => sellerCookie.Write(http, token);

    public void ForgetBuyer() => buyerCookie.Delete(http);

    public void ForgetSeller() => sellerCookie.Delete(http);

    /// <summary>
    /// Remembers the price of an item as the form's page showed it; nothing if the form does not say.
    /// </summary>
    public void NotePrice(string itemId, PostedForm form)
    {
        if (Money.Parse(form.Text(PriceCookie.SeenField)) is { } price)
        {
            var others = priceCookie.Read(http).Where(p => p.Key != itemId).Select(p => (p.Key, p.Value));
            priceCookie.Write(http, [(itemId, price), .. others]);
        }
    }

    /// <summary>
    /// What the lines of the cart cost when the buyer put them there or last changed them, by item. A line that is seen
    /// for the first time is remembered with its price of now. To look once more changes nothing.
    /// </summary>
    public IReadOnlyDictionary<string, decimal> PricesIn(Cart cart)
    {
        var seen = priceCookie.Read(http);
        var prices = cart.Lines.ToDictionary(
            line => line.ItemId,
            line => seen.GetValueOrDefault(line.ItemId, line.UnitPrice)
        );
        priceCookie.Write(http, prices.Select(p => (p.Key, p.Value)));
        return prices;
    }

    public void ForgetPrices() => priceCookie.Delete(http);

    /// <summary>Leads to another page with GET, so that a reload there repeats nothing.</summary>
    public static IResult Go(string path) => new SeeOther(path);

    private async Task<ShopHeader> LoadHeaderAsync()
    {
        long? units = null;
        var (isBuyer, ended) = (HasBuyer, false);
        if (isBuyer)
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Left);
            deadline.CancelAfter(s_headerDeadline);
            try
            {
                units = (await Buyer.DisplayCartAsync(deadline.Token)).Lines.Sum(line => (long)line.Quantity);
            }
            catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn)
            {
                (isBuyer, ended) = (false, true);
                ForgetBuyer();
            }
            catch (Exception e) when (e is AgoraException or OperationCanceledException)
            {
                // The page is shown without the number.
            }
        }

        return new ShopHeader(isBuyer, HasSeller, units, ended, categories);
    }

    private static AgoraException NotLoggedIn() =>
        new(ErrorCodes.NotLoggedIn, "Log in first.", StatusCodes.Status401Unauthorized);

    private sealed class SeeOther(string path) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = path;
            return Task.CompletedTask;
        }
    }
}
