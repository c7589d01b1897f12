using System.Collections.Concurrent;
using System.Net.Sockets;
using Agora.Contracts.Cluster;
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
        CancellationToken cancel = TestContext.Current.CancellationToken;
        ConcurrentDictionary<int, bool> asked = [];
        TaskCompletionSource all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using WebApplication servers = await ServersAsync(async context =>
        {
            if (context.Request.Path == "/health/ready")
            {
                asked[context.Connection.LocalPort] = true;
                if (asked.Count == Servers)
                {
                    all.TrySetResult();
                }
                // As long as not all are asked, none answers: whoever asks one after the other never comes to the second.
                await all.Task.WaitAsync(context.RequestAborted);
                context.Response.StatusCode = 503;
            }
        });
        ClusterProcess[] processes = [.. servers.Urls.Select((url, i) =>
            new ClusterProcess(Components.BuyerServer, i, "127.0.0.1", [new("http", "", "127.0.0.1", new Uri(url).Port, ProtocolType.Tcp)]))];
        using ClusterProbe probe = new(identity: null, deadline: TimeSpan.FromMinutes(1));

        Task<ClusterStatus> status = probe.StatusAsync(processes, _ => null, brief: false, cancel);

        await Task.WhenAny(all.Task, Task.Delay(TimeSpan.FromSeconds(30), cancel));
        Assert.Equal(Servers, asked.Count);
        Assert.False((await status).Ready);
    }

    private static async Task<WebApplication> ServersAsync(RequestDelegate answer)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls([.. Enumerable.Repeat("http://127.0.0.1:0", Servers)]);
        WebApplication servers = builder.Build();
        servers.Run(answer);
        await servers.StartAsync(TestContext.Current.CancellationToken);
        return servers;
    }
}
