using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using Agora.Client;
using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Payments;
using Agora.Contracts.Products;
using Agora.Payments;
using Agora.Rest;
using Agora.Servers;
using Google.Protobuf;
using Grpc.Core;
using Xunit;
using CustomersClient = Agora.Contracts.Customers.Customers.CustomersClient;
using ProductsClient = Agora.Contracts.Products.Products.ProductsClient;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// "Whatever fails on the way — a server, a replica, the leader, the payment service, at any point between any two
/// steps — ends within a bounded time in one of two states: bought and charged, or not bought and not charged with the
/// units back on sale."
/// </summary>
/// <remarks>
/// Buyer servers stop themselves at the step that a test asks for (<see cref="PurchaseStops"/>). There they, or other
/// processes, are killed.
/// </remarks>
[Collection(RunningMarketplace.OneAtATime)]
public sealed class PurchaseCrashTests(RunningMarketplace marketplace)
{
    private const int Category = 8;
    private const int Units = 3;
    private const int Wanted = 2;
    private const decimal Price = 12.50m;

    private static int s_people;

    /// <summary>
    /// Every point between two steps of a purchase, for each of its possible ends; four at a time, one for each buyer
    /// server.
    /// </summary>
    private static readonly StopPoint[] s_points =
    [
        new(PurchaseWay.Approved, PurchaseStops.Checkout),
        new(PurchaseWay.Approved, "Reserve"),
        new(PurchaseWay.Approved, "Charge"),
        new(PurchaseWay.Approved, nameof(CompletePurchase)),
        new(PurchaseWay.Approved, PurchaseStops.Answer),
        new(PurchaseWay.Approved, "Confirm"),
        new(PurchaseWay.Declined, "Charge"),
        new(PurchaseWay.Declined, nameof(AbandonPurchase)),
        new(PurchaseWay.Declined, "Release"),
        new(PurchaseWay.Declined, PurchaseStops.Answer),
        new(PurchaseWay.OutOfStock, nameof(AbandonPurchase)),
        new(PurchaseWay.OutOfStock, PurchaseStops.Answer),
    ];

