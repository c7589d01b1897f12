using System.Net;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Grpc.Core;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>Calls to a host that is gone without a word: no packet says that its connections are over.</summary>
public sealed class DeadConnectionTests
{
    // An empty SETTINGS frame of HTTP/2, which every server begins with.
    private static readonly byte[] s_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_channel_gives_up_a_connection_on_which_nothing_is_answered_and_connects_anew()
    {
        using TcpListener host = new(IPAddress.Loopback, 0);
        host.Start();
        using var channel = ReplicaChannel.Open(
            new DatabaseAddress { GrpcPort = ((IPEndPoint)host.LocalEndpoint).Port },
            tls: null
        );
        Replica.ReplicaClient replica = new(channel);
        List<Socket> connections = [];
        try
        {
            // The channel may connect once to see whether it can, and then again for its calls.
            var calling = CallAsync(replica);
            connections.Add(await AcceptAsync(host));
            await calling;
            while (host.Pending())
            {
                connections.Add(await AcceptAsync(host));
            }

            var later = AcceptAsync(host);
            await Group.EventuallyAsync(async () =>
            {
                await CallAsync(replica);
                return later.IsCompleted ? true : (bool?)null;
            });
            connections.Add(await later);
        }
        finally
        {
            connections.ForEach(connection => connection.Dispose());
        }
    }

    private static async Task<Socket> AcceptAsync(TcpListener host)
    {
        var connection = await host.AcceptSocketAsync(Cancel);
        await connection.SendAsync(s_settings, Cancel);
        return connection;
    }

    private static async Task CallAsync(Replica.ReplicaClient replica) =>
        await Assert.ThrowsAsync<RpcException>(async () =>
            await replica.GetStatusAsync(
                new StatusRequest(),
                deadline: DateTime.UtcNow.AddMilliseconds(500),
                cancellationToken: Cancel
            )
        );
}
