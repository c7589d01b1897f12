using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>The commands' end of the control channel.</summary>
internal sealed class ControlClient : IDisposable
{
    private static readonly Uri s_base = new("http://supervisor/");

    private readonly DataDirectory _data;
    private readonly HttpClient _http;

    public ControlClient(DataDirectory data) => (_data, _http) = (data, Connect(data));

    private static HttpClient Connect(DataDirectory data) =>
        new(
            new SocketsHttpHandler
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
            }
        )
        {
            BaseAddress = s_base,

            // An orderly stop may take its whole bound.
            Timeout = SupervisedProcess.DefaultStopBound + TimeSpan.FromSeconds(10),
        };

    /// <summary>The status of all processes; null if no supervisor is up.</summary>
    public Task<ClusterStatus?> StatusAsync(CancellationToken cancellationToken) =>
        StatusAsync(brief: false, cancellationToken);

    /// <summary>The same; a brief status leaves out whether every function is served.</summary>
    public Task<ClusterStatus?> StatusAsync(bool brief, CancellationToken cancellationToken) =>
        StatusAsync(new StatusQuestion(brief), cancellationToken);

    /// <summary>The same, with what is asked.</summary>
    public Task<ClusterStatus?> StatusAsync(StatusQuestion question, CancellationToken cancellationToken) =>
        AskAsync(() =>
            _http.GetFromJsonAsync(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"status?brief={Word(question.Brief)}&functions={Word(question.Functions)}"
                )
                    + (
                        question.Deadline is { } deadline
                            ? string.Create(CultureInfo.InvariantCulture, $"&deadline={deadline.TotalMilliseconds:0}")
                            : ""
                    ),
                LauncherJson.Default.ClusterStatus,
                cancellationToken
            )
        );

    /// <summary>What has happened after an event, oldest first; null if no supervisor is up.</summary>
    public Task<MarketplaceEvent[]?> EventsAsync(long after, CancellationToken cancellationToken) =>
        AskAsync(() =>
            _http.GetFromJsonAsync(
                string.Create(CultureInfo.InvariantCulture, $"events?after={after}"),
                EventJson.Default.MarketplaceEventArray,
                cancellationToken
            )
        );

    /// <summary>Has the supervisor note an event; null if no supervisor is up.</summary>
    public Task<ControlAnswer?> NoteAsync(string kind, string text, CancellationToken cancellationToken) =>
        AskAsync(() =>
            PostAsync(
                "events",
                cancellationToken,
                JsonContent.Create(new NewEvent(kind, text), EventJson.Default.NewEvent)
            )
        );

    private static string Word(bool value) => value ? "true" : "false";

    /// <summary>Stops, kills, starts, freezes or thaws a process; null if no supervisor is up.</summary>
    public Task<ControlAnswer?> CommandAsync(
        string command,
        string process,
        bool restart,
        CancellationToken cancellationToken
    ) =>
        AskAsync(() =>
            PostAsync(
                $"processes/{string.Join('/', process.Split('/').Select(Uri.EscapeDataString))}/{command}"
                    + $"?restart={Word(restart)}",
                cancellationToken
            )
        );

    /// <summary>Asks the supervisor to stop everything, without waiting; null if no supervisor is up.</summary>
    public Task<ControlAnswer?> DownAsync(CancellationToken cancellationToken) =>
        AskAsync(() => PostAsync("down", cancellationToken));

    /// <summary>The faults of the lab's network; null if no supervisor is up, or if it has no lab.</summary>
    public Task<LabStatus?> LabStatusAsync(CancellationToken cancellationToken) =>
        AskAsync(async () =>
        {
            using var response = await _http.GetAsync(new Uri("lab", UriKind.Relative), cancellationToken);
            return response.StatusCode == HttpStatusCode.NotFound
                ? null
                : await response
                    .EnsureSuccessStatusCode()
                    .Content.ReadFromJsonAsync(LabJson.Default.LabStatus, cancellationToken);
        });

    /// <summary>Changes the conditions of links in the lab; null if no supervisor is up.</summary>
    public Task<ControlAnswer?> SetLabAsync(LabChange change, CancellationToken cancellationToken) =>
        AskAsync(() => PostAsync("lab/set", cancellationToken, JsonContent.Create(change, LabJson.Default.LabChange)));

    /// <summary>Cuts links in the lab; null if no supervisor is up.</summary>
    public Task<ControlAnswer?> CutLabAsync(LabCut cut, CancellationToken cancellationToken) =>
        AskAsync(() => PostAsync("lab/cut", cancellationToken, JsonContent.Create(cut, LabJson.Default.LabCut)));

    /// <summary>Heals links in the lab; null if no supervisor is up.</summary>
    public Task<ControlAnswer?> HealLabAsync(LabCut cut, CancellationToken cancellationToken) =>
        AskAsync(() => PostAsync("lab/heal", cancellationToken, JsonContent.Create(cut, LabJson.Default.LabCut)));

    private async Task<ControlAnswer?> PostAsync(
        string path,
        CancellationToken cancellationToken,
        HttpContent? content = null
    )
    {
        using var response = await _http.PostAsync(new Uri(path, UriKind.Relative), content, cancellationToken);
        return await response
            .EnsureSuccessStatusCode()
            .Content.ReadFromJsonAsync(LauncherJson.Default.ControlAnswer, cancellationToken);
    }

    // Null if there is no supervisor: no socket exists, or nobody listens on it. The supervisor may also end between
    // question and answer.
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

    /// <summary>The failure of a supervisor that does not answer.</summary>
    public SupervisorSilentException Silent(Exception? inner = null)
    {
        var pid = _data.Holder() ?? 0;
        var who = pid > 0 ? FileHolder.Describe(pid) : "whose process is not known";
        return new(
            pid > 0 && Posix.IsStopped(pid)
                ? FormattableString.Invariant(
                    $"the supervisor, {who}, is stopped by a signal. 'kill -CONT {pid}' continues it"
                )
                : FormattableString.Invariant($"the supervisor, {who}, does not answer. See {_data.SupervisorLog}; ")
                    + FormattableString.Invariant($"if that does not change, 'kill -9 {pid}' and then 'agora up'"),
            inner
        );
    }

    public void Dispose() => _http.Dispose();
}
