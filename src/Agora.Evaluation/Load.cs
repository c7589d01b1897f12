using System.Diagnostics;
using System.Globalization;
using Agora.Client;
using Agora.Contracts.Cluster;

namespace Agora.Evaluation;

/// <summary>One run's clients: made, let loose together, and asked afterwards what they know.</summary>
internal sealed class Load : IDisposable
{
    // Clients arrive one after the other: they all begin with two password hashes, which nobody's users do in the same instant.
    private static readonly TimeSpan s_arrival = TimeSpan.FromMilliseconds(50);
    private const int WholesaleItems = 40;

    private readonly SellerTrader _wholesaler;
    private readonly double? _rate;

    /// <param name="cluster">Where the servers are.</param>
    /// <param name="scale">How many clients.</param>
    /// <param name="stall">Names of this run alone.</param>
    /// <param name="seed">Decides the calls, together with the run's number.</param>
    /// <param name="run">The run's number.</param>
    /// <param name="calls">Calls of each client.</param>
    /// <param name="rate">Calls a second of all clients together.</param>
    public Load(ClusterFile cluster, Scale scale, Stall stall, long seed, int run, int calls, double? rate)
    {
        _rate = rate;
        Uri[] sellerServers = [.. cluster.AddressesOf(cluster.SellerServers)];
        Uri[] buyerServers = [.. cluster.AddressesOf(cluster.BuyerServers)];
        // As much as all carts of the run could hold, twice over.
        var stock = 100 + scale.Buyers * calls / WholesaleItems;
        _wholesaler = new(Plan.OfWholesaler(seed, run, WholesaleItems), sellerServers, 0, 0, stall, stock);
        // Clients spread evenly over the servers, in each run from another one on: so the first client's, which condition 2 kills, is another one too.
        var first = Math.Max(0, run);
        Sellers = [.. Enumerable.Range(0, scale.Sellers).Select(i => new SellerTrader(Plan.Of(seller: true, seed, run, i, calls), sellerServers, i, first + i, stall))];
        var card = Card(TimeProvider.System.GetUtcNow());
        Buyers = [.. Enumerable.Range(0, scale.Buyers).Select(i => new BuyerTrader(Plan.Of(seller: false, seed, run, i, calls), buyerServers, i, first + i, stall, card))];
        // A seller and a buyer in turn, so that neither role has arrived before the other.
        Clients = [.. Sellers.Cast<Trader>().Zip(Buyers, (seller, buyer) => new[] { seller, buyer }).SelectMany(pair => pair),
            .. Sellers.Skip(Buyers.Count), .. Buyers.Skip(Sellers.Count)];
    }

    public IReadOnlyList<SellerTrader> Sellers { get; }

    public IReadOnlyList<BuyerTrader> Buyers { get; }

    public IReadOnlyList<Trader> Clients { get; }

    /// <summary>The sellers, and the wholesaler who stocked the shop.</summary>
    public IEnumerable<SellerTrader> AllSellers => [_wholesaler, .. Sellers];

    /// <summary>How far the run has come, 0 to 1; may be asked while it runs.</summary>
    public double Progress => Clients.Sum(c => (double)c.Done) / Clients.Sum(c => (double)c.Calls);

    /// <summary>Stocks the shop. Not measured.</summary>
    public async Task PrepareAsync(CancellationToken cancel)
    {
        await _wholesaler.RunAsync(new(Stopwatch.GetTimestamp(), 0), cancel).ConfigureAwait(false);
        if (_wholesaler.Failures is [var failure, ..])
        {
            throw new EvaluationException($"the shop cannot be stocked: {failure}");
        }
    }

    /// <summary>All clients from their first call to their last.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        var now = Stopwatch.GetTimestamp();
        // With a rate, the clients take turns evenly.
        var interval = _rate is { } rate ? (long)(Stopwatch.Frequency * Clients.Count / rate) : 0;
        var arrival = _rate is null ? (long)(s_arrival.TotalSeconds * Stopwatch.Frequency) : interval / Clients.Count;
        await Task.WhenAll(Clients.Select((client, i) => Task.Run(() => client.RunAsync(new(now + i * arrival, interval), cancel), cancel))).ConfigureAwait(false);
    }

    public void Dispose()
    {
        foreach (var client in AllSellers.Cast<Trader>().Concat(Buyers))
        {
            client.Dispose();
        }
    }

    internal static PurchaseRequest Card(DateTimeOffset now) => new()
    {
        CardholderName = "Eva Luation",
        CardNumber = "4242424242424242",
        ExpirationDate = now.AddYears(2).ToString("MM'/'yy", CultureInfo.InvariantCulture),
        SecurityCode = "123",
    };
}
