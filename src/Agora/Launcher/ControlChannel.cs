using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Agora.Contracts.Faults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Launcher;

/// <summary>What the supervisor answers to a command.</summary>
internal sealed record ControlAnswer(bool Done, string Message);

/// <summary>
/// The supervisor's end of the control channel: HTTP over a Unix domain socket inside a directory that only its owner can enter. Whoever
/// may open the socket may also kill the processes, so it asks nobody who they are.
/// </summary>
internal static class ControlServer
{
    public static async Task<WebApplication> StartAsync(Supervisor supervisor, LabNetwork? lab, string socket, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket));
        builder.Services.AddRoutingCore();
        WebApplication app = builder.Build();

        app.MapGet("/status", async (HttpContext http) =>
            await http.Response.WriteAsJsonAsync(await supervisor.StatusAsync(http.Request.Query["brief"] == "true", http.RequestAborted), LauncherJson.Default.ClusterStatus, cancellationToken: http.RequestAborted));
        app.MapPost("/processes/{component}/{which}/{command}", async (HttpContext http) =>
        {
            string Part(string name) => (string)http.GetRouteValue(name)!;
            ControlAnswer answer = await supervisor.CommandAsync(
                Part("command"), Part("component"), Part("which"), http.Request.Query["restart"] == "true", http.RequestAborted);
            await http.Response.WriteAsJsonAsync(answer, LauncherJson.Default.ControlAnswer, cancellationToken: http.RequestAborted);
        });
        app.MapPost("/down", (HttpContext http) =>
        {
            supervisor.DownRequested.TrySetResult();
            return http.Response.WriteAsJsonAsync(new ControlAnswer(true, "stopping"), LauncherJson.Default.ControlAnswer, cancellationToken: http.RequestAborted);
        });

        LabControl.Map(app, lab is null ? null : new LabControl(lab, supervisor.FindAsync));
        await app.StartAsync(cancellationToken);
        return app;
    }
}

/// <summary>The commands' end of the control channel.</summary>
internal sealed class ControlClient : IDisposable
{
    private static readonly Uri s_base = new("http://supervisor/");

    private readonly DataDirectory _data;
    private readonly HttpClient _http;

    public ControlClient(DataDirectory data) => (_data, _http) = (data, Connect(data));

    private static HttpClient Connect(DataDirectory data) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (_, cancellationToken) =>
        {
            Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(data.ControlSocket!), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        BaseAddress = s_base,

        // A stop in order may take its whole bound.
        Timeout = SupervisedProcess.DefaultStopBound + TimeSpan.FromSeconds(10),
    };

    /// <summary>How all processes are; null when no supervisor is up.</summary>
    public Task<ClusterStatus?> StatusAsync(CancellationToken cancellationToken) => StatusAsync(brief: false, cancellationToken);

    /// <summary>The same; where it is brief, without whether every function is served.</summary>
    public Task<ClusterStatus?> StatusAsync(bool brief, CancellationToken cancellationToken) =>
        AskAsync(() => _http.GetFromJsonAsync(brief ? "status?brief=true" : "status", LauncherJson.Default.ClusterStatus, cancellationToken));

    /// <summary>Stops, kills, starts, freezes or thaws a process; null when no supervisor is up.</summary>
    public Task<ControlAnswer?> CommandAsync(string command, string process, bool restart, CancellationToken cancellationToken) =>
        AskAsync(() => PostAsync($"processes/{string.Join('/', process.Split('/').Select(Uri.EscapeDataString))}/{command}?restart={(restart ? "true" : "false")}", cancellationToken));

    /// <summary>Asks that all be stopped, and does not wait for it; null when no supervisor is up.</summary>
    public Task<ControlAnswer?> DownAsync(CancellationToken cancellationToken) => AskAsync(() => PostAsync("down", cancellationToken));

    /// <summary>What is bad in the lab; null when no supervisor is up, or it has no lab.</summary>
    public Task<LabStatus?> LabStatusAsync(CancellationToken cancellationToken) => AskAsync(async () =>
    {
        using HttpResponseMessage response = await _http.GetAsync(new Uri("lab", UriKind.Relative), cancellationToken);
        return response.StatusCode == HttpStatusCode.NotFound
            ? null
            : await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(LabJson.Default.LabStatus, cancellationToken);
    });

    /// <summary>Changes what links do in the lab; null when no supervisor is up.</summary>
    public Task<ControlAnswer?> SetLabAsync(LabChange change, CancellationToken cancellationToken) =>
        AskAsync(() => PostAsync("lab/set", cancellationToken, JsonContent.Create(change, LabJson.Default.LabChange)));

    /// <summary>Cuts links in the lab; null when no supervisor is up.</summary>
    public Task<ControlAnswer?> CutLabAsync(LabCut cut, CancellationToken cancellationToken) =>
        AskAsync(() => PostAsync("lab/cut", cancellationToken, JsonContent.Create(cut, LabJson.Default.LabCut)));

    /// <summary>Mends links in the lab; null when no supervisor is up.</summary>
    public Task<ControlAnswer?> HealLabAsync(LabCut cut, CancellationToken cancellationToken) =>
        AskAsync(() => PostAsync("lab/heal", cancellationToken, JsonContent.Create(cut, LabJson.Default.LabCut)));

    private async Task<ControlAnswer?> PostAsync(string path, CancellationToken cancellationToken, HttpContent? content = null)
    {
        using HttpResponseMessage response = await _http.PostAsync(new Uri(path, UriKind.Relative), content, cancellationToken);
        return await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(LauncherJson.Default.ControlAnswer, cancellationToken);
    }

    // No socket, or one that nobody listens on any more: there is no supervisor. It may also end between question and answer.
    private async Task<T?> AskAsync<T>(Func<Task<T?>> ask)
        where T : class
    {
        if (_data.ControlSocket is null)
        {
            return null;
        }
        try
        {
            return await ask();
        }
        catch (OperationCanceledException e) when (e.InnerException is TimeoutException)
        {
            throw Silent(e);
        }
        catch (HttpRequestException e) when (e.InnerException is SocketException or IOException || e.StatusCode is null)
        {
            return null;
        }
        catch (HttpRequestException e) when (e.StatusCode is HttpStatusCode status)
        {
            throw new CommandFailedException($"the supervisor answered {(int)status}; it may be of another version", e);
        }
    }

    /// <summary>What to tell somebody whom the supervisor does not answer.</summary>
    public SupervisorSilentException Silent(Exception? inner = null)
    {
        int pid = _data.Holder() ?? 0;
        string who = pid > 0 ? FileHolder.Describe(pid) : "whose process is not known";
        return new(pid > 0 && Posix.IsStopped(pid)
            ? FormattableString.Invariant($"the supervisor, {who}, stands still: a signal has stopped it. 'kill -CONT {pid}' lets it go on")
            : FormattableString.Invariant($"the supervisor, {who}, does not answer. See {_data.SupervisorLog}; where it stays so, 'kill -9 {pid}' and then 'agora up'"), inner);
    }

    public void Dispose() => _http.Dispose();
}
