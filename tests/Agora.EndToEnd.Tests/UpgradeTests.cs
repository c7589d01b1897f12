using System.Formats.Tar;
using System.IO.Compression;
using Agora.Cluster;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// Data directories that earlier versions of the program wrote, one replica of each database: they open, or they are
/// refused with the reason and the way out. <c>Data/README.md</c> says how they were made and what is in them.
/// </summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed class UpgradeTests
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_data_directory_of_the_present_format_opens_and_trade_goes_on()
    {
        await using var marketplace = await PrepareAsync("format-6.tar.gz");
        await marketplace.InitializeAsync();
        await using Traders traders = new(marketplace);
        using var seller = traders.Seller();
        using var buyer = traders.Buyer();
        await seller.LoginAsync("sam", "correct-horse", cancellationToken: CancellationToken);
        await buyer.LoginAsync("bea", "correct-horse", cancellationToken: CancellationToken);

        var item = Assert.Single((await seller.DisplayItemsForSaleAsync(cancellationToken: CancellationToken)).Items);
        var before = Assert.Single(
            (await buyer.GetBuyerPurchasesAsync(cancellationToken: CancellationToken)).Purchases
        );
        Assert.Equal(("Bicycle", 4L, 1L), (item.Name, item.Quantity, item.Feedback.ThumbsUp));
        Assert.Equal(item.Id, Assert.Single(before.Lines).ItemId);

        await buyer.AddItemToCartAsync(item.Id, 2, cancellationToken: CancellationToken);
        await buyer.MakePurchaseAsync(
            new()
            {
                CardholderName = "Bea Buyer",
                CardNumber = "4111111111111111",
                ExpirationDate = "12/39",
                SecurityCode = "123",
            },
            cancellationToken: CancellationToken
        );
        Assert.Equal(2, (await seller.GetItemAsync(item.Id, CancellationToken)).Quantity);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task A_data_directory_of_another_format_is_refused_with_the_reason_and_the_way_out(int format)
    {
        await using var marketplace = await PrepareAsync($"format-{format}.tar.gz");

        var refusal = await marketplace.RunFailsAsync(Components.Customers, "0");

        Assert.Contains(
            $"state.db: is of format {format}, and this program reads 6. "
                + "Use the version of the program that wrote it, or begin empty elsewhere",
            refusal,
            StringComparison.Ordinal
        );
    }

    /// <summary>A marketplace that has not started, on what the archive holds and with new keys.</summary>
    private static async Task<RunningMarketplace> PrepareAsync(string archive)
    {
        var cluster = RunningMarketplace.OnFreePorts(ClusterFile.Unreplicated);
        cluster = cluster with { Payments = cluster.Payments with { ApprovalProbability = 1 } };
        var marketplace = RunningMarketplace.Another(cluster, []);
        await using (var file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Data", archive)))
        await using (GZipStream unpacked = new(file, CompressionMode.Decompress))
        {
            Directory.CreateDirectory(marketplace.Data);
            await TarFile.ExtractToDirectoryAsync(unpacked, marketplace.Data, overwriteFiles: false, CancellationToken);
        }

        await marketplace.Secrets.MakeAsync(cluster, DateTimeOffset.UtcNow, renew: false, CancellationToken);
        return marketplace;
    }
}
