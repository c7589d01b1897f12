using System.Diagnostics;
using System.Globalization;
using Agora.Cluster;
using Agora.Rest;

namespace Agora.Evaluation;

/// <summary>The clients of one run: it creates them, runs them together, and keeps what they know.</summary>
internal sealed class Load : IDisposable
{
    // Clients arrive one after the other. Each begins with two password hashes, which real users do not all need in the
    // same instant.
    private static readonly TimeSpan s_arrival = TimeSpan.FromMilliseconds(50);
    private const int WholesaleItems = 40;

    private readonly SellerTrader _wholesaler;
    private readonly double? _rate;

    /// <param name="cluster">Where the servers are.</param>
    /// <param name="scale">How many clients there are.</param>
    /// <param name="names">Names of this run alone.</param>
    /// <param name="seed">The seed of the calls, together with the run's number.</param>
    /// <param name="run">The run's number.</param>
    /// <param name="calls">Calls of each client.</param>
    /// <param name="rate">Calls a second of all clients together.</param>
    public Load(ClusterFile cluster, Scale scale, RunNames names, long seed, int run, int calls, double? rate)
    {
        _rate = rate;
        Uri[] sellerServers = [.. cluster.AddressesOf(cluster.SellerServers)];
        Uri[] buyerServers = [.. cluster.AddressesOf(cluster.BuyerServers)];
        // Twice as much as all carts of the run could hold.
        var stock = 100 + scale.Buyers * calls / WholesaleItems;
        _wholesaler = new(CallPlan.OfWholesaler(seed, run, WholesaleItems), sellerServers, 0, 0, names, stock);
        // Clients spread evenly over the servers. Each run begins with another server, so that condition 2, which kills
        // the first client's server, kills another one too.
        var first = Math.Max(0, run);
        Sellers =
        [
            .. Enumerable
                .Range(0, scale.Sellers)
                .Select(i => new SellerTrader(
                    CallPlan.Of(seller: true, seed, run, i, calls),
                    sellerServers,
                    i,
                    first + i,
                    names
                )),
        ];
        var card = TestCard(TimeProvider.System.GetUtcNow());
        Buyers =
        [
            .. Enumerable
                .Range(0, scale.Buyers)
                .Select(i => new BuyerTrader(
                    CallPlan.Of(seller: false, seed, run, i, calls),
                    buyerServers,
                    i,
                    first + i,
                    names,
                    card
                )),
        ];
        // Sellers and buyers alternate, so that neither role arrives before the other.
        Clients =
        [
            .. Sellers.Cast<Trader>().Zip(Buyers, (seller, buyer) => new[] { seller, buyer }).SelectMany(pair => pair),
            .. Sellers.Skip(Buyers.Count),
            .. Buyers.Skip(Sellers.Count),
        ];
    }

    public IReadOnlyList<SellerTrader> Sellers { get; }

    public IReadOnlyList<BuyerTrader> Buyers { get; }

    public IReadOnlyList<Trader> Clients { get; }

    /// <summary>The sellers, and the wholesaler who stocked the marketplace.</summary>
    public IEnumerable<SellerTrader> AllSellers => [_wholesaler, .. Sellers];

    /// <summary>The progress of the run, 0 to 1; readable while it runs.</summary>
    public double Progress => Clients.Sum(c => (double)c.Done) / Clients.Sum(c => (double)c.Calls);

    /// <summary>Stocks the marketplace. This is not measured.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await _wholesaler.RunAsync(new(Stopwatch.GetTimestamp(), 0), cancellationToken);
        if (_wholesaler.Failures is [var failure, ..])
        {
            throw new EvaluationException($"the marketplace cannot be stocked: {failure}");
        }
    }

    /// <summary>Runs all clients from their first call to their last.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var now = Stopwatch.GetTimestamp();
        // With a rate, the clients take turns evenly.
        var interval = _rate is { } rate ? (long)(Stopwatch.Frequency * Clients.Count / rate) : 0;
        var arrival = _rate is null ? (long)(s_arrival.TotalSeconds * Stopwatch.Frequency) : interval / Clients.Count;
        await Task.WhenAll(
            Clients.Select(
                (client, i) =>
                    Task.Run(
                        () => client.RunAsync(new(now + i * arrival, interval), cancellationToken),
                        cancellationToken
                    )
            )
        );
    }

    public void Dispose()
    {
        foreach (var client in AllSellers.Cast<Trader>().Concat(Buyers))
        {
            client.Dispose();
        }
    }

    internal static PurchaseRequest TestCard(DateTimeOffset now) =>
        new()
        {
            CardholderName = "Eva Luation",
            CardNumber = "4242424242424242",
            ExpirationDate = now.AddYears(2).ToString("MM'/'yy", CultureInfo.InvariantCulture),
            SecurityCode = "123",
        };
}
