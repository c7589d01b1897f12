using Agora.Servers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Web;

/// <summary>The endpoints that supervisors and probes ask.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this WebApplication app)
    {
        app.MapGet(RestServer.LivePath, (RequestDelegate)(http => Json(200, """{"status":"live"}""").ExecuteAsync(http)));
        var readiness = app.Services.GetRequiredService<WebReadiness>();
        app.MapGet(
            "/health/ready",
            (RequestDelegate)(
                async http =>
                {
                    var missing = await readiness.MissingAsync(http.RequestAborted);
                    IResult answer =
                        missing.Length > 0
                            ? Refusal.NotReady(string.Join(" and ", missing))
                            : Json(200, """{"status":"ready"}""");
                    await answer.ExecuteAsync(http);
                }
            )
        );
    }

    private static IResult Json(int status, string body) =>
        TypedResults.Text(body, "application/json", statusCode: status);
}
