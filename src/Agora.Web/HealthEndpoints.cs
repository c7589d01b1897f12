using Agora.Servers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Web;

/// <summary>The endpoints that supervisors and probes ask.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this WebApplication app)
    {
        app.MapGet(RestServer.LivePath, (RequestDelegate)(http => Json("""{"status":"live"}""").ExecuteAsync(http)));
        var readiness = app.Services.GetRequiredService<WebReadiness>();
        app.MapGet(
            "/health/ready",
            (RequestDelegate)(
                async http =>
                {
                    var missing = await readiness.MissingAsync(http.RequestAborted);
                    var answer =
                        missing.Length > 0
                            ? (IResult)Refusal.NotReady(string.Join(" and ", missing))
                            : Json("""{"status":"ready"}""");
                    await answer.ExecuteAsync(http);
                }
            )
        );
    }

    private static ContentHttpResult Json(string body) => TypedResults.Text(body, "application/json");
}
