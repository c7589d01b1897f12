using System.Text.Json;
using Agora.Backups;
using Agora.Cluster;
using Agora.Replication;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// A marketplace that trades is copied, and another one of another size goes on from the copy.
/// </summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed class BackupTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agora-backups-").FullName;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task After_the_loss_of_everything_three_replicas_go_on_from_a_backup_that_was_made_under_load()
    {
        var backup = Path.Combine(_directory, "first");
        AcknowledgedTrade before;
        var lost = RunningMarketplace.OnFreePorts(Shape(replicas: 5));
        await using (var marketplace = await RunningMarketplace.StartAnotherAsync(lost, []))
        {
            await using Traders traders = new(marketplace);
            await traders.StartAsync(sellers: 3, buyers: 5);
            await traders.GoOnAsync();
            before = marketplace.Ledger.Acknowledged();
            await marketplace.CommandAsync("backup", backup);
            await traders.GoOnAsync();
            await traders.StopAsync();
            await marketplace.KillAllAsync();
        }

        var manifest = BackupManifest.Read(backup);
        Assert.Empty(manifest.Problems);
        await using var restored = RunningMarketplace.Another(RunningMarketplace.OnFreePorts(Shape(replicas: 3)), []);
        await restored.RestoreAsync(backup);
        for (var replica = 0; replica < 3; replica++)
        {
            Assert.Equal(manifest.Customers.State, DigestOf(restored, Components.Customers, replica));
            Assert.Equal(manifest.Products.State, DigestOf(restored, Components.Products, replica));
        }

        await restored.InitializeAsync();
        await restored.AllRunningAsync();
        await using (Traders traders = new(restored))
        {
            await before.IsThereAsync(() => traders.Seller(), () => traders.Buyer());
            await traders.StartAsync(sellers: 2, buyers: 2);
            await traders.GoOnAsync();
            await traders.StopAsync();
            await restored.Ledger.AuditAsync(() => traders.Seller(), () => traders.Buyer());
        }

        await restored.ReplicasAgreeAsync();
        await BooksBalanceAsync(restored);
    }

    // Every book against every other, of old trade and new: units, purchases, charges, votes.
    private async Task BooksBalanceAsync(RunningMarketplace marketplace)
    {
        var number = 0;
        await RunningMarketplace.UntilAsync(
            "every purchase is settled, and the books balance",
            async () =>
            {
                var backup = Path.Combine(_directory, $"check-{++number}");
                var made = JsonSerializer.Deserialize(
                    await marketplace.CommandAsync("backup", backup, "--json"),
                    BackupJson.Default.BackupManifest
                )!;
                Assert.Empty(made.Problems);
                Assert.Equal(new UndoneWork(0, 0, 0, 0), made.Undone);
                using Microsoft.Data.Sqlite.SqliteConnection products = new(
                    $"Data Source={Path.Combine(backup, made.Products.File)};Mode=ReadOnly;Pooling=False"
                );
                await products.OpenAsync(CancellationToken);
                using var open = products.CreateCommand();
                open.CommandText = "SELECT count(*) FROM reservation WHERE state = 0";
                return (long)(await open.ExecuteScalarAsync(CancellationToken))! == 0 ? this : null;
            }
        );
    }

    private static StateDigest DigestOf(RunningMarketplace marketplace, string component, int replica) =>
        DatabaseCopy.DigestOf(Path.Combine(marketplace.Data, $"{component}-{replica}", "state.db"));

    private static ClusterFile Shape(int replicas) =>
        ClusterFile.Default with
        {
            Web = new() { Replicas = [] },
            SellerServers = new() { Replicas = [.. ClusterFile.Default.SellerServers.Replicas.Take(2)] },
            BuyerServers = new() { Replicas = [.. ClusterFile.Default.BuyerServers.Replicas.Take(2)] },
            Customers = ClusterFile.Default.Customers with
            {
                Replicas = [.. ClusterFile.Default.Customers.Replicas.Take(replicas)],
            },
            Products = ClusterFile.Default.Products with
            {
                Replicas = [.. ClusterFile.Default.Products.Replicas.Take(replicas)],
            },
        };
}
