using System.Diagnostics;
using System.Text.Json;
using Agora.Cluster;
using Agora.Launcher;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>A small marketplace with a faulty network between its processes, operated as a person does.</summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed class LabMarketplaceTests
{
    private static readonly ClusterFile s_small = ClusterFile.Default with
    {
        Web = new(),
        SellerServers = new() { Replicas = [.. ClusterFile.Default.SellerServers.Replicas.Take(2)] },
        BuyerServers = new() { Replicas = [.. ClusterFile.Default.BuyerServers.Replicas.Take(2)] },
        Customers = ClusterFile.Default.Customers with
        {
            Replicas = [.. ClusterFile.Default.Customers.Replicas.Take(3)],
        },
        Products = ClusterFile.Default.Products with { Replicas = [.. ClusterFile.Default.Products.Replicas.Take(3)] },
    };

    [Fact]
    public async Task With_5_percent_lost_and_10_ms_delay_trade_goes_on_a_cut_leader_is_replaced_and_the_books_balance()
    {
        await using InRelays relays = new();
        await relays.InitializeAsync();
        await relays.CommandAsync(
            "lab",
            "set",
            "--loss",
            "5%",
            "--delay",
            "10ms",
            "--jitter",
            "2ms",
            "--duplicate",
            "1%",
            "--reorder",
            "1%"
        );
        await using Traders traders = new(relays);
        await traders.StartAsync(sellers: 2, buyers: 2);
        await traders.GoOnAsync(purchases: 5, changes: 3);

        var leader = await RunningMarketplace.UntilAsync(
            "one leads",
            async () =>
                (await relays.StatusAsync()).Processes.Where(p => p.Role == "leader").Select(p => p.Name).ToArray()
                    is [var one]
                    ? one
                    : null
        );
        await relays.CommandAsync("lab", "cut", "products/leader");
        var cut = await relays.LabAsync();
        Assert.False(cut.Good);
        Assert.All(cut.Links, l => Assert.True(l.Cut && (l.From == leader || l.To == leader)));
        await traders.GoOnAsync(purchases: 5, changes: 3);

        // On so bad a network the new leader may itself be replaced soon.
        await RunningMarketplace.UntilAsync(
            "another leads",
            async () =>
                (await relays.StatusAsync()).Processes.FirstOrDefault(p => p.Role == "leader" && p.Name != leader)
        );

        await relays.CommandAsync("lab", "heal");
        await relays.CommandAsync("lab", "cut", "customers/0");
        var before = (await relays.LabAsync()).Totals.CutOff;
        await RunningMarketplace.UntilAsync(
            "the others' questions are lost",
            async () => (await relays.LabAsync()).Totals.CutOff > before + 20 ? relays : null
        );
        await relays.CommandAsync("lab", "heal");
        await traders.GoOnAsync(purchases: 5, changes: 3);
        await traders.StopAsync();

        var bad = await relays.LabAsync();
        Assert.All(
            [bad.Totals.Lost, bad.Totals.Doubled, bad.Totals.HeldBack, bad.Totals.CutOff],
            count => Assert.True(count > 0)
        );
        await relays.CommandAsync("lab", "heal", "--all");
        Assert.True((await relays.LabAsync()).Good);
        await relays.AllRunningAsync();
        await relays.Ledger.AuditAsync(() => traders.Seller(), () => traders.Buyer());
        await relays.ReplicasAgreeAsync();
    }

    [Fact]
    public async Task In_namespaces_TCP_loses_segments_and_nothing_is_left_behind_not_even_by_a_killed_supervisor()
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux()
                && Environment.IsPrivilegedProcess
                && await WorksAsync("ip", "netns", "list")
                && await WorksAsync("nft", "list", "tables"),
            "needs root, and the programs ip and nft"
        );
        InNamespaces marketplace = new();
        try
        {
            await marketplace.InitializeAsync();
            string[] before = [.. Spaces(marketplace)];
            await marketplace.CommandAsync("lab", "set", "--loss", "5%", "--delay", "2ms");
            await using (Traders traders = new(marketplace))
            {
                await traders.StartAsync(sellers: 1, buyers: 1);
                await traders.GoOnAsync(purchases: 5, changes: 3);
                await traders.StopAsync();
            }

            Assert.Equal(marketplace.Cluster.Processes().Count, before.Length);
            Assert.Contains(
                "drop",
                await OutputAsync("ip", "netns", "exec", before[0], "nft", "list", "ruleset"),
                StringComparison.Ordinal
            );

            using (var supervisor = Process.GetProcessById(new DataDirectory(marketplace.Data).Holder()!.Value))
            {
                supervisor.Kill();
                await supervisor.WaitForExitAsync(TestContext.Current.CancellationToken);
            }

            Assert.Equal(before.Length, Spaces(marketplace).Count());
            await marketplace.UpAsync();
            await marketplace.AllRunningAsync();
            await using Traders auditors = new(marketplace);
            await marketplace.Ledger.AuditAsync(() => auditors.Seller(), () => auditors.Buyer());
        }
        finally
        {
            await marketplace.DisposeAsync();
        }

        Assert.Empty(Spaces(marketplace));
    }

    // The namespaces of this marketplace; their names follow from its data directory.
    private static IEnumerable<string> Spaces(InNamespaces marketplace) =>
        Directory.Exists("/run/netns")
            ? Directory
                .GetFiles("/run/netns", LabNamespaces.PrefixOf(new DataDirectory(marketplace.Data)) + "-*")
                .Select(f => Path.GetFileName(f)!)
            : [];

    private static async Task<bool> WorksAsync(params string[] command)
    {
        try
        {
            await OutputAsync(command);
            return true;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return false;
        }
    }

    private static async Task<string> OutputAsync(params string[] command)
    {
        using var process = Process.Start(
            new ProcessStartInfo(command[0], command[1..])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException(await error);
    }

    /// <summary>Clients reach it through relays too.</summary>
    private class InRelays(string mode = "relays") : RunningMarketplace(s_small, $"--lab={mode}", "--lab-seed", "7")
    {
        public override ClusterFile Clients => ClusterFile.Load(Path.Combine(Data, "lab", "clients.json"));

        public async Task<LabStatus> LabAsync() =>
            JsonSerializer.Deserialize(await CommandAsync("lab", "status", "--json"), LabJson.Default.LabStatus)!;
    }

    private sealed class InNamespaces() : InRelays("namespaces");
}
