using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Agora.Cluster;
using Agora.Launcher;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// All these tests share one marketplace of real processes; each finds it whole and leaves it whole. They share one
/// ledger too: each test must still find what the earlier ones wrote.
/// </summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed class MarketplaceTests(RunningMarketplace marketplace)
{
    [Fact]
    public async Task Every_process_of_the_file_is_up_and_shown_as_documented()
    {
        var status = await marketplace.AllRunningAsync();

        Assert.Equal(marketplace.Cluster.Processes().Select(p => p.Name), status.Processes.Select(p => p.Name));
        Assert.Equal(20, status.Processes.Select(p => p.Pid).Distinct().Count());
        Assert.All(status.Processes, p => Assert.True(p.MemoryBytes > 0));
        Assert.Single(status.Processes, p => p is { Component: Components.Products, Role: "leader" });
        Assert.Equal(4, status.Processes.Count(p => p is { Component: Components.Products, Role: "follower" }));
        Assert.All(
            status.Processes.Where(p => p.Component is Components.Customers or Components.Products),
            p => Assert.True(p.Applied is not null && p.Lag >= 0)
        );
        Assert.All(status.Processes, p => Assert.False(Process.GetProcessById(p.Pid!.Value).HasExited));
    }

    [Fact]
    public async Task A_process_killed_by_command_stays_dead_and_others_serve_until_it_is_started()
    {
        await marketplace.AllRunningAsync();

        await marketplace.CommandAsync("kill", "buyer-server/2");
        await marketplace.CommandAsync("kill", "products/follower");

        var status = await marketplace.StatusAsync();
        ProcessStatus[] dead = [.. status.Processes.Where(p => p.State == ProcessState.Killed)];
        Assert.Equal([Components.BuyerServer, Components.Products], dead.Select(p => p.Component));
        Assert.All(dead, p => Assert.Null(p.Pid));
        Assert.True(status.Ready);
        foreach (var process in dead)
        {
            await marketplace.CommandAsync("start", process.Name);
        }

        Assert.All(
            (await marketplace.AllRunningAsync()).Processes.Where(p => dead.Any(d => d.Name == p.Name)),
            p => Assert.Equal(0, p.Restarts - dead.Single(d => d.Name == p.Name).Restarts)
        );
    }

    [Fact]
    public async Task Killed_under_load_servers_follower_and_leader_cost_no_call_and_no_acknowledged_write()
    {
        var restarts = (await marketplace.AllRunningAsync()).Processes.Sum(p => p.Restarts);
        await using Traders traders = new(marketplace);
        await traders.StartAsync(sellers: 4, buyers: 4);
        await traders.GoOnAsync();

        foreach (var victim in new[] { "seller-server/0", "buyer-server/1", "products/follower", "products/leader" })
        {
            await marketplace.CommandAsync("kill", victim, "--restart");
            await traders.GoOnAsync();
        }

        await traders.StopAsync();
        Assert.Equal(restarts + 4, (await marketplace.AllRunningAsync()).Processes.Sum(p => p.Restarts));
        await marketplace.Ledger.AuditAsync(() => traders.Seller(), () => traders.Buyer());
        await marketplace.ReplicasAgreeAsync();
    }

    [Fact]
    public async Task With_three_products_replicas_dead_calls_answer_503_with_Retry_After_until_the_third_is_back()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await marketplace.AllRunningAsync();
        await using Traders traders = new(marketplace);
        using var seller = traders.Seller();
        await seller.CreateAccountAsync(
            "three dead",
            "threedead",
            Traders.Password,
            cancellationToken: cancellationToken
        );
        await seller.LoginAsync("threedead", Traders.Password, cancellationToken: cancellationToken);
        using HttpClient rest = new()
        {
            BaseAddress = Traders.Servers(marketplace.Clients.SellerServers).First(),
            Timeout = RunningMarketplace.Timeout,
        };
        var key = Guid.NewGuid().ToString();
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(HttpMethod.Get)).StatusCode);

        foreach (var replica in new[] { 0, 1, 2 })
        {
            await marketplace.CommandAsync("kill", $"products/{replica}");
        }

        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
        {
            using var refused = await SendAsync(method);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        }

        await marketplace.CommandAsync("start", "products/0");
        await RunningMarketplace.UntilAsync(
            "the write that was refused is done",
            async () => (await SendAsync(HttpMethod.Post)).IsSuccessStatusCode ? rest : null
        );
        Assert.Single((await seller.DisplayItemsForSaleAsync(cancellationToken: cancellationToken)).Items);
        await marketplace.CommandAsync("start", "products/1");
        await marketplace.CommandAsync("start", "products/2");
        await marketplace.AllRunningAsync();

        async Task<HttpResponseMessage> SendAsync(HttpMethod method)
        {
            using HttpRequestMessage request = new(method, "/items");
            request.Headers.Authorization = new("Bearer", seller.Token);
            if (method == HttpMethod.Post)
            {
                request.Headers.Add("Idempotency-Key", key);
                request.Content = JsonContent.Create(
                    new
                    {
                        name = "thing",
                        category = 99,
                        keywords = Array.Empty<string>(),
                        condition = "new",
                        price = 1,
                        quantity = 1,
                    }
                );
            }

            return await rest.SendAsync(request, cancellationToken);
        }
    }

    [Fact]
    public async Task A_customers_replica_that_is_killed_comes_back_and_service_resumes_with_nothing_lost()
    {
        await marketplace.AllRunningAsync();
        await using Traders traders = new(marketplace);
        await traders.StartAsync(sellers: 2, buyers: 2);
        await traders.GoOnAsync(purchases: 5, changes: 2);

        await marketplace.CommandAsync("kill", "customers/2", "--restart");
        await traders.GoOnAsync();

        await traders.StopAsync();
        await marketplace.AllRunningAsync();
        await marketplace.Ledger.AuditAsync(() => traders.Seller(), () => traders.Buyer());
        await marketplace.ReplicasAgreeAsync();
    }

    [Fact]
    public async Task After_down_and_up_everything_is_still_there()
    {
        await TradeAsync();

        await marketplace.DownAsync();
        Assert.All((await marketplace.StatusAsync()).Processes, p => Assert.Equal(ProcessState.Unreachable, p.State));
        await marketplace.UpAsync();

        await using Traders traders = new(marketplace);
        await marketplace.Ledger.AuditAsync(() => traders.Seller(), () => traders.Buyer());
        await marketplace.ReplicasAgreeAsync();
    }

    [Fact]
    public async Task After_kill_9_of_all_processes_at_once_every_acknowledged_write_is_there()
    {
        await TradeAsync();
        var status = await marketplace.AllRunningAsync();
        DataDirectory data = new(marketplace.Data);
        using var supervisor = Process.GetProcessById(data.Holder()!.Value);

        // The supervisor first, because it would restart the others. One command, so that no process has time to end in
        // order.
        using (
            var kill = Process.Start(
                "kill",
                [
                    "-9",
                    .. new[] { supervisor.Id }
                        .Concat(status.Processes.Select(p => p.Pid!.Value))
                        .Select(pid => $"{pid}"),
                ]
            )
        )
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await supervisor.WaitForExitAsync(TestContext.Current.CancellationToken);
        await marketplace.UpAsync();

        await using Traders traders = new(marketplace);
        await marketplace.Ledger.AuditAsync(() => traders.Seller(), () => traders.Buyer());
        await marketplace.ReplicasAgreeAsync();
    }

    [Fact]
    public async Task A_killed_supervisor_leaves_nothing_that_blocks_the_next_one()
    {
        var before = await marketplace.AllRunningAsync();
        using (var supervisor = Process.GetProcessById(new DataDirectory(marketplace.Data).Holder()!.Value))
        {
            supervisor.Kill();
            await supervisor.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await marketplace.UpAsync();

        var after = await marketplace.AllRunningAsync();
        Assert.Empty(before.Processes.Select(p => p.Pid).Intersect(after.Processes.Select(p => p.Pid)));
        Assert.All(after.Processes, p => Assert.Equal(0, p.Restarts));
    }

    private async Task TradeAsync()
    {
        await marketplace.AllRunningAsync();
        await using Traders traders = new(marketplace);
        await traders.StartAsync(sellers: 1, buyers: 2);
        await traders.GoOnAsync(purchases: 5, changes: 2);
        await traders.StopAsync();
    }
}
