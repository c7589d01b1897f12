using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Text.Json;
using Agora.Contracts.Cluster;
using Agora.Contracts.Replication;
using Agora.Contracts.Security;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Launcher;

/// <summary>What one process answers over the network.</summary>
/// <param name="Answers">It answers at all.</param>
/// <param name="Replica">A database replica's own view.</param>
internal readonly record struct ProbeAnswer(bool Answers, StatusReply? Replica);

/// <summary>
/// Asks the processes of a cluster how they are, over the network as their users reach them: health of servers and payments over HTTP,
/// status of database replicas over gRPC. Never waits longer than its deadline, and only asks when asked.
/// </summary>
internal sealed class ClusterProbe : IDisposable
{
    private const string RaftEngine = "raft";

    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(2);

    private readonly ComponentIdentity? _identity;
    private readonly TimeSpan _deadline;
    private readonly ConcurrentDictionary<string, HttpClient> _clients = [];
    private readonly ConcurrentDictionary<string, GrpcChannel> _channels = [];

    /// <param name="identity">Who asks; without one, what is spoken to only over TLS counts as not answering.</param>
    /// <param name="deadline">Of each question, and twice that of whether a server is ready, which asks others itself; two seconds by default.</param>
    public ClusterProbe(ComponentIdentity? identity, TimeSpan? deadline = null) => (_identity, _deadline) = (identity, deadline ?? s_deadline);

