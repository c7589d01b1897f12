using System.Text;
using Agora.Client;
using Agora.Cluster;
using Agora.Rest;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// "Neither a password, nor a token, nor a card number is ever logged, and no card detail is stored."
/// </summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed class LogTests
{
    private const string Password = "sentinel-of-a-password";
    private const string WrongPassword = "sentinel-of-a-wrong-password";
    private const string Cardholder = "Sentinel Cardholder";
    private const string CardNumber = "4000056655665556";
    private const string WrongCardNumber = "4000056655665557";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    /// <summary>One process of each kind logs all that it can about every call, failed calls included.</summary>
    [Fact]
    public async Task Nothing_secret_is_in_any_log_at_its_most_verbose_and_no_card_in_any_file()
    {
        var one = RunningMarketplace.OnFreePorts(ClusterFile.Unreplicated);
        await using var small = await RunningMarketplace.StartAnotherAsync(
            one,
            new() { ["AGORA_LOG_LEVEL"] = "Trace" }
        );

        // Three digits occur in every long number, so the test cannot search for the security code.
        List<string> secrets = [Password, WrongPassword, Cardholder, CardNumber, WrongCardNumber];
        using SellerClient seller = new(one.AddressesOf(one.SellerServers));
        using BuyerClient buyer = new(one.AddressesOf(one.BuyerServers));

        await seller.CreateAccountAsync("Sam", "sam", Password, cancellationToken: CancellationToken);
        await Assert.ThrowsAsync<AgoraException>(() =>
            seller.LoginAsync("sam", WrongPassword, cancellationToken: CancellationToken)
        );
        secrets.Add((await seller.LoginAsync("sam", Password, cancellationToken: CancellationToken)).Token);
        var item = (
            await seller.RegisterItemForSaleAsync(
                new()
                {
                    Name = "Bike",
                    Category = 1,
                    Condition = ItemCondition.New,
                    Price = 10,
                    Quantity = 50,
                },
                cancellationToken: CancellationToken
            )
        ).ItemId;
        await buyer.CreateAccountAsync("Bea", "bea", Password, cancellationToken: CancellationToken);
        secrets.Add((await buyer.LoginAsync("bea", Password, cancellationToken: CancellationToken)).Token);
        PurchaseRequest card = new()
        {
            CardholderName = Cardholder,
            CardNumber = CardNumber,
            ExpirationDate = "12/39",
            SecurityCode = "917",
        };
        for (var i = 0; i < 5; i++)
        {
            await buyer.AddItemToCartAsync(item, 1, cancellationToken: CancellationToken);
            await IgnoreRefusalAsync(buyer.MakePurchaseAsync(card, cancellationToken: CancellationToken));
        }

        await IgnoreRefusalAsync(
            buyer.MakePurchaseAsync(card with { CardNumber = WrongCardNumber }, cancellationToken: CancellationToken)
        );
        await seller.LogoutAsync(cancellationToken: CancellationToken);
        await Assert.ThrowsAsync<AgoraException>(() =>
            new BuyerClient(one.AddressesOf(one.BuyerServers)) { Token = secrets[^2] }.DisplayCartAsync(
                CancellationToken
            )
        );
        await small.CommandAsync("stop", "payments/0");
        await buyer.AddItemToCartAsync(item, 1, cancellationToken: CancellationToken);
        using (
            BuyerClient impatient = new(
                one.AddressesOf(one.BuyerServers),
                new ReplicaOptions { Deadline = TimeSpan.FromSeconds(5) }
            )
            {
                Token = buyer.Token,
            }
        )
        {
            await IgnoreRefusalAsync(impatient.MakePurchaseAsync(card, cancellationToken: CancellationToken));
        }

        await small.DownAsync();

        var logs = Read(Path.Combine(small.Data, "logs"));
        Assert.All(
            ["buyer-server-0.log", "seller-server-0.log", "payments-0.log", "customers-0.log", "products-0.log"],
            log => Assert.Contains("dbug: Microsoft.AspNetCore", logs[log], StringComparison.Ordinal)
        );
        foreach (var key in Directory.GetFiles(small.Secrets.Directory, "*.key"))
        {
            var bytes = File.ReadAllBytes(key);
            secrets.AddRange([
                .. Encoding
                    .Latin1.GetString(bytes)
                    .Split('\n')
                    .Where(line => line.Length > 20 && !line.StartsWith('-')),
                Convert.ToHexStringLower(bytes),
                Convert.ToBase64String(bytes),
            ]);
        }

        Assert.All(
            logs,
            log =>
                Assert.All(
                    secrets,
                    secret => Assert.DoesNotContain(secret, log.Value, StringComparison.OrdinalIgnoreCase)
                )
        );
        Assert.All(
            Read(small.Data),
            file =>
                Assert.All(
                    [Cardholder, CardNumber, WrongCardNumber, Password, .. secrets.Skip(5).Take(2)],
                    secret =>
                        Assert.False(
                            file.Value.Contains(secret, StringComparison.Ordinal),
                            $"{file.Key} holds {secret}"
                        )
                )
        );
    }

    private static Dictionary<string, string> Read(string directory) =>
        Directory
            .GetFiles(directory, "*", SearchOption.AllDirectories)
            .ToDictionary(
                file => Path.GetRelativePath(directory, file),
                file => Encoding.Latin1.GetString(File.ReadAllBytes(file))
            );

    private static async Task IgnoreRefusalAsync(Task call)
    {
        try
        {
            await call;
        }
        catch (AgoraException)
        {
            // The test only needs the logs of the call.
        }
    }
}
