using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using Agora.Client;
using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Payments;
using Agora.Contracts.Products;
using Agora.Launcher;
using Agora.Payments;
using Agora.Servers;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Xunit;
using CustomersClient = Agora.Contracts.Customers.Customers.CustomersClient;
using ProductsClient = Agora.Contracts.Products.Products.ProductsClient;
using Purchase = Agora.Client.Purchase;

namespace Agora.Cluster.Tests;

/// <summary>
/// "Whatever fails on the way — a server, a replica, the leader, the payment service, at any point between any two steps — ends within a
/// bounded time in one of two states: bought and charged, or not bought and not charged with the units back on sale."
/// </summary>
/// <remarks>
/// Buyer servers stop themselves at the step that is asked for (<see cref="PurchaseStops"/>), and there they, or others, are killed.
/// </remarks>
[Collection(Marketplace.OneAtATime)]
public sealed class PurchaseTests(Marketplace marketplace)
{
    private const int Category = 8;
    private const int Units = 3;
    private const int Wanted = 2;
    private const decimal Price = 12.50m;

    private static int s_people;

    /// <summary>Every place between two steps, on each of the ways that a purchase can go; four at a time, one for each buyer server.</summary>
    private static readonly Point[] s_points =
    [
        new(Way.Approved, PurchaseStops.Checkout), new(Way.Approved, "Reserve"), new(Way.Approved, "Charge"),
        new(Way.Approved, nameof(CompletePurchase)), new(Way.Approved, PurchaseStops.Answer), new(Way.Approved, "Confirm"),
        new(Way.Declined, "Charge"), new(Way.Declined, nameof(AbandonPurchase)), new(Way.Declined, "Release"),
        new(Way.Declined, PurchaseStops.Answer), new(Way.OutOfStock, nameof(AbandonPurchase)),
        new(Way.OutOfStock, PurchaseStops.Answer),
    ];