    /// <summary>Asks the processes, save those of ours that are known to be down, and puts together, with what is known without asking, how the cluster is.</summary>
    /// <param name="processes">All of them.</param>
    /// <param name="local">What is known without asking.</param>
    /// <param name="brief">Only each process by itself: whether every function is served takes longer to find out, and is then not said.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<ClusterStatus> StatusAsync(
        IReadOnlyList<ClusterProcess> processes, Func<ClusterProcess, LocalView?> local, bool brief, CancellationToken cancellationToken)
    {
        ProbeAnswer[] answers = await Task.WhenAll(processes.Select(p =>
            local(p) is { IsUp: false } ? Task.FromResult(default(ProbeAnswer)) : AskAsync(p, cancellationToken)));
        return StatusReport.Of(processes, answers, local, brief ? null : await MissingAsync(processes, answers, cancellationToken));
    }

    private Task<ProbeAnswer> AskAsync(ClusterProcess process, CancellationToken cancellationToken) =>
        IsDatabase(process.Component) ? AskDatabaseAsync(process, cancellationToken) : AskLiveAsync(process, cancellationToken);

    /// <summary>
    /// What is not served; nothing, where of every component one at least says that it is ready. A server says so only when a write and a read have gone
    /// through both databases a moment ago; hence none is asked while the databases' own replicas say that they cannot serve, which also tells why.
    /// </summary>
    private async Task<IReadOnlyList<string>> MissingAsync(IReadOnlyList<ClusterProcess> processes, ProbeAnswer[] answers, CancellationToken cancellationToken)
    {
        IGrouping<string, (ClusterProcess Process, ProbeAnswer Answer)>[] groups =
            [.. processes.Zip(answers, (process, answer) => (process, answer)).GroupBy(p => p.process.Component)];
        string[] databases = _identity is null ? [] : [.. groups.Where(g => IsDatabase(g.Key)).Select(g => MissingIn(g.Key, [.. g])).OfType<string>()];
        if (databases.Length > 0)
        {
            return databases;
        }
        string?[] missing = await Task.WhenAll(groups.Where(g => !IsDatabase(g.Key) && g.Any(p => MayAsk(p.Process))).Select(g =>
            MissingOfAsync(g.Key, [.. g.Where(p => p.Answer.Answers).Select(p => p.Process)], cancellationToken)));
        return [.. missing.OfType<string>().Select(what => what + Behind(groups, what))];
    }

    /// <summary>What a database's own replicas say that it lacks; null for nothing.</summary>
    internal static string? MissingIn(string database, IReadOnlyList<(ClusterProcess Process, ProbeAnswer Answer)> replicas)
    {
        static string Names(IEnumerable<(ClusterProcess Process, ProbeAnswer Answer)> some) => string.Join(", ", some.Select(p => p.Process.Name));

        (ClusterProcess Process, ProbeAnswer Answer)[] away = [.. replicas.Where(p => p.Answer.Replica is null)];
        (ClusterProcess Process, ProbeAnswer Answer)[] unready = [.. replicas.Where(p => p.Answer.Replica is { Ready: false })];
        int majority = (replicas.Count / 2) + 1;
        bool needsAll = replicas.Any(p => p.Answer.Replica is { Engine: not RaftEngine });
        return replicas.Count - away.Length < majority ? $"{database}: reads and writes wait for a majority; {Names(away)} {(away.Length == 1 ? "does" : "do")} not answer"
            : needsAll && away.Length > 0 ? $"{database}: writes wait for {Names(away)}"
            : needsAll && unready.Length > 0 ? $"{database}: writes wait until every replica hears all others; not yet {Names(unready)}"
            : replicas.Count - away.Length - unready.Length < majority ? $"{database}: reads and writes wait for a leader to be elected"
            : null;
    }

    // Where writes do not go through although all are there: whoever has not applied what the others have is the likely cause.
    private static string Behind(IEnumerable<IGrouping<string, (ClusterProcess Process, ProbeAnswer Answer)>> groups, string what)
    {
        IEnumerable<string> behind = groups.Where(g => IsDatabase(g.Key) && what.Contains($"{g.Key} database", StringComparison.Ordinal)).SelectMany(g =>
        {
            long highest = g.Max(p => p.Answer.Replica?.Applied ?? 0);
            return g.Where(p => p.Answer.Replica?.Applied < highest).Select(p => p.Process.Name);
        });
        return string.Join(", ", behind) is { Length: > 0 } names ? $"; behind the others: {names}" : "";
    }

    // Over HTTPS the payment service answers nobody else. Who may not ask it goes by the buyer servers, which are ready only when it is.
    private bool MayAsk(ClusterProcess process) =>
        process is not { Component: Components.Payments, Endpoints: [{ Name: "https" }, ..] } || _identity?.Component is ClusterSecrets.Operator or Components.BuyerServer;

    // All at once: one that hangs, since what it depends on does, must not keep the others waiting.
    private async Task<string?> MissingOfAsync(string component, IReadOnlyList<ClusterProcess> processes, CancellationToken cancellationToken)
    {
        if (processes.Count == 0)
        {
            return $"{component}: none answers";
        }
        using CancellationTokenSource found = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<Health>[] asked = [.. processes.Select(p => AskHealthAsync(p, "/health/ready", 2 * _deadline, found.Token))];
        string? why = null;
        try
        {
            await foreach (Task<Health> answer in Task.WhenEach(asked))
            {
                Health health = await answer;
                if (health.IsOk)
                {
                    return null;
                }
                why = health.Detail ?? why;
            }
            return $"{component}: none is ready{(why is null ? "" : $": {why}")}";
        }
        finally
        {
            // The other answers no longer matter, but nothing is left behind.
            await found.CancelAsync();
            await ((Task)Task.WhenAll(asked)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static bool IsDatabase(string component) => component is Components.Customers or Components.Products;

    private async Task<ProbeAnswer> AskLiveAsync(ClusterProcess process, CancellationToken cancellationToken) =>
        new((await AskHealthAsync(process, "/health/live", _deadline, cancellationToken)).IsOk, null);

    private async Task<Health> AskHealthAsync(ClusterProcess process, string path, TimeSpan deadline, CancellationToken cancellationToken)
    {
        using CancellationTokenSource bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(deadline);
        try
        {
            ClusterEndpoint endpoint = process.Endpoints[0];
            using HttpResponseMessage response = await ClientOf(process).GetAsync(
                new Uri($"{endpoint.Name}://{endpoint.Address}{path}"), HttpCompletionOption.ResponseHeadersRead, bound.Token);
            return response.StatusCode == HttpStatusCode.OK ? new(true, null) : new(false, await DetailAsync(response, bound.Token));
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return default;
        }
    }

    // What a refusal of ours says of itself; somebody else's answer at our address says nothing.
    private static async Task<string?> DetailAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            using JsonDocument problem = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(cancellationToken), default, cancellationToken);
            return problem.RootElement.TryGetProperty("detail", out JsonElement detail) ? detail.GetString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private readonly record struct Health(bool IsOk, string? Detail);

    private async Task<ProbeAnswer> AskDatabaseAsync(ClusterProcess process, CancellationToken cancellationToken)
    {
        if (_identity is null)
        {
            return default;
        }
        GrpcChannel channel = _channels.GetOrAdd(process.Name, _ => GrpcChannel.ForAddress(
            $"https://{process.Endpoints[0].Address}", new GrpcChannelOptions { HttpClient = ClientOf(process) }));
        try
        {
            StatusReply reply = await new Replica.ReplicaClient(channel)
                .GetStatusAsync(new StatusRequest(), deadline: DateTime.UtcNow + _deadline, cancellationToken: cancellationToken);
            return new ProbeAnswer(true, reply);
        }
        catch (RpcException)
        {
            // The library also says in this way that it was cancelled.
            cancellationToken.ThrowIfCancellationRequested();
            return default;
        }
    }

    // One for each process: each shows a certificate of its own. What users are shown is theirs to verify; here it is only asked for its health.
    private HttpClient ClientOf(ClusterProcess process) => _clients.GetOrAdd(process.Name, _ => new HttpClient(new SocketsHttpHandler
    {
        // Between two looks of a supervisor a connection stays.
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
        UseProxy = false,
        SslOptions = process.Component is Components.SellerServer or Components.BuyerServer or Components.Web
            ? new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, errors) => !errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) }
            : _identity?.Towards(process.Component, process.Replica),
    })
    { Timeout = 2 * _deadline });

    public void Dispose()
    {
        foreach (GrpcChannel channel in _channels.Values)
        {
            channel.Dispose();
        }
        foreach (HttpClient client in _clients.Values)
        {
            client.Dispose();
        }
    }
}
