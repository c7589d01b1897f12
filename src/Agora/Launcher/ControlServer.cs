using System.Globalization;
using Agora.Cluster;
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
                    await supervisor.StatusAsync(Question(http.Request.Query), http.RequestAborted),
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

        app.MapGet(
            "/events",
            (HttpContext http) =>
                http.Response.WriteAsJsonAsync(
                    [
                        .. supervisor.Events.After(
                            long.TryParse(
                                http.Request.Query["after"],
                                NumberStyles.None,
                                CultureInfo.InvariantCulture,
                                out var number
                            )
                                ? number
                                : 0
                        ),
                    ],
                    EventJson.Default.MarketplaceEventArray,
                    cancellationToken: http.RequestAborted
                )
        );
        app.MapPost(
            "/events",
            async (HttpContext http) =>
            {
                var added = await http.Request.ReadFromJsonAsync(EventJson.Default.NewEvent, http.RequestAborted);
                supervisor.Note(added!.Kind, added.Text);
                await http.Response.WriteAsJsonAsync(
                    new ControlAnswer(true, "noted"),
                    LauncherJson.Default.ControlAnswer,
                    cancellationToken: http.RequestAborted
                );
            }
        );

        LabControl.Map(
            app,
            lab is null
                ? null
                : new LabControl(lab, supervisor.FindAsync, what => supervisor.Note(EventKinds.Network, what))
        );
        await app.StartAsync(cancellationToken);
        return app;
    }

    private static StatusQuestion Question(IQueryCollection query) =>
        new(
            query["brief"] == "true",
            query["functions"] == "true",
            int.TryParse(query["deadline"], NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
                ? TimeSpan.FromMilliseconds(milliseconds)
                : null
        );
}
