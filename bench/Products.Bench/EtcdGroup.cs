using Agora.Products.Processes;
using Agora.Testing;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Products.Bench.Etcd;

namespace Products.Bench;

/// <summary>Five etcd nodes with their defaults, each a process of its own.</summary>
internal sealed class EtcdGroup : IDisposable
{
    private readonly ProcessGroup _processes = new();
    private readonly GrpcChannel[] _channels;
    private readonly KV.KVClient[] _clients;
    private int _leader;

    public EtcdGroup()
    {
        var ports = FreePorts.Take(2 * ProductsGroup.Size);
        var all = string.Join(
            ',',
            Enumerable.Range(0, ProductsGroup.Size).Select(i => $"e{i}=http://127.0.0.1:{ports[(2 * i) + 1]}")
        );
        for (var i = 0; i < ProductsGroup.Size; i++)
        {
            var (client, peer) = ($"http://127.0.0.1:{ports[2 * i]}", $"http://127.0.0.1:{ports[(2 * i) + 1]}");
            _processes.Start(
                $"etcd-{i}",
                "etcd",
                "--name",
                $"e{i}",
                "--data-dir",
                Path.Combine(_processes.Location, $"e{i}"),
                "--listen-client-urls",
                client,
                "--advertise-client-urls",
                client,
                "--listen-peer-urls",
                peer,
                "--initial-advertise-peer-urls",
                peer,
                "--initial-cluster",
                all,
                "--log-level",
                "error"
            );
        }

        _channels =
        [
            .. Enumerable
                .Range(0, ProductsGroup.Size)
                .Select(i => GrpcChannel.ForAddress($"http://127.0.0.1:{ports[2 * i]}")),
        ];
        _clients = [.. _channels.Select(c => new KV.KVClient(c))];
    }

    public ProcessGroup Processes => _processes;

    /// <summary>The name of the leader's process.</summary>
    public string Leader => $"etcd-{_leader}";

    /// <summary>Waits for a leader: writes go to it at once, as they do with ours.</summary>
    public async Task ReadyAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; ; i = (i + 1) % _channels.Length)
        {
            try
            {
                var status = await new Maintenance.MaintenanceClient(_channels[i]).StatusAsync(
                    new StatusRequest(),
                    cancellationToken: cancellationToken
                );
                if (status.Leader != 0 && status.Leader == status.Header.MemberId)
                {
                    _leader = i;
                    return;
                }
            }
            catch (RpcException) when (!cancellationToken.IsCancellationRequested)
            {
                // Not up yet.
            }

            await Task.Delay(50, cancellationToken);
        }
    }

    public async Task PutAsync(string key, ByteString value, CancellationToken cancellationToken) =>
        await _clients[_leader]
            .PutAsync(
                new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = value },
                cancellationToken: cancellationToken
            );

    public async Task GetAsync(int node, string key, CancellationToken cancellationToken) =>
        await _clients[node]
            .RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8(key) }, cancellationToken: cancellationToken);

    public void Dispose()
    {
        Array.ForEach(_channels, c => c.Dispose());
        _processes.Dispose();
    }
}
