using System.Collections.Concurrent;
using System.Net;
using Agora.Contracts.Cluster;
using Agora.Contracts.Replication;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Launcher;

/// <summary>What one process answers over the network.</summary>
/// <param name="Answers">It answers at all.</param>
/// <param name="Ready">It says that it would serve its users now.</param>
/// <param name="Replica">A database replica's own view.</param>
internal readonly record struct ProbeAnswer(bool Answers, bool Ready, StatusReply? Replica);

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

    /// <summary>Asks one process.</summary>
    public Task<ProbeAnswer> AskAsync(ClusterProcess process, CancellationToken cancellationToken) =>
        process.Component is Components.Customers or Components.Products ? AskDatabaseAsync(process, cancellationToken) : AskServerAsync(process, cancellationToken);

    private async Task<ProbeAnswer> AskServerAsync(ClusterProcess process, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync(
                new Uri($"http://{process.Endpoints[0].Address}/health/ready"), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return new ProbeAnswer(true, response.StatusCode == HttpStatusCode.OK, null);
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return default;
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
            return new ProbeAnswer(true, reply.Ready, reply);
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
