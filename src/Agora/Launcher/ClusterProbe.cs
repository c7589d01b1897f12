using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
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
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(2);

    private readonly ComponentIdentity? _identity;
    private readonly TimeSpan _deadline;
    private readonly ConcurrentDictionary<string, HttpClient> _clients = [];
    private readonly ConcurrentDictionary<string, GrpcChannel> _channels = [];

    /// <param name="identity">Who asks; without one, what is spoken to only over TLS counts as not answering.</param>
    /// <param name="deadline">Of each question; two seconds by default.</param>
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
        return StatusReport.Of(processes, answers, local, !brief && await ServesAsync(processes, answers, cancellationToken));
    }

    private Task<ProbeAnswer> AskAsync(ClusterProcess process, CancellationToken cancellationToken) =>
        IsDatabase(process.Component) ? AskDatabaseAsync(process, cancellationToken) : AskLiveAsync(process, cancellationToken);

    /// <summary>
    /// Every function is served: in each database a majority says that it serves, and of every other component one is ready at least. A server
    /// reads both databases to say so; hence none is asked before the databases serve.
    /// </summary>
    private async Task<bool> ServesAsync(IReadOnlyList<ClusterProcess> processes, ProbeAnswer[] answers, CancellationToken cancellationToken)
    {
        IGrouping<string, (ClusterProcess Process, ProbeAnswer Answer)>[] groups =
            [.. processes.Zip(answers, (process, answer) => (process, answer)).GroupBy(p => p.process.Component)];
        if (!groups.Where(g => IsDatabase(g.Key)).All(g => g.Count(p => p.Answer.Replica is { Ready: true }) > g.Count() / 2))
        {
            return false;
        }
        bool[] ready = await Task.WhenAll(groups.Where(g => !IsDatabase(g.Key) && g.Any(p => MayAsk(p.Process)))
            .Select(g => AnyIsReadyAsync([.. g.Where(p => p.Answer.Answers).Select(p => p.Process)], cancellationToken)));
        return ready.All(r => r);
    }

    // Over HTTPS the payment service answers nobody else. Who may not ask it goes by the buyer servers, which are ready only when it is.
    private bool MayAsk(ClusterProcess process) =>
        process is not { Component: Components.Payments, Endpoints: [{ Name: "https" }, ..] } || _identity?.Component is ClusterSecrets.Operator or Components.BuyerServer;

    // All at once: one that hangs, since what it depends on does, must not keep the others waiting.
    private async Task<bool> AnyIsReadyAsync(IReadOnlyList<ClusterProcess> processes, CancellationToken cancellationToken)
    {
        using CancellationTokenSource found = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<bool>[] asked = [.. processes.Select(p => AnswersOkAsync(p, "/health/ready", found.Token))];
        try
        {
            await foreach (Task<bool> answer in Task.WhenEach(asked))
            {
                if (await answer)
                {
                    return true;
                }
            }
            return false;
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
        new(await AnswersOkAsync(process, "/health/live", cancellationToken), null);

    private async Task<bool> AnswersOkAsync(ClusterProcess process, string path, CancellationToken cancellationToken)
    {
        try
        {
            ClusterEndpoint endpoint = process.Endpoints[0];
            using HttpResponseMessage response = await ClientOf(process).GetAsync(
                new Uri($"{endpoint.Name}://{endpoint.Address}{path}"), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

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
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
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
    { Timeout = _deadline });

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