    /// <summary>
    /// Before these steps nothing has been decided, so a later call under the same key is a first one.
    /// </summary>
    private static readonly string[] s_beforeAnything = [PurchaseStops.Checkout, "Reserve"];

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("the driver", true)]
    [InlineData("the driver", false)]
    [InlineData("products/leader", true)]
    [InlineData("customers/1", true)]
    [InlineData("payments/0", true)]
    public async Task Whatever_dies_between_any_two_steps_a_purchase_ends_bought_and_charged_or_neither(
        string victim,
        bool userGoesOn
    )
    {
        using var seller = await NewSellerAsync();
        List<PurchaseAttempt> attempts = [];
        foreach (var batch in s_points.Chunk(4))
        {
            var status = await RunningMarketplace.UntilAsync(
                "the products database has a leader again",
                async () => await marketplace.AllRunningAsync() is var all && all.Processes.Any(IsLeader) ? all : null
            );
            var four = await Task.WhenAll(batch.Select((point, server) => PrepareAsync(seller, point, server)));
            attempts.AddRange(four);
            int[] drivers = [.. Enumerable.Range(0, 4).Select(i => Pid(status, p => p.Name == $"buyer-server/{i}"))];
            var dead = victim switch
            {
                "the driver" => drivers,
                "products/leader" => [Pid(status, IsLeader)],
                _ => [Pid(status, p => p.Name == victim)],
            };
            foreach (var attempt in four)
            {
                attempt.Begin();
            }

            await RunningMarketplace.UntilAsync(
                "each buyer server has stopped itself at its step",
                () => Task.FromResult(drivers.All(IsStopped) ? drivers : null)
            );
            if (!userGoesOn)
            {
                await Task.WhenAll(four.Select(a => a.GiveUpAsync()));
            }

            await SignalAsync("KILL", dead);
            await SignalAsync("CONT", [.. drivers.Except(dead)]);
        }

        await marketplace.AllRunningAsync();

        await Task.WhenAll(attempts.Select(a => a.Answered));
        await SettledAsync();
        var charges = await ChargesAsync();
        using var channel = marketplace.Channel(Components.Customers, 0);
        CustomersClient customers = new(channel);
        List<string> ends = [];
        foreach (var attempt in attempts)
        {
            ends.Add($"{attempt.Point}: {await EndAsync(attempt, charges, customers)}");
        }

        Assert.All(ends, end => Assert.Matches(": (bought and charged|neither), (answered so|not answered)$", end));
        var sold = await customers.GetRatingAsync(
            new() { Session = SessionOf(seller.Token!, Role.Seller) },
            cancellationToken: CancellationToken
        );
        Assert.Equal(Wanted * ends.Count(e => e.Contains(": bought", StringComparison.Ordinal)), sold.Units);
        if (userGoesOn)
        {
            Assert.All(ends, end => Assert.EndsWith("answered so", end, StringComparison.Ordinal));
            Assert.All(
                attempts.Where(a => a.Point.Way == PurchaseWay.OutOfStock),
                a => Assert.Equal(ErrorCodes.NotEnoughUnits, a.Answered.Result)
            );
        }

        Assert.All(
            ends.Zip(attempts).Where(e => e.Second.Point.Way != PurchaseWay.Approved),
            e => Assert.Contains(": neither", e.First, StringComparison.Ordinal)
        );
        Assert.Contains(ends, end => end.Contains(": bought", StringComparison.Ordinal));

        // A much later repeat under the same key at another server gets the same answer, and charges nothing more.
        foreach (var attempt in attempts.Where(a => userGoesOn || !s_beforeAnything.Contains(a.Point.Step)))
        {
            await attempt.RepeatAsync();
        }

        Assert.Equal(charges, await ChargesAsync());
        attempts.ForEach(a => a.Dispose());
    }

    [Fact]
    public async Task Of_the_last_units_no_more_are_sold_than_there_are_and_nobody_pays_for_nothing()
    {
        await marketplace.AllRunningAsync();
        using var seller = await NewSellerAsync();
        var item = await NewItemAsync(seller, units: 5);
        var buyers = await Task.WhenAll(
            Enumerable
                .Range(0, 12)
                .Select(async i =>
                {
                    var buyer = await NewBuyerAsync(i % 4);
                    await buyer.AddItemToCartAsync(item, 1, cancellationToken: CancellationToken);
                    return buyer;
                })
        );

        Task<string>[] calls = [.. buyers.Select(b => BuyAsync(b, "last"))];
        await marketplace.CommandAsync("kill", "products/leader", "--restart");
        var answers = await Task.WhenAll(calls);

        await SettledAsync();
        var charges = await ChargesAsync();
        string[] bought = [.. answers.Where(a => a.Length == 32)];
        Assert.All(
            answers.Except(bought),
            a => Assert.Contains(a, new[] { ErrorCodes.NotEnoughUnits, ErrorCodes.PaymentDeclined })
        );
        Assert.InRange(bought.Length, 1, 5);
        Assert.Equal(
            bought.Order(),
            buyers.Select(b => PurchaseId(b.Token!, "last")).Where(charges.ContainsKey).Order()
        );
        Assert.Equal(5 - bought.Length, (await buyers[0].GetItemAsync(item, CancellationToken)).Quantity);
        Array.ForEach(buyers, b => b.Dispose());
    }

    [Fact]
    public async Task The_same_key_at_all_servers_at_once_and_later_after_a_failover_buys_once()
    {
        await marketplace.AllRunningAsync();
        using var seller = await NewSellerAsync();
        using var buyer = await NewBuyerAsync(0);
        var item = await NewItemAsync(seller, Units);
        await buyer.AddItemToCartAsync(item, Wanted, cancellationToken: CancellationToken);
        var key = KeyFor(buyer.Token!, approved: true);
        BuyerClient[] everywhere = [.. Enumerable.Range(0, 4).Select(i => Buyer(i, buyer.Token))];

        var atOnce = await Task.WhenAll(everywhere.Concat(everywhere).Select(b => BuyAsync(b, key)));
        await marketplace.CommandAsync("kill", "products/leader", "--restart");
        var later = await Task.WhenAll(everywhere.Select(b => BuyAsync(b, key)));

        Assert.Equal(PurchaseId(buyer.Token!, key), Assert.Single(atOnce.Concat(later).Distinct()));
        Assert.Equal((long)(Wanted * Price * 100), (await ChargesAsync())[PurchaseId(buyer.Token!, key)]);
        Assert.Equal(Units - Wanted, (await buyer.GetItemAsync(item, CancellationToken)).Quantity);
        Assert.Single((await buyer.GetBuyerPurchasesAsync(cancellationToken: CancellationToken)).Purchases);
        Array.ForEach(everywhere, b => b.Dispose());
    }

    private async Task<PurchaseAttempt> PrepareAsync(SellerClient seller, StopPoint point, int server)
    {
        var item = await NewItemAsync(seller, Units);
        var buyer = await NewBuyerAsync(server);
        await buyer.AddItemToCartAsync(item, Wanted, cancellationToken: CancellationToken);
        if (point.Way == PurchaseWay.OutOfStock)
        {
            await seller.UpdateUnitsForSaleAsync(item, Units - 1, cancellationToken: CancellationToken);
        }

        var key = KeyFor(buyer.Token!, point.Way != PurchaseWay.Declined);
        var driver = marketplace.Cluster.AddressesOf(marketplace.Cluster.BuyerServers)[server];
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        using var planned = await http.PostAsync(
            PurchaseStops.Request(driver, point.Step, PurchaseId(buyer.Token!, key)),
            content: null,
            CancellationToken
        );
        Assert.Equal(HttpStatusCode.NoContent, planned.StatusCode);
        return new(point, item, key, buyer, Buyer((server + 1) % 4, buyer.Token), driver);
    }

    /// <summary>
    /// Describes how a purchase has ended, as every part of the marketplace records it. Anything but the two allowed
    /// ends is described in detail.
    /// </summary>
    private static async Task<string> EndAsync(
        PurchaseAttempt attempt,
        Dictionary<string, long> charges,
        CustomersClient customers
    )
    {
        var id = PurchaseId(attempt.Buyer.Token!, attempt.Key);
        Purchase[] history =
        [
            .. (await attempt.Elsewhere.GetBuyerPurchasesAsync(cancellationToken: CancellationToken)).Purchases,
        ];
        var units = (await attempt.Elsewhere.GetItemAsync(attempt.Item, CancellationToken)).Quantity;
        var lines = (await attempt.Elsewhere.DisplayCartAsync(CancellationToken)).Lines.Count;
        var counts = await customers.GetRatingAsync(
            new() { Session = SessionOf(attempt.Buyer.Token!, Role.Buyer) },
            cancellationToken: CancellationToken
        );
        long left = attempt.Point.Way == PurchaseWay.OutOfStock ? 1 : Units;
        var bought =
            history is [{ Total: Wanted * Price } one]
            && one.PurchaseId == id
            && charges.GetValueOrDefault(id) == (long)(Wanted * Price * 100)
            && units == left - Wanted
            && lines == 0
            && counts.Units == Wanted;
        var neither = history is [] && !charges.ContainsKey(id) && units == left && lines == 1 && counts.Units == 0;
        var answer = await attempt.Answered;
        var end =
            bought ? "bought and charged"
            : neither ? "neither"
            : FormattableString.Invariant($"{history.Length} in the history, {charges.GetValueOrDefault(id)} charged, ")
                + FormattableString.Invariant($"{units} units left, {lines} lines in the cart, {counts.Units} counted");
        return $"{end}, "
            + (
                answer.Length == 0 ? "not answered"
                : (answer == id) == bought ? "answered so"
                : $"but answered {answer}"
            );
    }

    /// <summary>
    /// Waits until every purchase is settled. Purchases of dead servers are settled within a bounded time.
    /// </summary>
    private async Task SettledAsync()
    {
        using var channel = marketplace.Channel(Components.Products, 0);
        OpenReservationsQuery query = new()
        {
            Before = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds(),
            Limit = 1,
        };
        await RunningMarketplace.UntilAsync(
            "every purchase is settled",
            async () =>
            {
                try
                {
                    return
                        await new ProductsClient(channel).GetOpenReservationsAsync(
                            query,
                            cancellationToken: CancellationToken
                        )
                            is { Reservations.Count: 0 } reply
                        ? reply
                        : null;
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
                {
                    // There may be no leader at the moment.
                    return null;
                }
            }
        );
    }

    private async Task<Dictionary<string, long>> ChargesAsync()
    {
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        http.DefaultRequestHeaders.Authorization = MerchantSecret
            .For(marketplace.Cluster.Payments, marketplace.Secrets.PaymentsSecret())!
            .Header;
        var payments = marketplace.Cluster.Payments.Replicas[0];
        var approved = await http.GetFromJsonAsync<ApprovedTransaction[]>(
            new Uri($"http://{payments.Host}:{payments.Port}/audit/approved"),
            CancellationToken
        );
        return approved!.ToDictionary(a => a.Id, a => a.AmountInCents);
    }

    internal static async Task<string> BuyAsync(BuyerClient buyer, string key)
    {
        try
        {
            return (await buyer.MakePurchaseAsync(Card("Ada Buyer"), key, CancellationToken)).PurchaseId;
        }
        catch (AgoraException e)
        {
            return e.Code;
        }
    }

    private async Task<SellerClient> NewSellerAsync()
    {
        SellerClient seller = new(marketplace.Cluster.AddressesOf(marketplace.Cluster.SellerServers));
        var name = Name("shop");
        await seller.CreateAccountAsync(name, name, Traders.Password, cancellationToken: CancellationToken);
        await seller.LoginAsync(name, Traders.Password, cancellationToken: CancellationToken);
        return seller;
    }

    private async Task<BuyerClient> NewBuyerAsync(int server)
    {
        var buyer = Buyer(server, token: null);
        var name = Name("customer");
        await buyer.CreateAccountAsync(name, name, Traders.Password, cancellationToken: CancellationToken);
        await buyer.LoginAsync(name, Traders.Password, cancellationToken: CancellationToken);
        return buyer;
    }

    // The client waits long for a stopped server, so that the server itself answers the call if it is continued.
    private BuyerClient Buyer(int server, string? token) =>
        new(
            marketplace.Cluster.AddressesOf(marketplace.Cluster.BuyerServers),
            new ReplicaOptions
            {
                Start = server,
                Deadline = RunningMarketplace.Timeout,
                AttemptTimeout = RunningMarketplace.Timeout / 2,
            }
        )
        {
            Token = token,
        };

    private static async Task<string> NewItemAsync(SellerClient seller, int units) =>
        (
            await seller.RegisterItemForSaleAsync(
                new()
                {
                    Name = "last of its kind",
                    Category = Category,
                    Condition = ItemCondition.New,
                    Price = Price,
                    Quantity = units,
                },
                cancellationToken: CancellationToken
            )
        ).ItemId;

    internal static PurchaseRequest Card(string holder) =>
        new()
        {
            CardholderName = holder,
            CardNumber = "4242424242424242",
            ExpirationDate = "12/39",
            SecurityCode = "123",
        };

    // The bank decides by the purchase's id, which follows from account and key.
    private string KeyFor(string token, bool approved) =>
        Enumerable
            .Range(0, int.MaxValue)
            .Select(i => i.ToString(CultureInfo.InvariantCulture))
            .First(key =>
                TransactionStore.Decision(
                    marketplace.Cluster.Payments.Seed!.Value,
                    PurchaseId(token, key),
                    marketplace.Cluster.Payments.ApprovalProbability
                )
                == TransactionState.Approved
                == approved
            );

    // A token ends with its account's id.
    private static string PurchaseId(string token, string key) =>
        PurchaseSaga.TransactionId(
            RequestIds.Derive("MakePurchase Buyer", Base64Url.DecodeFromChars(token).AsSpan()[^sizeof(long)..], key)
        );

    private static Session SessionOf(string token, Role role) =>
        new() { TokenHash = ByteString.CopyFrom(SHA256.HashData(Base64Url.DecodeFromChars(token))), Role = role };

    private static string Name(string kind) =>
        string.Create(CultureInfo.InvariantCulture, $"{kind}-{Interlocked.Increment(ref s_people)}");

    private static bool IsLeader(ProcessStatus process) =>
        process is { Component: Components.Products, Role: "leader" };

    private static int Pid(ClusterStatus status, Func<ProcessStatus, bool> which) =>
        status.Processes.Single(which).Pid!.Value;

    private static bool IsStopped(int pid)
    {
        // The state follows the name in brackets: R running, S sleeping, T stopped.
        var stat = File.ReadAllText(FormattableString.Invariant($"/proc/{pid}/stat"));
        return stat[stat.LastIndexOf(')') + 2] == 'T';
    }

    private static async Task SignalAsync(string signal, int[] pids)
    {
        if (pids.Length == 0)
        {
            return;
        }

        using var kill = Process.Start(
            "kill",
            ["-" + signal, .. pids.Select(pid => pid.ToString(CultureInfo.InvariantCulture))]
        );
        await kill.WaitForExitAsync(CancellationToken);
    }
}
