using System.Globalization;
using Agora.Cluster;
using Agora.Contracts;
using Agora.Contracts.Products;
using Agora.Contracts.Replication;
using Agora.Testing;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using ProductsClient = Agora.Contracts.Products.Products.ProductsClient;

namespace Agora.Products.Processes;

/// <summary>
/// Five replicas of the products database, each a process of its own, and a client that fails over. They do not use
/// TLS, and neither does the etcd that they are compared with.
/// </summary>
internal sealed class ProductsGroup : IDisposable
{
    public const int Size = 5;

    private readonly ProcessGroup _processes = new();
    private readonly string _clusterFile;
    private readonly GrpcChannel[] _channels;
    private readonly ProductsClient[] _clients;
    private volatile int _leader;

    public ProductsGroup()
    {
        var ports = FreePorts.Take(2 * Size);
        var cluster = ClusterFile.Default with
        {
            Products = new DatabaseGroup
            {
                Engine = ReplicationEngine.Raft,
                Replicas =
                [
                    .. Enumerable
                        .Range(0, Size)
                        .Select(i => new DatabaseAddress { GrpcPort = ports[2 * i], PeerPort = ports[(2 * i) + 1] }),
                ],
            },
        };
        _clusterFile = Path.Combine(_processes.Location, "cluster.json");
        File.WriteAllText(_clusterFile, cluster.ToJson());
        _channels =
        [
            .. cluster.Products.Replicas.Select(r => GrpcChannel.ForAddress($"http://127.0.0.1:{r.GrpcPort}")),
        ];
        _clients = [.. _channels.Select(c => new ProductsClient(c))];
    }

    public ProcessGroup Processes => _processes;

    public string DataOf(int replica) => Path.Combine(_processes.Location, LogName(replica));

    /// <summary>One replica in this process, until it is killed.</summary>
    public static async Task<int> RunReplicaAsync(int replica, string clusterFile, string directory)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        await using var host = ProductsHost.Build(builder, ClusterFile.Load(clusterFile), replica, directory);
        await host.RunAsync();
        return 0;
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < Size; i++)
        {
            Start(i);
        }

        await ReadyAsync(cancellationToken);
    }

    public void Start(int replica) =>
        _processes.Start(
            LogName(replica),
            Path.Combine(AppContext.BaseDirectory, "Agora.Products.Processes"),
            "replica",
            $"{replica}",
            _clusterFile,
            DataOf(replica)
        );

    public void Kill(int replica) => _processes.Kill(LogName(replica));

    public void Signal(int replica, string signal) => _processes.Signal(LogName(replica), signal);

    public bool Runs(int replica) => _processes.Runs(LogName(replica));

    public (long Memory, int Descriptors, int Mappings) Resources(int replica) =>
        _processes.Resources(LogName(replica));

    public string LastLines(int replica) => _processes.LastLines(LogName(replica));

    /// <summary>Waits until all running replicas are ready.</summary>
    public async Task ReadyAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < Size; i++)
        {
            while (Runs(i) && await StatusAsync(i, cancellationToken) is not { Ready: true })
            {
                await Task.Delay(50, cancellationToken);
            }

            if (!Runs(i) && _processes.Ids.Count() < Size)
            {
                throw new InvalidOperationException(LastLines(i));
            }
        }
    }

    public async Task<StatusReply?> StatusAsync(int replica, CancellationToken cancellationToken)
    {
        try
        {
            return await new Replica.ReplicaClient(_channels[replica]).GetStatusAsync(
                new StatusRequest(),
                null,
                Deadline(1),
                cancellationToken
            );
        }
        catch (RpcException)
        {
            return null;
        }
    }

    public async Task<string?> DigestAsync(int replica, CancellationToken cancellationToken)
    {
        try
        {
            var digest = await new Replica.ReplicaClient(_channels[replica]).GetDigestAsync(
                new DigestRequest(),
                null,
                Deadline(60),
                cancellationToken
            );
            return $"{digest.Position} {digest.Digest}";
        }
        catch (RpcException)
        {
            return null;
        }
    }

    /// <summary>The replica that reports itself as the leader.</summary>
    public async Task<int> LeaderAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            for (var i = 0; i < Size; i++)
            {
                if (Runs(i) && await StatusAsync(i, cancellationToken) is { Role: "leader", Ready: true })
                {
                    return _leader = i;
                }
            }

            await Task.Delay(20, cancellationToken);
        }
    }

    /// <summary>
    /// Sends one command to the leader, and repeats it under its request id until a reply comes; null after the
    /// timeout.
    /// </summary>
    public async Task<ProductsReply?> ExecuteAsync(
        ProductsCommand command,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        ProductsRequest request = new()
        {
            RequestId = ByteString.CopyFrom(Guid.NewGuid().ToByteArray()),
            Command = command,
        };
        for (
            var until = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
            Environment.TickCount64 < until && !cancellationToken.IsCancellationRequested;

        )
        {
            var replica = _leader;
            try
            {
                return await _clients[replica].ExecuteAsync(request, null, Deadline(1), cancellationToken);
            }
            catch (RpcException e) when (e.StatusCode is not StatusCode.InvalidArgument)
            {
                Follow(e, replica);
                await Task.Delay(10, CancellationToken.None);
            }
        }

        return null;
    }

    /// <summary>One linearizable read at a replica; null where the replica cannot serve it now.</summary>
    public async Task<ItemReply?> GetAsync(int replica, string item, CancellationToken cancellationToken)
    {
        try
        {
            return await _clients[replica]
                .GetItemAsync(new ItemQuery { ItemId = item }, null, Deadline(2), cancellationToken);
        }
        catch (RpcException e) when (e.StatusCode is not StatusCode.InvalidArgument)
        {
            return null;
        }
    }

    /// <summary>One linearizable search at a replica.</summary>
    public async Task<ItemsReply> SearchAsync(int replica, SearchQuery query, CancellationToken cancellationToken) =>
        await _clients[replica].SearchAsync(query, null, Deadline(10), cancellationToken);

    public void Dispose()
    {
        Array.ForEach(_channels, c => c.Dispose());
        _processes.Dispose();
    }

    private static string LogName(int replica) => string.Create(CultureInfo.InvariantCulture, $"products-{replica}");

    private void Follow(RpcException refusal, int refused)
    {
        var named = refusal.Trailers.GetValue(ReplicaTrailers.Leader);
        _leader = named is not null ? int.Parse(named, CultureInfo.InvariantCulture) : (refused + 1) % Size;
    }

    private static DateTime Deadline(int seconds) => TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(seconds);
}