    /// <summary>Who gives up here has not bought, nor been refused: a call under the same key is a first one.</summary>
    private static readonly string[] s_beforeAnything = [PurchaseStops.Checkout, "Reserve"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("the driver", true)]
    [InlineData("the driver", false)]
    [InlineData("products/leader", true)]
    [InlineData("customers/1", true)]
    [InlineData("payments/0", true)]
    public async Task Whatever_dies_between_any_two_steps_a_purchase_ends_bought_and_charged_or_neither(string victim, bool userGoesOn)
    {
        using SellerClient seller = await NewSellerAsync();
        List<Attempt> attempts = [];
        foreach (Point[] batch in s_points.Chunk(4))
        {
            ClusterStatus status = await Marketplace.UntilAsync("the products database has a leader again", async () =>
                await marketplace.AllRunningAsync() is var all && all.Processes.Any(IsLeader) ? all : null);
            Attempt[] four = await Task.WhenAll(batch.Select((point, server) => PrepareAsync(seller, point, server)));
            attempts.AddRange(four);
            int[] drivers = [.. Enumerable.Range(0, 4).Select(i => Pid(status, p => p.Name == $"buyer-server/{i}"))];
            int[] dead = victim switch
            {
                "the driver" => drivers,
                "products/leader" => [Pid(status, IsLeader)],
                _ => [Pid(status, p => p.Name == victim)],
            };
            foreach (Attempt attempt in four)
            {
                attempt.Begin();
            }
            await Marketplace.UntilAsync("each buyer server has stopped itself at its step", () => Task.FromResult(drivers.All(IsStopped) ? drivers : null));
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
        Dictionary<string, long> charges = await ChargesAsync();
        using GrpcChannel channel = marketplace.Channel(Components.Customers, 0);
        CustomersClient customers = new(channel);
        List<string> ends = [];
        foreach (Attempt attempt in attempts)
        {
            ends.Add($"{attempt.Point}: {await EndAsync(attempt, charges, customers)}");
        }
        Assert.All(ends, end => Assert.Matches(": (bought and charged|neither), (answered so|not answered)$", end));
        RatingReply sold = await customers.GetRatingAsync(new() { Session = SessionOf(seller.Token!, Role.Seller) }, cancellationToken: Cancel);
        Assert.Equal(Wanted * ends.Count(e => e.Contains(": bought", StringComparison.Ordinal)), sold.Units);
        if (userGoesOn)
        {
            Assert.All(ends, end => Assert.EndsWith("answered so", end, StringComparison.Ordinal));
            Assert.All(attempts.Where(a => a.Point.Way == Way.OutOfStock), a => Assert.Equal(ErrorCodes.NotEnoughUnits, a.Answered.Result));
        }
        Assert.All(ends.Zip(attempts).Where(e => e.Second.Point.Way != Way.Approved), e => Assert.Contains(": neither", e.First, StringComparison.Ordinal));
        Assert.Contains(ends, end => end.Contains(": bought", StringComparison.Ordinal));

        // Asked again much later, under the same key and elsewhere: the same answer, and nothing more is charged.
        foreach (Attempt attempt in attempts.Where(a => userGoesOn || !s_beforeAnything.Contains(a.Point.Step)))
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
        using SellerClient seller = await NewSellerAsync();
        string item = await NewItemAsync(seller, units: 5);
        BuyerClient[] buyers = await Task.WhenAll(Enumerable.Range(0, 12).Select(async i =>
        {
            BuyerClient buyer = await NewBuyerAsync(i % 4);
            await buyer.AddItemToCartAsync(item, 1, cancel: Cancel);
            return buyer;
        }));

        Task<string>[] calls = [.. buyers.Select(b => BuyAsync(b, "last"))];
        await marketplace.CommandAsync("kill", "products/leader", "--restart");
        string[] answers = await Task.WhenAll(calls);

        await SettledAsync();
        Dictionary<string, long> charges = await ChargesAsync();
        string[] bought = [.. answers.Where(a => a.Length == 32)];
        Assert.All(answers.Except(bought), a => Assert.Contains(a, new[] { ErrorCodes.NotEnoughUnits, ErrorCodes.PaymentDeclined }));
        Assert.InRange(bought.Length, 1, 5);
        Assert.Equal(bought.Order(), buyers.Select(b => PurchaseId(b.Token!, "last")).Where(charges.ContainsKey).Order());
        Assert.Equal(5 - bought.Length, (await buyers[0].GetItemAsync(item, Cancel)).Quantity);
        Array.ForEach(buyers, b => b.Dispose());
    }

    [Fact]
    public async Task The_same_key_at_all_servers_at_once_and_later_after_a_failover_buys_once()
    {
        await marketplace.AllRunningAsync();
        using SellerClient seller = await NewSellerAsync();
        using BuyerClient buyer = await NewBuyerAsync(0);
        string item = await NewItemAsync(seller, Units);
        await buyer.AddItemToCartAsync(item, Wanted, cancel: Cancel);
        string key = KeyFor(buyer.Token!, approved: true);
        BuyerClient[] everywhere = [.. Enumerable.Range(0, 4).Select(i => Buyer(i, buyer.Token))];

        string[] atOnce = await Task.WhenAll(everywhere.Concat(everywhere).Select(b => BuyAsync(b, key)));
        await marketplace.CommandAsync("kill", "products/leader", "--restart");
        string[] later = await Task.WhenAll(everywhere.Select(b => BuyAsync(b, key)));

        Assert.Equal(PurchaseId(buyer.Token!, key), Assert.Single(atOnce.Concat(later).Distinct()));
        Assert.Equal((long)(Wanted * Price * 100), (await ChargesAsync())[PurchaseId(buyer.Token!, key)]);
        Assert.Equal(Units - Wanted, (await buyer.GetItemAsync(item, Cancel)).Quantity);
        Assert.Single((await buyer.GetBuyerPurchasesAsync(cancel: Cancel)).Purchases);
        Array.ForEach(everywhere, b => b.Dispose());
    }

    private async Task<Attempt> PrepareAsync(SellerClient seller, Point point, int server)
    {
        string item = await NewItemAsync(seller, Units);
        BuyerClient buyer = await NewBuyerAsync(server);
        await buyer.AddItemToCartAsync(item, Wanted, cancel: Cancel);
        if (point.Way == Way.OutOfStock)
        {
            await seller.UpdateUnitsForSaleAsync(item, Units - 1, cancel: Cancel);
        }
        string key = KeyFor(buyer.Token!, point.Way != Way.Declined);
        Uri driver = marketplace.Cluster.AddressesOf(marketplace.Cluster.BuyerServers)[server];
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        using HttpResponseMessage planned = await http.PostAsync(
            PurchaseStops.Request(driver, point.Step, PurchaseId(buyer.Token!, key)), content: null, Cancel);
        Assert.Equal(HttpStatusCode.NoContent, planned.StatusCode);
        return new(point, item, key, buyer, Buyer((server + 1) % 4, buyer.Token), driver);
    }

    /// <summary>What has become of a purchase, from everybody who keeps a part of it; anything but the two allowed ends in words of its own.</summary>
    private static async Task<string> EndAsync(Attempt attempt, Dictionary<string, long> charges, CustomersClient customers)
    {
        string id = PurchaseId(attempt.Buyer.Token!, attempt.Key);
        Purchase[] history = [.. (await attempt.Elsewhere.GetBuyerPurchasesAsync(cancel: Cancel)).Purchases];
        long units = (await attempt.Elsewhere.GetItemAsync(attempt.Item, Cancel)).Quantity;
        int lines = (await attempt.Elsewhere.DisplayCartAsync(Cancel)).Lines.Count;
        RatingReply counts = await customers.GetRatingAsync(new() { Session = SessionOf(attempt.Buyer.Token!, Role.Buyer) }, cancellationToken: Cancel);
        long left = attempt.Point.Way == Way.OutOfStock ? 1 : Units;
        bool bought = history is [{ Total: Wanted * Price } one] && one.PurchaseId == id
            && charges.GetValueOrDefault(id) == (long)(Wanted * Price * 100) && units == left - Wanted && lines == 0 && counts.Units == Wanted;
        bool neither = history is [] && !charges.ContainsKey(id) && units == left && lines == 1 && counts.Units == 0;
        string answer = await attempt.Answered;
        return string.Create(CultureInfo.InvariantCulture, $"{(bought ? "bought and charged" : neither ? "neither"
            : $"{history.Length} in the history, {charges.GetValueOrDefault(id)} charged, {units} units left, {lines} lines in the cart, {counts.Units} counted")}, ")
            + (answer.Length == 0 ? "not answered" : (answer == id) == bought ? "answered so" : $"but answered {answer}");
    }

