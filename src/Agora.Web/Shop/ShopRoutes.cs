using Agora.Client;
using Agora.Cluster;
using Agora.Rest;
using Agora.Web.Page;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Agora.Web.Shop;

/// <summary>
/// Maps the shop's pages. What may go wrong with any of them is answered here, in one way: a session that has ended, a
/// marketplace that does not answer, a form that was sent before.
/// </summary>
internal sealed class ShopRoutes(IEndpointRouteBuilder app, Marketplace marketplace, ClusterFile cluster)
{
    private readonly SessionCookie _buyers = SessionCookie.OfBuyer(cluster);
    private readonly SessionCookie _sellers = SessionCookie.OfSeller(cluster);
    private readonly PriceCookie _prices = new(cluster);

    public void Get(string path, Func<ShopVisit, Task<IResult>> page, ShopRole role = ShopRole.Buyer) =>
        app.MapGet(path, (RequestDelegate)(http => ServeAsync(http, page, role, back: null)));

    /// <param name="path">The path that the form is sent to.</param>
    /// <param name="change">Does it.</param>
    /// <param name="back">The page that has the form, for a user whose form can no longer be used.</param>
    /// <param name="role">Who must be logged in for it.</param>
    public void Post(string path, Func<ShopVisit, Task<IResult>> change, string back, ShopRole role = ShopRole.Buyer) =>
        app.MapPost(path, (RequestDelegate)(http => ServeAsync(http, change, role, back)));

    private async Task ServeAsync(HttpContext http, Func<ShopVisit, Task<IResult>> page, ShopRole role, string? back)
    {
        ShopVisit visit = new(http, marketplace, cluster.Categories, _buyers, _sellers, _prices) { Role = role };
        IResult answer;
        try
        {
            answer = await page(visit);
        }
        catch (AgoraException e)
        {
            if (await ExplainAsync(visit, e, back) is not { } explained)
            {
                throw;
            }

            answer = explained;
        }

        await visit.SettleAsync();
        await answer.ExecuteAsync(http);
    }

    private static async Task<IResult?> ExplainAsync(ShopVisit visit, AgoraException e, string? back) =>
        e.Code switch
        {
            ErrorCodes.NotLoggedIn => await AccountPages.LogInFirstAsync(visit),
            ErrorCodes.NoSuchItem or ErrorCodes.NoSuchSeller or ErrorCodes.NoSuchPurchase => ErrorPages.OfStatus(404),
            ErrorCodes.KeyReused or ErrorCodes.KeyExpired when back is not null => await OldFormAsync(visit, back),
            _ when e.IsTransient || e.OutcomeUnknown => await UnavailableAsync(visit, e),
            _ => null,
        };

    private static async Task<IResult> OldFormAsync(ShopVisit visit, string back) =>
        Pages.Render<MessageView>(
            StatusCodes.Status409Conflict,
            (nameof(MessageView.Header), await visit.HeaderAsync()),
            (nameof(MessageView.Title), "This form was sent before"),
            (
                nameof(MessageView.Text),
                "It was sent before with other values, so nothing was done this time. Open it again to start afresh."
            ),
            (nameof(MessageView.Href), back),
            (nameof(MessageView.Link), "Open it again")
        );

    /// <summary>
    /// A page to repeat what did not get through. A form is repeated with the same fields under the same key.
    /// </summary>
    private static async Task<IResult> UnavailableAsync(ShopVisit visit, AgoraException e)
    {
        visit.Http.Response.Headers.RetryAfter = "5";
        var request = visit.Http.Request;
        var isForm = HttpMethods.IsPost(request.Method);
        return Pages.Render<RetryView>(
            StatusCodes.Status503ServiceUnavailable,
            (nameof(RetryView.Header), await visit.HeaderAsync()),
            (nameof(RetryView.Href), $"{request.Path}{request.QueryString}"),
            (nameof(RetryView.OutcomeUnknown), e.OutcomeUnknown),
            (nameof(RetryView.Fields), isForm ? Carried.Of(await visit.FormAsync()) : null)
        );
    }
}
