using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Agora.Replication.Raft;
using Grpc.Core;
using Grpc.Net.Client;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>Who is let in at a replica's ports, and who is not.</summary>
public sealed class TlsTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();
    private ClusterSecrets _own = null!;
    private ClusterSecrets _foreign = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _own = await MakeAsync("own");
        _foreign = await MakeAsync("foreign");
    }

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_group_over_tls_elects_replicates_and_takes_a_restarted_replica_in_again()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, secrets: _own);
        Assert.Equal(1, await group.CountAsync("a"));
        await group.StopAsync(await group.LeaderAsync());
        Assert.Equal(2, await group.CountAsync("a"));
        await group.StartAllAsync();
        Assert.Equal(3, await group.CountAsync("a"));
        foreach (var replica in group.Running)
        {
            Assert.Equal(3, await group.ReadAsync(replica, "a"));
        }

        await group.EqualDigestsAsync();
    }

    [Theory]
    [InlineData("operator", true)]
    [InlineData("seller-server/0", true)]
    [InlineData("buyer-server/3", true)]
    [InlineData("products/1", true)]
    [InlineData("customers/1", true)]
    [InlineData("payments/0", false)]
    [InlineData("foreign operator", false)]
    [InlineData("nobody", false)]
    public async Task The_grpc_port_lets_in_only_those_who_may_call(string caller, bool allowed)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1, secrets: _own);
        using var channel = Channel(group.Definition.Replicas[0].GrpcPort, Tls(caller, "products/0"));
        Replica.ReplicaClient client = new(channel);

        if (allowed)
        {
            Assert.Equal(
                "raft",
                (
                    await client.GetStatusAsync(new StatusRequest(), deadline: Deadline(), cancellationToken: Cancel)
                ).Engine
            );
        }
        else
        {
            await Assert.ThrowsAsync<RpcException>(async () =>
                await client.GetStatusAsync(new StatusRequest(), deadline: Deadline(), cancellationToken: Cancel)
            );
        }
    }

    [Theory]
    [InlineData("operator", true)]
    [InlineData("seller-server/0", false)]
    [InlineData("buyer-server/0", false)]
    [InlineData("products/1", false)]
    [InlineData("customers/1", false)]
    public async Task A_caller_may_call_what_its_component_calls_and_nothing_else(string caller, bool allowed)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1, secrets: _own);
        using var channel = Channel(group.Definition.Replicas[0].GrpcPort, Tls(caller, "products/0"));
        Replica.ReplicaClient client = new(channel);

        var digest = client
            .GetDigestAsync(new DigestRequest(), deadline: Deadline(), cancellationToken: Cancel)
            .ResponseAsync;

        if (allowed)
        {
            Assert.Equal(64, (await digest).Digest.Length);
        }
        else
        {
            Assert.Equal(
                StatusCode.PermissionDenied,
                (await Assert.ThrowsAsync<RpcException>(() => digest)).StatusCode
            );
        }
    }

    [Theory]
    [InlineData("products/1", true)]
    [InlineData("seller-server/0", false)]
    [InlineData("operator", false)]
    [InlineData("customers/1", false)]
    public async Task Only_replicas_of_the_same_database_get_each_others_reports(string caller, bool allowed)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1, secrets: _own);
        using TcpClient tcp = new();
        await tcp.ConnectAsync(IPAddress.Loopback, group.Definition.Replicas[0].GrpcPort, Cancel);
        await using SslStream stream = new(tcp.GetStream());
        var tls = Tls(caller, "products/0");
        await stream.AuthenticateAsClientAsync(tls, Cancel);
        await stream.WriteAsync(ReportWire.PrefaceOf(group.Raft(0).Check.Mark), Cancel);

        Assert.Equal(allowed, !await EndsAsync(stream));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_replica_of_a_group_of_another_shape_gets_no_reports_no_state_and_no_votes(bool sameShape)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1, secrets: _own);
        var mark = new ReplicaOwner("", Group.Database, ReplicationEngine.Raft, 1, sameShape ? 1 : 3).Group;

        using TcpClient reports = new();
        await reports.ConnectAsync(IPAddress.Loopback, group.Definition.Replicas[0].GrpcPort, Cancel);
        await using SslStream stream = new(reports.GetStream());
        await stream.AuthenticateAsClientAsync(Tls("products/1", "products/0"), Cancel);
        await stream.WriteAsync(ReportWire.PrefaceOf(mark.ToString()), Cancel);
        Assert.Equal(sameShape, !await EndsAsync(stream));

        using var channel = Channel(group.Definition.Replicas[0].GrpcPort, Tls("products/1", "products/0"));
        using var call = new RaftPeer.RaftPeerClient(channel).FetchState(
            new FetchStateRequest(),
            new Metadata { { GroupCheck.Header, mark.ToString() } },
            Deadline(),
            Cancel
        );
        if (sameShape)
        {
            Assert.True(await call.ResponseStream.MoveNext(Cancel));
        }
        else
        {
            var refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancel));
            Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        }

        var raft = Tls("products/1", "products/0");
        raft.ApplicationProtocols = [new SslApplicationProtocol($"agora-raft/{mark}")];
        Assert.Equal(sameShape, await IsLetInAsync(group.Definition.Replicas[0].PeerPort, raft));
    }

    [Fact]
    public async Task A_renewed_certificate_is_shown_on_new_connections_at_both_ends_without_a_restart()
    {
        var process = ClusterFile.Default.Processes().Single(p => p.Name == "products/0");
        using var listens = _own.Of(process, TimeProvider.System.GetUtcNow());
        using var calls = _own.Of(
            ClusterFile.Default.Processes().Single(p => p.Name == "products/1"),
            TimeProvider.System.GetUtcNow()
        );
        var port = listens.ServerOptions(protocol: null, Components.Products);
        var towards = calls.ClientOptions(Components.Products, 0);
        var before = await HandshakeAsync(port, towards);
        Assert.Equal(before, await HandshakeAsync(port, towards));

        await _own.MakeAsync(ClusterFile.Default, TimeProvider.System.GetUtcNow(), renew: true, Cancel);
        Assert.Contains("in use", listens.Renew(), StringComparison.Ordinal);
        Assert.Contains("in use", calls.Renew(), StringComparison.Ordinal);
        Assert.Null(listens.Renew());

        var after = await HandshakeAsync(port, towards);
        Assert.NotEqual(before.Server, after.Server);
        Assert.NotEqual(before.Client, after.Client);
    }

    [Theory]
    [InlineData("products/1", true)]
    [InlineData("seller-server/0", false)]
    [InlineData("operator", false)]
    [InlineData("customers/1", false)]
    [InlineData("foreign products/1", false)]
    [InlineData("nobody", false)]
    public async Task The_raft_port_lets_in_only_replicas_of_the_same_database(string caller, bool allowed)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1, secrets: _own);

        Assert.Equal(allowed, await IsLetInAsync(group.Definition.Replicas[0].PeerPort, Tls(caller, "products/0")));
    }

    [Fact]
    public async Task Plain_text_is_answered_at_neither_port()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1, secrets: _own);
        using var channel = Channel(group.Definition.Replicas[0].GrpcPort, tls: null);

        await Assert.ThrowsAsync<RpcException>(async () =>
            await new Replica.ReplicaClient(channel).GetStatusAsync(
                new StatusRequest(),
                deadline: Deadline(),
                cancellationToken: Cancel
            )
        );
        using TcpClient raft = new();
        await raft.ConnectAsync(IPAddress.Loopback, group.Definition.Replicas[0].PeerPort, Cancel);
        await raft.GetStream().WriteAsync(new byte[64], Cancel);
        Assert.True(await EndsAsync(raft.GetStream()));
    }

    [Fact]
    public async Task A_caller_refuses_every_replica_but_the_one_that_it_asked_for()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1, secrets: _own);
        var port = group.Definition.Replicas[0].GrpcPort;

        foreach (
            var wrong in new[]
            {
                Tls("operator", "products/1"),
                Tls("operator", "customers/0"),
                Tls("foreign operator", "products/0"),
            }
        )
        {
            using var channel = Channel(port, wrong);
            await Assert.ThrowsAsync<RpcException>(async () =>
                await new Replica.ReplicaClient(channel).GetStatusAsync(
                    new StatusRequest(),
                    deadline: Deadline(),
                    cancellationToken: Cancel
                )
            );
        }
    }

    [Fact]
    public void What_the_connections_of_a_port_share_leaves_nothing_for_the_first_of_them_to_write()
    {
        // Kestrel fills in what is null, during the first handshakes: one in a thousand of them then
        // negotiated no HTTP/2.
        using var identity = _own.Of(
            ClusterFile.Default.Processes().Single(p => p.Name == "products/0"),
            TimeProvider.System.GetUtcNow()
        );
        Assert.Equal(
            [SslApplicationProtocol.Http2],
            identity.ServerOptions(SslApplicationProtocol.Http2, Components.SellerServer).ApplicationProtocols!
        );
        Assert.Empty(identity.ServerOptions(protocol: null, Components.Products).ApplicationProtocols!);
    }

    [Fact]
    public async Task A_replica_of_another_cluster_takes_no_part()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3, secrets: _own);
        await group.CountAsync("a");
        await group.StopAsync(2);
        await group.StartAsync(2, _foreign);

        Assert.Equal(2, await group.CountAsync("a", at: 0));
        Assert.Null(group.Replicator(2).Status.Leader);
        Assert.True(group.Store(2).Applied < group.Store(await group.LeaderAsync()).Applied);
    }

    /// <summary>What each end of a new connection shows the other.</summary>
    private static async Task<(string Server, string Client)> HandshakeAsync(
        SslServerAuthenticationOptions port,
        SslClientAuthenticationOptions towards
    )
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        using TcpClient caller = new();
        await caller.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Cancel);
        using var called = await listener.AcceptTcpClientAsync(Cancel);
        await using SslStream client = new(caller.GetStream()),
            server = new(called.GetStream());
        await Task.WhenAll(
            client.AuthenticateAsClientAsync(towards, Cancel),
            server.AuthenticateAsServerAsync(port, Cancel)
        );
        return (client.RemoteCertificate!.GetSerialNumberString(), server.RemoteCertificate!.GetSerialNumberString());
    }

    // With TLS 1.3 the caller's certificate is judged after its own handshake has ended: a refused caller finds the
    // connection closed.
    private static async Task<bool> IsLetInAsync(int port, SslClientAuthenticationOptions tls)
    {
        using TcpClient tcp = new();
        await tcp.ConnectAsync(IPAddress.Loopback, port, Cancel);
        await using SslStream stream = new(tcp.GetStream());
        try
        {
            await stream.AuthenticateAsClientAsync(tls, Cancel);
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            return false;
        }

        return !await EndsAsync(stream);
    }

    // A server that let us in waits for what we say.
    private static async Task<bool> EndsAsync(Stream stream)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        timeout.CancelAfter(TimeSpan.FromSeconds(3));
        try
        {
            return await stream.ReadAsync(new byte[1], timeout.Token) == 0;
        }
        catch (IOException)
        {
            return true;
        }
        catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
        {
            return false;
        }
    }

    private SslClientAuthenticationOptions Tls(string caller, string towards)
    {
        var target = towards.Split('/');
        if (caller == "nobody")
        {
            return new SslClientAuthenticationOptions
            {
                TargetHost = "x",
                RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
            };
        }

        var secrets = caller.StartsWith("foreign ", StringComparison.Ordinal) ? _foreign : _own;
        var name = caller.Replace("foreign ", "", StringComparison.Ordinal);
        var now = TimeProvider.System.GetUtcNow();
        var identity =
            name == ClusterSecrets.Operator
                ? secrets.OfOperator(now)!
                : secrets.Of(ClusterFile.Default.Processes().Single(p => p.Name == name), now);
        var options = identity.ClientOptions(target[0], int.Parse(target[1], provider: null));
        if (secrets == _foreign && towards == "products/0")
        {
            // It is the server that is to refuse.
            options.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null;
        }

        return options;
    }

    private async Task<ClusterSecrets> MakeAsync(string name)
    {
        ClusterSecrets secrets = new(_directory[name]);
        await secrets.MakeAsync(ClusterFile.Default, TimeProvider.System.GetUtcNow(), renew: false, Cancel);
        return secrets;
    }

    private static DateTime Deadline() => TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(10);

    private static GrpcChannel Channel(int port, SslClientAuthenticationOptions? tls) =>
        GrpcChannel.ForAddress(
            $"{(tls is null ? "http" : "https")}://127.0.0.1:{port}",
            new GrpcChannelOptions
            {
                HttpHandler = new SocketsHttpHandler { UseProxy = false, SslOptions = tls },
                DisposeHttpClient = true,
            }
        );
}
