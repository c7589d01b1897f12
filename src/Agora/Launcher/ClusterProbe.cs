using System.Collections.Concurrent;
using System.Net;
using Agora.Contracts.Cluster;
using Agora.Contracts.Replication;
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

    private readonly HttpClient _http = new(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5), UseProxy = false })
    {
        Timeout = s_deadline,
    };
    private readonly ConcurrentDictionary<string, GrpcChannel> _channels = [];

    /// <summary>Asks the processes, save those of ours that are known to be down, and puts together, with what is known without asking, how the cluster is.</summary>
    public async Task<ClusterStatus> StatusAsync(
        IReadOnlyList<ClusterProcess> processes, Func<ClusterProcess, LocalView?> local, CancellationToken cancellationToken)
    {
        ProbeAnswer[] answers = await Task.WhenAll(processes.Select(p =>
            local(p) is { IsUp: false } ? Task.FromResult(default(ProbeAnswer)) : AskAsync(p, cancellationToken)));
        return StatusReport.Of(processes, answers, local, await ServesAsync(processes, answers, cancellationToken));
    }

    private Task<ProbeAnswer> AskAsync(ClusterProcess process, CancellationToken cancellationToken) =>
        IsDatabase(process.Component) ? AskDatabaseAsync(process, cancellationToken) : AskLiveAsync(process, cancellationToken);

    /// <summary>
    /// Every function is served: in each database a majority says that it serves, and of every other component one is ready at least. A server
    /// reads both databases to say so; hence no more of them are asked than needed, and none before the databases serve.
    /// </summary>
    private async Task<bool> ServesAsync(IReadOnlyList<ClusterProcess> processes, ProbeAnswer[] answers, CancellationToken cancellationToken)
    {
        IGrouping<string, (ClusterProcess Process, ProbeAnswer Answer)>[] groups =
            [.. processes.Zip(answers, (process, answer) => (process, answer)).GroupBy(p => p.process.Component)];
        if (!groups.Where(g => IsDatabase(g.Key)).All(g => g.Count(p => p.Answer.Replica is { Ready: true }) > g.Count() / 2))
        {
            return false;
        }
        bool[] ready = await Task.WhenAll(groups.Where(g => !IsDatabase(g.Key)).Select(async group =>
        {
            foreach ((ClusterProcess process, _) in group.Where(p => p.Answer.Answers))
            {
                if (await AnswersOkAsync(process, "/health/ready", cancellationToken))
                {
                    return true;
                }
            }
            return false;
        }));
        return ready.All(r => r);
    }

    private static bool IsDatabase(string component) => component is Components.Customers or Components.Products;

    private async Task<ProbeAnswer> AskLiveAsync(ClusterProcess process, CancellationToken cancellationToken) =>
        new(await AnswersOkAsync(process, "/health/live", cancellationToken), null);

    private async Task<bool> AnswersOkAsync(ClusterProcess process, string path, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync(
                new Uri($"http://{process.Endpoints[0].Address}{path}"), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    private async Task<ProbeAnswer> AskDatabaseAsync(ClusterProcess process, CancellationToken cancellationToken)
    {
        GrpcChannel channel = _channels.GetOrAdd(process.Endpoints[0].Address, address => GrpcChannel.ForAddress(
            $"http://{address}", new GrpcChannelOptions { HttpClient = _http }));
        try
        {
            StatusReply reply = await new Replica.ReplicaClient(channel)
                .GetStatusAsync(new StatusRequest(), deadline: DateTime.UtcNow + s_deadline, cancellationToken: cancellationToken);
            return new ProbeAnswer(true, reply);
        }
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
            return default;
        }
    }

    public void Dispose()
    {
        foreach (GrpcChannel channel in _channels.Values)
        {
            channel.Dispose();
        }
        _http.Dispose();
    }
}
