using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Launcher;

/// <summary>
/// The supervisor's end of the control channel: HTTP over a Unix domain socket in a directory that only its owner can
/// enter. It needs no authentication: any user who can open the socket could also kill the processes.
/// </summary>
internal static class ControlServer
{
    public static async Task<WebApplication> StartAsync(
        Supervisor supervisor,
        LabNetwork? lab,
        string socket,
        CancellationToken cancellationToken
    )
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket));
        builder.Services.AddRoutingCore();
        var app = builder.Build();

        app.MapGet(
            "/status",
            async (HttpContext http) =>
                await http.Response.WriteAsJsonAsync(
                    await supervisor.StatusAsync(http.Request.Query["brief"] == "true", http.RequestAborted),
                    LauncherJson.Default.ClusterStatus,
                    cancellationToken: http.RequestAborted
                )
        );
        app.MapPost(
            "/processes/{component}/{which}/{command}",
            async (HttpContext http) =>
            {
                string Part(string name) => (string)http.GetRouteValue(name)!;
                var answer = await supervisor.CommandAsync(
                    Part("command"),
                    Part("component"),
                    Part("which"),
                    http.Request.Query["restart"] == "true",
                    http.RequestAborted
                );
                await http.Response.WriteAsJsonAsync(
                    answer,
                    LauncherJson.Default.ControlAnswer,
                    cancellationToken: http.RequestAborted
                );
            }
        );
        app.MapPost(
            "/down",
            (HttpContext http) =>
            {
                supervisor.DownRequested.TrySetResult();
                return http.Response.WriteAsJsonAsync(
                    new ControlAnswer(true, "stopping"),
                    LauncherJson.Default.ControlAnswer,
                    cancellationToken: http.RequestAborted
                );
            }
        );

        LabControl.Map(app, lab is null ? null : new LabControl(lab, supervisor.FindAsync));
        await app.StartAsync(cancellationToken);
        return app;
    }
}
