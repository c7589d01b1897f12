using Agora.Backups;
using Agora.Cluster;
using Xunit;

namespace Agora.EndToEnd.Tests.Hosts;

/// <summary>
/// Every step of <c>docs/operations.md</c>, word for word, on five hosts that share nothing but a network. Users trade
/// all the time, and in the end everything that was acknowledged to them is there. Other than there, the users'
/// certificate has signed itself, and their requests are not limited.
/// </summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed class OperationsPageTests : IAsyncDisposable
{
    private const string LostHost = "10.88.0.5";
    private const string NewHost = "10.88.0.6";
    private const string ProgramName = "agora-program";

    // A tar.gz that deploy/package has made of an earlier version. The hosts begin with it, if it is given.
    private static readonly string? s_previousPackage = Environment.GetEnvironmentVariable("AGORA_PREVIOUS_PACKAGE")
        is { Length: > 0 } package
        ? package
        : null;

    private readonly OperationsPage _page = OperationsPage.Read(
        Path.Combine(RunningMarketplace.Root, "docs", "operations.md")
    );

    private readonly List<string> _addresses = ["10.88.0.1", "10.88.0.2", "10.88.0.3", "10.88.0.4", LostHost];
    private SeparateHosts? _hosts;

    private SeparateHosts Hosts => _hosts!;

    public async ValueTask DisposeAsync()
    {
        if (_hosts is not null)
        {
            await _hosts.DisposeAsync();
        }
    }

    [Fact]
    public async Task Five_empty_hosts_trade_are_saved_renewed_replaced_upgraded_and_restored()
    {
        Assert.SkipWhen(SeparateHosts.Obstacle is not null, SeparateHosts.Obstacle ?? "");
        _hosts = await SeparateHosts.MakeAsync();
        foreach (var address in _addresses.Append(NewHost))
        {
            await Hosts.AddAsync(address);
        }

        // The program that these tests have built is published in the same way.
        _ = _page.Take("publish");
        if (s_previousPackage is null)
        {
            PresentProgram();
        }
        else
        {
            await PreviousProgramAsync(s_previousPackage);
        }

        HostedMarketplace first = new(Hosts, "cluster");
        AcknowledgedTrade saved;
        await OperatorAsync("keys");
        await first.SuitTradersAsync([.. _addresses, NewHost]);
        await ForEachAsync("copy", _addresses);
        await NoHostHasAnothersKeysAsync();
        await StartAllAsync();
        await first.AllRunningAsync();
        await OperatorAsync("status");
        await OperatorAsync("seed");
        await MeasureAsync();
        await using (Traders traders = new(first))
        {
            await traders.StartAsync(sellers: 1, buyers: 2);
            await traders.GoOnAsync();

            saved = first.Ledger.Acknowledged();
            await OperatorAsync("back up");
            await traders.GoOnAsync();

            await OperatorAsync("renew");
            await ForEachAsync("copy keys", _addresses);
            await traders.GoOnAsync();

            await LoseAndReplaceAsync(first);
            await traders.GoOnAsync();

            if (s_previousPackage is not null)
            {
                PresentProgram();
            }

            await UpgradeAsync(first);
            await traders.GoOnAsync();

            await GoBackAsync(first, traders);
            await traders.GoOnAsync();

            await OnEachAsync("disk", _addresses);
            await traders.StopAsync();
            await first.AllRunningAsync();
            await first.Ledger.AuditAsync(() => traders.Seller(), () => traders.Buyer());
        }

        await first.ReplicasAgreeAsync();
        await RestoreAsync(saved);
        Assert.Empty(_page.Left);
    }

    // Nobody else trades yet, else the books would not balance.
    private async Task MeasureAsync()
    {
        var step = _page.Take("measure");
        if (s_previousPackage is not null)
        {
            // An earlier version does not know the option.
            return;
        }

        await Hosts.RunAsync(SeparateHosts.Operator, step);
        var report = Path.Combine(Hosts.OperatorDirectory, "measured", "report.md");
        Assert.Contains(
            "After every run the books balance.",
            await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
    }

    private async Task StartAllAsync()
    {
        await OnEachAsync("start databases", _addresses);
        await OnEachAsync("start servers", _addresses.Take(4));
        await OnAsync("start payments", 1);
        await OnAsync("start web", 0);
    }

    // Reads go on while the host is away; writes of customers wait for the new one.
    private async Task LoseAndReplaceAsync(HostedMarketplace marketplace)
    {
        await Hosts.LoseAsync(LostHost);
        await marketplace.UntilAsync(
            "the host is seen to be away, and products go on",
            status =>
                status.Processes.Any(p => p.Name == "customers/4" && p.State != ProcessState.Running)
                && status.Processes.Any(p => p.Role == "leader")
        );
        _addresses[4] = NewHost;
        await OperatorAsync("replace");
        await ForEachAsync("copy to the new host", [NewHost]);
        await OnAsync("start the new host", 4);
        string[] others = [.. _addresses.Take(4)];
        await ForEachAsync("copy the new file", others);
        for (var host = 0; host < others.Length; host++)
        {
            await OnAsync("restart replicas", host);
            await marketplace.ServesAsync($"products/{host}");
        }

        for (var host = 0; host < others.Length; host++)
        {
            await OnAsync("restart servers", host);
            await OnAsync("restart payments and web", host);
            await marketplace.ServesAsync($"seller-server/{host}");
            await marketplace.ServesAsync($"buyer-server/{host}");
        }

        await marketplace.AllRunningAsync();
    }

    private async Task UpgradeAsync(HostedMarketplace marketplace)
    {
        await ForEachAsync("upgrade copy", _addresses);
        await UpgradeDatabaseAsync(marketplace, Components.Products, _addresses.Count);
        if (s_previousPackage is not null)
        {
            await marketplace.UntilAsync(
                "the status says which process is of which build",
                status => status.MixedBuilds?.Contains("products/0", StringComparison.Ordinal) is true
            );
        }

        await UpgradeDatabaseAsync(marketplace, Components.Customers, _addresses.Count);
        await UpgradePaymentsAsync(marketplace);
        await UpgradeServersAsync(marketplace);
        Assert.Null((await marketplace.AllRunningAsync()).MixedBuilds);
    }

    // With one and the same program on all hosts, the replicas of one host are enough to take the step.
    private async Task GoBackAsync(HostedMarketplace marketplace, Traders traders)
    {
        if (s_previousPackage is null)
        {
            await ForEachAsync("way back", _addresses.Take(1));
            await UpgradeDatabaseAsync(marketplace, Components.Customers, hosts: 1);
            await UpgradeDatabaseAsync(marketplace, Components.Products, hosts: 1);
            return;
        }

        await ForEachAsync("way back", _addresses);
        await UpgradeServersAsync(marketplace);
        await UpgradePaymentsAsync(marketplace);
        await UpgradeDatabaseAsync(marketplace, Components.Customers, _addresses.Count);
        await UpgradeDatabaseAsync(marketplace, Components.Products, _addresses.Count);
        await marketplace.AllRunningAsync();
        await traders.GoOnAsync();
        await UpgradeAsync(marketplace);
    }

    private async Task UpgradeDatabaseAsync(HostedMarketplace marketplace, string database, int hosts)
    {
        for (var host = 0; host < hosts; host++)
        {
            await OnAsync($"upgrade {database}", host);
            await marketplace.ServesAsync($"{database}/{host}");
        }
    }

    private async Task UpgradePaymentsAsync(HostedMarketplace marketplace)
    {
        await OnAsync("upgrade payments", 1);
        await marketplace.ServesAsync("payments/0");
    }

    private async Task UpgradeServersAsync(HostedMarketplace marketplace)
    {
        for (var host = 0; host < 4; host++)
        {
            await OnAsync("upgrade servers", host);
            await marketplace.ServesAsync($"seller-server/{host}");
            await marketplace.ServesAsync($"buyer-server/{host}");
        }

        await OnAsync("upgrade web", 0);
        await marketplace.ServesAsync("web/0");
    }

    private async Task RestoreAsync(AcknowledgedTrade saved)
    {
        HostedMarketplace second = new(Hosts, "restored");
        await OnEachAsync("stop all", _addresses);
        await OperatorAsync("new keys");
        await second.SuitTradersAsync(_addresses);
        await ForEachAsync("copy back-up", _addresses);
        await OnEachAsync("restore", _addresses);
        await StartAllAsync();
        await second.AllRunningAsync();
        await using (Traders traders = new(second))
        {
            await saved.IsThereAsync(() => traders.Seller(), () => traders.Buyer());
            await traders.StartAsync(sellers: 1, buyers: 2);
            await traders.GoOnAsync();
            await traders.StopAsync();
            await second.Ledger.AuditAsync(() => traders.Seller(), () => traders.Buyer());
        }

        await second.ReplicasAgreeAsync();
        await Hosts.RunAsync(
            SeparateHosts.Operator,
            "agora backup checked --cluster restored/cluster.json && agora backup --verify checked"
        );
        Assert.Empty(BackupManifest.Read(Path.Combine(Hosts.OperatorDirectory, "checked")).Problems);
    }

    private async Task NoHostHasAnothersKeysAsync()
    {
        for (var host = 0; host < _addresses.Count; host++)
        {
            var keys = (await Hosts.RunAsync(_addresses[host], "ls /etc/agora/secrets")).Split(
                '\n',
                StringSplitOptions.RemoveEmptyEntries
            );
            Assert.Contains($"customers-{host}.key", keys);
            Assert.DoesNotContain("authority.key", keys);
            Assert.DoesNotContain("operator.key", keys);
            Assert.DoesNotContain($"customers-{(host + 1) % _addresses.Count}.key", keys);
        }
    }

    // In the place of the one that the operator has, if any.
    private void PresentProgram()
    {
        var built = new DirectoryInfo(Path.Combine(RunningMarketplace.Root, "artifacts", "agora", "current"));
        var target = new DirectoryInfo(Path.Combine(Hosts.OperatorDirectory, ProgramName));
        if (target.Exists)
        {
            target.Delete(recursive: true);
        }

        target.Create();
        foreach (var file in (built.ResolveLinkTarget(returnFinalTarget: true) as DirectoryInfo ?? built).GetFiles())
        {
            file.CopyTo(Path.Combine(target.FullName, file.Name));
        }
    }

    private Task<string> PreviousProgramAsync(string package) =>
        Hosts.RunAsync(
            SeparateHosts.Operator,
            $"""
            mkdir {ProgramName}
            tar -xzf "$PACKAGE" -C {ProgramName} --strip-components=3 --wildcards '*/lib/agora/*'
            """,
            ("PACKAGE", Path.GetFullPath(package))
        );

    private Task<string> OperatorAsync(string step) => Hosts.RunAsync(SeparateHosts.Operator, _page.Take(step));

    private async Task ForEachAsync(string step, IEnumerable<string> addresses)
    {
        foreach (var address in addresses)
        {
            await Hosts.RunAsync(SeparateHosts.Operator, _page.Take(step), ("HOST", address));
        }
    }

    private async Task OnEachAsync(string step, IEnumerable<string> addresses)
    {
        var count = addresses.Count();
        for (var host = 0; host < count; host++)
        {
            await OnAsync(step, host);
        }
    }

    private Task<string> OnAsync(string step, int host) =>
        Hosts.RunAsync(_addresses[host], _page.Take(step), ("N", $"{host}"));
}
