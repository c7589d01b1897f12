using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Agora.Launcher;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Agora.Tests;

public sealed class ClusterProbeTests
{
    private const int Servers = 3;

    [Fact]
    public async Task All_servers_of_a_kind_are_asked_whether_they_are_ready_before_any_has_answered()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        ConcurrentDictionary<int, bool> asked = [];
        TaskCompletionSource all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var servers = await ServersAsync(async context =>
        {
            if (context.Request.Path == "/health/ready")
            {
                asked[context.Connection.LocalPort] = true;
                if (asked.Count == Servers)
                {
                    all.TrySetResult();
                }

                // None answers until all are asked. A probe that asks one after the other never gets to the second.
                await all.Task.WaitAsync(context.RequestAborted);
                context.Response.StatusCode = 503;
            }
        });
        ClusterProcess[] processes =
        [
            .. servers.Urls.Select(
                (url, i) =>
                    new ClusterProcess(
                        Components.BuyerServer,
                        i,
                        "127.0.0.1",
                        [new("http", "", "127.0.0.1", new Uri(url).Port, ProtocolType.Tcp)]
                    )
            ),
        ];
        using ClusterProbe probe = new(identity: null, deadline: TimeSpan.FromMinutes(1));

        var status = probe.StatusAsync(processes, _ => null, brief: false, cancellationToken);