    /// <summary>No purchase is unsettled any more. Whoever was given up is rescued within a bounded time.</summary>
    private async Task SettledAsync()
    {
        using GrpcChannel channel = marketplace.Channel(Components.Products, 0);
        OpenReservationsQuery query = new() { Before = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds(), Limit = 1 };
        await Marketplace.UntilAsync("every purchase is settled", async () =>
        {
            try
            {
                return await new ProductsClient(channel).GetOpenReservationsAsync(query, cancellationToken: Cancel) is { Reservations.Count: 0 } reply ? reply : null;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                // There may be no leader just now.
                return null;
            }
        });
    }

    private async Task<Dictionary<string, long>> ChargesAsync()
    {
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        http.DefaultRequestHeaders.Authorization =
            MerchantSecret.For(marketplace.Cluster.Payments, marketplace.Secrets.PaymentsSecret())!.Header;
        ApprovedTransaction[] approved = (await http.GetFromJsonAsync<ApprovedTransaction[]>(
            new Uri($"http://{marketplace.Cluster.Payments.Replicas[0].Host}:{marketplace.Cluster.Payments.Replicas[0].Port}/audit/approved"), Cancel))!;
        return approved.ToDictionary(a => a.Id, a => a.AmountInCents);
    }

    private static async Task<string> BuyAsync(BuyerClient buyer, string key)
    {
        try
        {
            return (await buyer.MakePurchaseAsync(Card("Ada Buyer"), key, Cancel)).PurchaseId;
        }
        catch (AgoraException e)
        {
            return e.Code;
        }
    }

    private async Task<SellerClient> NewSellerAsync()
    {
        SellerClient seller = new(marketplace.Cluster.AddressesOf(marketplace.Cluster.SellerServers));
        string name = Name("shop");
        await seller.CreateAccountAsync(name, name, Traders.Password, cancel: Cancel);
        await seller.LoginAsync(name, Traders.Password, cancel: Cancel);
        return seller;
    }

    private async Task<BuyerClient> NewBuyerAsync(int server)
    {
        BuyerClient buyer = Buyer(server, token: null);
        string name = Name("customer");
        await buyer.CreateAccountAsync(name, name, Traders.Password, cancel: Cancel);
        await buyer.LoginAsync(name, Traders.Password, cancel: Cancel);
        return buyer;
    }

    // One that is stopped is waited for, so that the call is answered by whom it was made to, if that one is let go on.
    private BuyerClient Buyer(int server, string? token) => new(
        marketplace.Cluster.AddressesOf(marketplace.Cluster.BuyerServers),
        new ReplicaOptions { Start = server, Deadline = Marketplace.Patience, AttemptTimeout = Marketplace.Patience / 2 })
    { Token = token };

