using System.Net;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Commands;
using Agora.Lab;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

/// <summary>The lab without its processes: the cluster file of each party, and what commands do to the links.</summary>
public sealed class LabControlTests : IAsyncDisposable
{
    private readonly Scratch _scratch = new();
    private readonly LabNetwork _lab;
    private readonly LabControl _control;

    public LabControlTests()
    {
        DataDirectory data = new(_scratch["data"]);
        Directory.CreateDirectory(data.Root);
        var cluster = ClusterFile.Default;
        _lab = LabNetwork.Start(
            cluster,
            [.. cluster.Processes().Where(ComponentHost.CanRun)],
            data,
            seed: 1,
            namespaces: null
        );
        _control = new LabControl(
            _lab,
            (component, which, _) => Task.FromResult((component, which) is ("products", "leader") ? "products/2" : null)
        );
    }

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _lab.DisposeAsync();
        _scratch.Dispose();
    }

    [Fact]
    public void Each_process_reaches_others_through_its_own_relays()
    {
        ClusterFile one = SeenBy("products-1"),
            other = SeenBy("products-2"),
            server = SeenBy("buyer-server-0"),
            clients = SeenBy("clients");

        Assert.Null(one.Products.Replicas[1].Via);
        Assert.All([0, 2, 3, 4], i => Assert.NotNull(one.Products.Replicas[i].Via));
        Assert.NotEqual(one.Products.Replicas[0].Via, other.Products.Replicas[0].Via);
        Assert.All(one.Customers.Replicas, r => Assert.Null(r.Via));
        Assert.All(
            server.Products.Replicas.Concat(server.Customers.Replicas),
            r => Assert.NotEqual(r.GrpcPort, r.Dial().GrpcPort)
        );
        Assert.NotNull(server.Payments.Replicas[0].Via);
        Assert.All(clients.SellerServers.Replicas.Concat(clients.BuyerServers.Replicas), r => Assert.NotNull(r.Via));
        Assert.All(
            SeenBy("customers-4").Customers.Replicas.Take(4),
            r => Assert.NotEqual(r.PeerPort, r.Dial().PeerPort)
        );

        // The replicas' own addresses stay the same, because replicas know each other by them.
        Assert.All(
            [one, other, server, clients],
            f =>
                Assert.Equal(
                    ClusterFile.Default.Processes().SelectMany(p => p.Endpoints),
                    f.Processes().SelectMany(p => p.Endpoints)
                )
        );

        ClusterFile SeenBy(string name) => ClusterFile.Load(Path.Combine(_scratch["data"], "lab", name + ".json"));
    }

    [Fact]
    public async Task What_is_set_holds_for_every_link_and_what_is_not_named_stays()
    {
        await _control.SetAsync(Change(loss: 0.05), CancellationToken);
        var answer = await _control.SetAsync(Change(delay: 10), CancellationToken);

        Assert.Equal(new ControlAnswer(true, "every link: 5% loss, 10 ms delay"), answer);
        Assert.All(
            _lab.Network.Links,
            l => Assert.Equal((0.05, 10), (l.Conditions.Loss, l.Conditions.Delay.TotalMilliseconds))
        );
        Assert.False(_control.Status().Good);
    }

    [Fact]
    public async Task Some_links_may_be_worse_than_the_others()
    {
        await _control.SetAsync(Change(delay: 10), CancellationToken);
        await _control.SetAsync(Change(loss: 0.3, on: ["customers/2"]), CancellationToken);

        Assert.All(
            _lab.Network.Links,
            l => Assert.Equal(l.From == "customers/2" || l.To == "customers/2" ? 0.3 : 0, l.Conditions.Loss)
        );
        Assert.All(_lab.Network.Links, l => Assert.Equal(10, l.Conditions.Delay.TotalMilliseconds));
        Assert.Contains("  but customers/2 (26 links): 30% loss, 10 ms delay", LabCommand.Describe(_control.Status()));
    }

    [Theory]
    [InlineData("products/leader", null, false, "products/2>*, *>products/2")]
    [InlineData(
        "customers/0,customers/1",
        "customers",
        false,
        "customers/0>customers/2..4, customers/1>customers/2..4, and back"
    )]
    [InlineData("products/1", "products/2", true, "products/1>products/2")]
    [InlineData("payments", null, true, "payments/0>*")]
    public async Task A_cut_is_between_those_named_and_all_others_or_only_some(
        string who,
        string? from,
        bool oneWay,
        string what
    )
    {
        LabCut cut = new(who.Split(','), from?.Split(','), oneWay, All: false);
        Func<Link, bool> expected = what switch
        {
            "products/2>*, *>products/2" => l => l.From == "products/2" || l.To == "products/2",
            "products/1>products/2" => l => (l.From, l.To) == ("products/1", "products/2"),
            "payments/0>*" => l => l.From == "payments/0",
            _ => l =>
                l.From.StartsWith("customers", StringComparison.Ordinal)
                && l.To.StartsWith("customers", StringComparison.Ordinal)
                && (l.From is "customers/0" or "customers/1" || l.To is "customers/0" or "customers/1"),
        };

        var answer = await _control.CutAsync(cut, CancellationToken);

        Assert.True(answer.Done, answer.Message);
        Assert.All(_lab.Network.Links, l => Assert.Equal(expected(l), l.IsCut));
        Assert.Equal(_lab.Network.Links.Count(expected), _control.Status().Links.Count(l => l.Cut));

        Assert.True((await _control.HealAsync(new LabCut(null, null, false, All: true), CancellationToken)).Done);
        Assert.True(_control.Status().Good);
        Assert.DoesNotContain(_lab.Network.Links, l => l.IsCut);
    }

    [Fact]
    public async Task Those_cut_off_together_still_reach_each_other()
    {
        await _control.CutAsync(new LabCut(["customers/0", "customers/1"], null, false, false), CancellationToken);

        Assert.False(_lab.Network.Between("customers/0", "customers/1").IsCut);
        Assert.True(_lab.Network.Between("customers/0", "customers/2").IsCut);
        Assert.True(_lab.Network.Between("buyer-server/3", "customers/1").IsCut);
    }

    [Fact]
    public async Task Healing_one_leaves_the_cuts_of_others_and_conditions_as_they_are()
    {
        await _control.SetAsync(Change(loss: 0.05), CancellationToken);
        await _control.CutAsync(new LabCut(["products/0", "products/1"], null, false, false), CancellationToken);
        await _control.HealAsync(new LabCut(["products/0"], null, false, false), CancellationToken);

        Assert.All(
            _lab.Network.Links.Where(l => l.From == "products/0" || l.To == "products/0"),
            l => Assert.False(l.IsCut)
        );
        Assert.True(_lab.Network.Between("products/1", "products/2").IsCut);
        Assert.All(_lab.Network.Links, l => Assert.Equal(0.05, l.Conditions.Loss));
    }

    [Fact]
    public async Task Unknown_parties_and_impossible_conditions_are_refused()
    {
        var e = await Assert.ThrowsAsync<CommandFailedException>(() =>
            _control.CutAsync(new LabCut(["products/7"], null, false, false), CancellationToken)
        );
        Assert.Contains(
            "there is no products/7 in the lab; there are web/0, payments/0, ",
            e.Message,
            StringComparison.Ordinal
        );

        Assert.False((await _control.SetAsync(Change(loss: 2), CancellationToken)).Done);
        Assert.False(
            (await _control.CutAsync(new LabCut(["payments/0"], ["customers/0"], false, false), CancellationToken)).Done
        );
        Assert.True(_control.Status().Good);
    }

    [Fact]
    public async Task A_relay_leads_to_the_process_that_it_stands_for()
    {
        using TcpListener target = new(IPAddress.Loopback, 0);
        target.Start();
        var port = ((IPEndPoint)target.LocalEndpoint).Port;
        var cluster = ClusterFile.Unreplicated with { Payments = new() { Replicas = [new() { Port = port }] } };
        DataDirectory data = new(_scratch["other"]);
        Directory.CreateDirectory(data.Root);
        await using var lab = LabNetwork.Start(
            cluster,
            [.. cluster.Processes().Where(ComponentHost.CanRun)],
            data,
            seed: 1,
            namespaces: null
        );
        var way = ClusterFile.Load(data.LabFileOf("buyer-server/0")).Payments.Replicas[0].Dial();

        using TcpClient client = new();
        await client.ConnectAsync(way.Host, way.Port, CancellationToken);
        using var accepted = await target.AcceptTcpClientAsync(CancellationToken);

        Assert.NotEqual(port, way.Port);
        Assert.True(accepted.Connected);
    }

    private static LabChange Change(double? loss = null, int? delay = null, string[]? on = null) =>
        new(loss, delay is { } ms ? TimeSpan.FromMilliseconds(ms) : null, null, null, null, null, null, null, null, on);
}
