using Agora.Web.Page;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using RotatingSequencer.Simulation.Plays;

namespace Agora.Web.Protocol;

/// <summary>
/// The protocol, to play with. A page is a pure function of its address: nothing is kept between two requests, and any
/// replica draws the same picture.
/// </summary>
internal static class ProtocolEndpoints
{
    private const string Path = "/protocol";

    /// <summary>Registers what the pages need.</summary>
    public static void AddProtocol(this IServiceCollection services) { }

    /// <summary>Maps the pages under <c>/protocol</c>.</summary>
    public static void MapProtocol(this WebApplication app) => app.MapGet(Path, Show);

    /// <summary>The link to a play. Without a script the browser goes to the play's part of the page.</summary>
    public static string LinkTo(PlayAddress address) => $"{Path}{address.ToQuery()}#play";

    private static IResult Show(HttpContext http)
    {
        var query = http.Request.Query.SelectMany(
            parameter => parameter.Value,
            (parameter, value) => KeyValuePair.Create(parameter.Key, value ?? "")
        );
        var address = PlayAddress.Parse(query);
        if (Play.Of(address) is not { } play)
        {
            return ErrorPages.Of(
                StatusCodes.Status404NotFound,
                "There is no such scenario",
                "The protocol's page has a list of all scenarios."
            );
        }

        // It shows nobody's data, and a step back need not be drawn again.
        http.Response.Headers.CacheControl = "public, max-age=60";
        return Pages.Render<ProtocolPage>((nameof(ProtocolPage.Play), play), (nameof(ProtocolPage.Address), address));
    }
}