    private static async Task<string> NewItemAsync(SellerClient seller, int units) => (await seller.RegisterItemForSaleAsync(
        new() { Name = "last of its kind", Category = Category, Condition = ItemCondition.New, Price = Price, Quantity = units }, cancel: Cancel)).ItemId;

    private static PurchaseRequest Card(string holder) =>
        new() { CardholderName = holder, CardNumber = "4242424242424242", ExpirationDate = "12/39", SecurityCode = "123" };

    // The bank decides by the purchase's id, and that follows from session and key.
    private string KeyFor(string token, bool approved) => Enumerable.Range(0, int.MaxValue).Select(i => i.ToString(CultureInfo.InvariantCulture)).First(key =>
        TransactionStore.Decision(marketplace.Cluster.Payments.Seed!.Value, PurchaseId(token, key), marketplace.Cluster.Payments.ApprovalProbability) == TransactionState.Approved == approved);

    // A token ends with its account's id.
    private static string PurchaseId(string token, string key) =>
        PurchaseSaga.TransactionId(RequestId.Derive("MakePurchase Buyer", Base64Url.DecodeFromChars(token).AsSpan()[^sizeof(long)..], key));

    private static Session SessionOf(string token, Role role) =>
        new() { TokenHash = ByteString.CopyFrom(SHA256.HashData(Base64Url.DecodeFromChars(token))), Role = role };

    private static string Name(string kind) => string.Create(CultureInfo.InvariantCulture, $"{kind}-{Interlocked.Increment(ref s_people)}");

    private static bool IsLeader(ProcessStatus process) => process is { Component: Components.Products, Role: "leader" };

    private static int Pid(ClusterStatus status, Func<ProcessStatus, bool> which) => status.Processes.Single(which).Pid!.Value;

    private static bool IsStopped(int pid)
    {
        // Behind the name in brackets: R running, S sleeping, T stopped.
        string stat = File.ReadAllText(FormattableString.Invariant($"/proc/{pid}/stat"));
        return stat[stat.LastIndexOf(')') + 2] == 'T';
    }

    private static async Task SignalAsync(string signal, int[] pids)
    {
        if (pids.Length == 0)
        {
            return;
        }
        using Process kill = Process.Start("kill", ["-" + signal, .. pids.Select(pid => pid.ToString(CultureInfo.InvariantCulture))]);
        await kill.WaitForExitAsync(Cancel);
    }

    private enum Way
    {
        Approved,
        Declined,
        OutOfStock,
    }

    private sealed record Point(Way Way, string Step)
    {
        public override string ToString() => $"{Way} before {Step}";
    }

    /// <summary>A buyer's one purchase, driven by one server, which stops itself at a point of it.</summary>
    private sealed record Attempt(Point Point, string Item, string Key, BuyerClient Buyer, BuyerClient Elsewhere, Uri Driver) : IDisposable
    {
        private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);

        /// <summary>The purchase's id, or the code of the refusal; empty where the user has given up before there was an answer.</summary>
        public Task<string> Answered { get; private set; } = Task.FromResult("");

        public void Begin() => Answered = BuyAsync();

        public Task GiveUpAsync() => _patience.CancelAsync();

        public async Task RepeatAsync()
        {
            string first = await Answered;
            string again = await PurchaseTests.BuyAsync(Elsewhere, Key);
            Assert.True(first.Length == 0 || first == again, $"{Point}: first {first}, then {again}");
        }

        public void Dispose()
        {
            Buyer.Dispose();
            Elsewhere.Dispose();
            _patience.Dispose();
        }

        // One try at the server that is to stop. What fails is repeated elsewhere, as every client of ours does by itself.
        private async Task<string> BuyAsync()
        {
            using CancellationTokenSource oneTry = CancellationTokenSource.CreateLinkedTokenSource(_patience.Token);
            using BuyerClient driver = new([Driver], new ReplicaOptions
            {
                Deadline = Marketplace.Patience,
                AttemptTimeout = Marketplace.Patience / 2,
                OnChange = _ => oneTry.Cancel(),
            })
            { Token = Buyer.Token };
            try
            {
                return (await driver.MakePurchaseAsync(Card("Ada Buyer"), Key, oneTry.Token)).PurchaseId;
            }
            catch (AgoraException e)
            {
                return e.Code;
            }
            catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
            {
                return _patience.IsCancellationRequested ? "" : await PurchaseTests.BuyAsync(Elsewhere, Key);
            }
        }
    }
}
