using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Page;

/// <summary>What a user sees in place of a page.</summary>
internal static class ErrorPages
{
    /// <summary>The page for a status.</summary>
    public static IResult OfStatus(int status)
    {
        var (title, text) = status switch
        {
            400 => (
                "This request is not complete",
                "Something that the browser sent could not be read. Go back, reload the page and try again."
            ),
            403 => (
                "This came from another site",
                "A change must be asked for on a page of this shop. Open the page here and press the button again."
            ),
            404 => ("There is no such page", "The address may be mistyped, or what it named is gone."),
            405 => ("This address takes no such request", "Open the page that leads here, and use its buttons."),
            413 => ("This is too long", "The form holds more than any form here needs. Go back and shorten it."),
            414 or 431 => (
                "This address is too long",
                "The browser sent an address or headers that are longer than any page here needs."
            ),
            421 => ("This shop has another name", "The browser asked for a host that is not served here."),
            500 => (
                "Something went wrong here",
                "The fault is ours and is written to the log. Going back and trying again is safe: nothing "
                    + "happens twice."
            ),
            503 => (
                "One moment",
                "A part of the marketplace does not answer just now. Nothing is lost. Try again in a few seconds."
            ),
            _ => ("This did not work", "Go back and try again."),
        };
        return Of(status, title, text);
    }

    /// <summary>The user sends more than the limits allow.</summary>
    public static IResult TooManyRequests(TimeSpan wait) =>
        new WithRetryAfter(
            wait,
            Of(
                StatusCodes.Status429TooManyRequests,
                "Slower, please",
                "Too many pages were asked for from this address. Wait a few seconds, then reload."
            )
        );

    /// <summary>A page of this kind with other words.</summary>
    public static IResult Of(int status, string title, string text) =>
        Pages.Render<ErrorView>(
            status,
            (nameof(ErrorView.Status), status),
            (nameof(ErrorView.Title), title),
            (nameof(ErrorView.Text), text)
        );

    private sealed class WithRetryAfter(TimeSpan wait, IResult page) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var seconds = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds));
            httpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            return page.ExecuteAsync(httpContext);
        }
    }
}