        await Task.WhenAny(all.Task, Task.Delay(TimeSpan.FromSeconds(30), cancellationToken));
        Assert.Equal(Servers, asked.Count);
        Assert.False((await status).Ready);
    }

    [Fact]
    public async Task The_reason_why_a_server_is_not_ready_is_shown_in_its_own_words()
    {
        await using var servers = await ServersAsync(async context =>
        {
            if (context.Request.Path == "/health/ready")
            {
                context.Response.StatusCode = 503;
                await context.Response.WriteAsync(
                    """{"detail":"The customers database, for writes, cannot be reached now."}"""
                );
            }
        });
        using ClusterProbe probe = new(identity: null, deadline: TimeSpan.FromMinutes(1));

        var status = await probe.StatusAsync(
            [Process(Components.BuyerServer, 0, servers)],
            _ => null,
            brief: false,
            TestContext.Current.CancellationToken
        );

        Assert.False(status.Ready);
        Assert.Equal(
            ["buyer-server: none is ready: The customers database, for writes, cannot be reached now."],
            status.Missing
        );
    }

    [Fact]
    public async Task One_ready_server_of_each_kind_is_enough_and_one_is_needed()
    {
        var asked = 0;
        await using var servers = await ServersAsync(context =>
        {
            context.Response.StatusCode =
                context.Request.Path != "/health/ready" || Interlocked.Increment(ref asked) == 2 ? 200 : 503;
            return Task.CompletedTask;
        });
        using ClusterProbe probe = new(identity: null, deadline: TimeSpan.FromMinutes(1));
        ClusterProcess[] buyers =
        [
            Process(Components.BuyerServer, 0, servers),
            Process(Components.BuyerServer, 1, servers),
        ];

        Assert.True(
            (await probe.StatusAsync(buyers, _ => null, brief: false, TestContext.Current.CancellationToken)).Ready
        );
        var absent = Scratch.Process(Components.SellerServer);
        var status = await probe.StatusAsync([absent], _ => null, brief: false, TestContext.Current.CancellationToken);
        Assert.Equal(["seller-server: none answers"], status.Missing);

        // So much a brief status says too.
        status = await probe.StatusAsync([absent], _ => null, brief: true, TestContext.Current.CancellationToken);
        Assert.Equal(["seller-server: none answers"], status.Missing);
        Assert.False(status.Ready);
    }

    [Theory]
    [InlineData("0.2.0+bb", "0.2.0+bb")]
    [InlineData("", null)]
    [InlineData(null, null)]
    public async Task A_server_tells_its_build_at_its_port_for_operators(string? told, string? build)
    {
        var operators = 0;
        await using var servers = await ServersAsync(context =>
        {
            // Asked at the users' port it tells nothing.
            if (context.Connection.LocalPort == operators && told is not null)
            {
                context.Response.Headers[ProgramBuild.Header] = told;
            }

            return Task.CompletedTask;
        });
        operators = new Uri(servers.Urls.ElementAt(1)).Port;
        using ClusterProbe probe = new(identity: null, deadline: TimeSpan.FromMinutes(1));
        var process = Process(Components.BuyerServer, 0, servers) with
        {
            Operators = new("http", "", "127.0.0.1", operators, ProtocolType.Tcp),
        };

        var status = await probe.StatusAsync(
            [process, Process(Components.BuyerServer, 0, servers)],
            _ => null,
            brief: false,
            TestContext.Current.CancellationToken
        );

        Assert.Equal([build, null], status.Processes.Select(p => p.Build));
    }

    [Fact]
    public async Task A_cancelled_question_to_a_database_throws_that_it_was_cancelled()
    {
        using TcpListener silent = new(IPAddress.Loopback, 0);
        silent.Start();
        using Scratch scratch = new();
        ClusterSecrets secrets = new(scratch["secrets"]);
        await secrets.MakeAsync(
            ClusterFile.Unreplicated,
            TimeProvider.System.GetUtcNow(),
            renew: false,
            TestContext.Current.CancellationToken
        );
        using var identity = secrets.OfOperator(TimeProvider.System.GetUtcNow())!;
        using ClusterProbe probe = new(identity, deadline: TimeSpan.FromMinutes(1));
        ClusterProcess replica = new(
            Components.Products,
            0,
            "127.0.0.1",
            [new("grpc", "", "127.0.0.1", ((IPEndPoint)silent.LocalEndpoint).Port, ProtocolType.Tcp)]
        );
        using CancellationTokenSource ending = new();
        var status = probe.StatusAsync([replica], _ => null, brief: false, ending.Token);
        using var asked = await silent.AcceptTcpClientAsync(TestContext.Current.CancellationToken);

        await ending.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => status);
    }

    // r: answers and is ready; u: answers and is not ready; -: does not answer.
    [Fact]
    public void A_database_waits_for_a_replica_that_joins() =>
        Assert.Equal(
            "customers: writes wait for customers/1, which joins: waits for members 0",
            ClusterProbe.MissingIn(
                Components.Customers,
                [
                    .. Enumerable
                        .Range(0, 3)
                        .Select(i =>
                            (
                                Scratch.Process(Components.Customers, i),
                                new ProbeAnswer(
                                    true,
                                    new StatusReply
                                    {
                                        Engine = "rotating-sequencer",
                                        Ready = false,
                                        Details = new ReplicaDetails
                                        {
                                            Joining =
                                                i == 1 ? new JoiningStatus { Reason = "waits for members 0" } : null,
                                        },
                                    }
                                )
                            )
                        ),
                ]
            )
        );

    [Theory]
    [InlineData("rotating-sequencer", "rrrrr", null)]
    [InlineData(
        "rotating-sequencer",
        "rruru",
        "customers: writes wait until every replica hears all others; not yet customers/2, customers/4"
    )]
    [InlineData("rotating-sequencer", "uu-uu", "customers: writes wait for customers/2")]
    [InlineData("rotating-sequencer", "rr-r-", "customers: writes wait for customers/2, customers/4")]
    [InlineData(
        "rotating-sequencer",
        "u---u",
        "customers: reads and writes wait for a majority; customers/1, customers/2, customers/3 do not answer"
    )]
    [InlineData(
        "rotating-sequencer",
        "-----",
        "customers: reads and writes wait for a majority; "
            + "customers/0, customers/1, customers/2, customers/3, customers/4 do not answer"
    )]
    [InlineData("raft", "rrr--", null)]
    [InlineData("raft", "ruurr", null)]
    [InlineData("raft", "uuuuu", "customers: reads and writes wait for a leader to be elected")]
    [InlineData(
        "raft",
        "rr---",
        "customers: reads and writes wait for a majority; customers/2, customers/3, customers/4 do not answer"
    )]
    public void What_a_database_waits_for_is_what_its_replicas_say(string engine, string replicas, string? missing) =>
        Assert.Equal(
            missing,
            ClusterProbe.MissingIn(
                Components.Customers,
                [
                    .. replicas.Select(
                        (r, i) =>
                            (
                                Scratch.Process(Components.Customers, i),
                                r == '-'
                                    ? default
                                    : new ProbeAnswer(true, new StatusReply { Engine = engine, Ready = r == 'r' })
                            )
                    ),
                ]
            )
        );

    private static ClusterProcess Process(string component, int replica, WebApplication servers) =>
        new(
            component,
            replica,
            "127.0.0.1",
            [new("http", "", "127.0.0.1", new Uri(servers.Urls.ElementAt(replica)).Port, ProtocolType.Tcp)]
        );

    private static async Task<WebApplication> ServersAsync(RequestDelegate answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls([.. Enumerable.Repeat("http://127.0.0.1:0", Servers)]);
        var servers = builder.Build();
        servers.Run(answer);
        await servers.StartAsync(TestContext.Current.CancellationToken);
        return servers;
    }
}
