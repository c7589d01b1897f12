using Agora.Servers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Agora.Web.Assets;

/// <summary>Serves the embedded files.</summary>
internal static class AssetEndpoints
{
    private const string Forever = "public, max-age=31536000, immutable";

    public static void MapAssets(this IEndpointRouteBuilder app)
    {
        app.MapGet(AssetFiles.Prefix + "{name}", (RequestDelegate)ServeAsync);
        // Browsers ask for it, whatever a page names as its icon.
        app.MapGet(
            "/favicon.ico",
            (RequestDelegate)(
                http =>
                {
                    http.Response.Redirect(AssetFiles.Url("agora.svg"));
                    return Task.CompletedTask;
                }
            )
        );
    }

    private static async Task ServeAsync(HttpContext http)
    {
        var response = http.Response;
        var (file, isExact) = AssetFiles.Find((string)http.GetRouteValue("name")!);
        if (file is null)
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        response.Headers.CacheControl = isExact ? Forever : "no-cache";
        response.Headers.Vary = "Accept-Encoding";
        response.ContentType = file.ContentType;
        var body = file.Content;
        if (
            http.Request.Headers.AcceptEncoding is { Count: > 0 } accepted
            && ContentCoding.Choose(accepted).Coding == ContentCoding.Brotli
            && file.Brotli is { } compressed
        )
        {
            response.Headers.ContentEncoding = ContentCoding.Brotli;
            body = compressed;
        }

        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, http.RequestAborted);
    }
}
