using System.Text;
using Agora.Client;
using Agora.Contracts.Cluster;
using Xunit;

namespace Agora.Cluster.Tests;

/// <summary>"Neither a password, nor a token, nor a card number is ever logged, and no card detail is stored."</summary>
[Collection(Marketplace.OneAtATime)]
public sealed class LogTests
{
    private const string Password = "sentinel-of-a-password";
    private const string WrongPassword = "sentinel-of-a-wrong-password";
    private const string Cardholder = "Sentinel Cardholder";
    private const string CardNumber = "4000056655665556";
    private const string WrongCardNumber = "4000056655665557";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>One of each, saying all that they can say about every call, also about those that fail.</summary>
    [Fact]
    public async Task Nothing_secret_is_in_any_log_at_its_most_verbose_and_no_card_in_any_file()
    {
        ClusterFile one = Marketplace.OnFreePorts(ClusterFile.Unreplicated);
        await using Marketplace small = await Marketplace.StartAnotherAsync(one, new() { ["AGORA_LOG_LEVEL"] = "Trace" });
        // The three digits behind a card are in every number that is long enough, so they cannot be looked for.
        List<string> secrets = [Password, WrongPassword, Cardholder, CardNumber, WrongCardNumber];
        using SellerClient seller = new(one.AddressesOf(one.SellerServers));
        using BuyerClient buyer = new(one.AddressesOf(one.BuyerServers));

        await seller.CreateAccountAsync("Sam", "sam", Password, cancel: Cancel);
        await Assert.ThrowsAsync<AgoraException>(() => seller.LoginAsync("sam", WrongPassword, cancel: Cancel));
        secrets.Add((await seller.LoginAsync("sam", Password, cancel: Cancel)).Token);
        string item = (await seller.RegisterItemForSaleAsync(new() { Name = "Bike", Category = 1, Condition = ItemCondition.New, Price = 10, Quantity = 50 }, cancel: Cancel)).ItemId;
        await buyer.CreateAccountAsync("Bea", "bea", Password, cancel: Cancel);
        secrets.Add((await buyer.LoginAsync("bea", Password, cancel: Cancel)).Token);
        PurchaseRequest card = new() { CardholderName = Cardholder, CardNumber = CardNumber, ExpirationDate = "12/39", SecurityCode = "917" };
        for (int i = 0; i < 5; i++)
        {
            await buyer.AddItemToCartAsync(item, 1, cancel: Cancel);
            await IgnoreRefusalAsync(buyer.MakePurchaseAsync(card, cancel: Cancel));
        }
        await IgnoreRefusalAsync(buyer.MakePurchaseAsync(card with { CardNumber = WrongCardNumber }, cancel: Cancel));
        await seller.LogoutAsync(cancel: Cancel);
        await Assert.ThrowsAsync<AgoraException>(() => new BuyerClient(one.AddressesOf(one.BuyerServers)) { Token = secrets[^2] }.DisplayCartAsync(Cancel));
        await small.CommandAsync("stop", "payments/0");
        await buyer.AddItemToCartAsync(item, 1, cancel: Cancel);
        using (BuyerClient impatient = new(one.AddressesOf(one.BuyerServers), new ReplicaOptions { Deadline = TimeSpan.FromSeconds(5) }) { Token = buyer.Token })
        {
            await IgnoreRefusalAsync(impatient.MakePurchaseAsync(card, cancel: Cancel));
        }
        await small.DownAsync();

        Dictionary<string, string> logs = Read(Path.Combine(small.Data, "logs"));
        Assert.All(["buyer-server-0.log", "seller-server-0.log", "payments-0.log", "customers-0.log", "products-0.log"], log =>
            Assert.Contains("dbug: Microsoft.AspNetCore", logs[log], StringComparison.Ordinal));
        foreach (string key in Directory.GetFiles(small.Secrets.Directory, "*.key"))
        {
            byte[] bytes = File.ReadAllBytes(key);
            secrets.AddRange([.. Encoding.Latin1.GetString(bytes).Split('\n').Where(line => line.Length > 20 && !line.StartsWith('-')), Convert.ToHexStringLower(bytes), Convert.ToBase64String(bytes)]);
        }
        Assert.All(logs, log => Assert.All(secrets, secret => Assert.DoesNotContain(secret, log.Value, StringComparison.OrdinalIgnoreCase)));
        Assert.All(Read(small.Data), file => Assert.All([Cardholder, CardNumber, WrongCardNumber, Password, .. secrets.Skip(5).Take(2)], secret =>
            Assert.False(file.Value.Contains(secret, StringComparison.Ordinal), $"{file.Key} holds {secret}")));
    }

    private static Dictionary<string, string> Read(string directory) => Directory.GetFiles(directory, "*", SearchOption.AllDirectories)
        .ToDictionary(file => Path.GetRelativePath(directory, file), file => Encoding.Latin1.GetString(File.ReadAllBytes(file)));

    private static async Task IgnoreRefusalAsync(Task call)
    {
        try
        {
            await call;
        }
        catch (AgoraException)
        {
            // What is asked here is what is said about it elsewhere.
        }
    }
}
