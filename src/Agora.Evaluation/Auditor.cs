using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Serialization;
using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Replication;
using Google.Protobuf;
using Grpc.Core;
using Item = Agora.Contracts.Products.Item;

namespace Agora.Evaluation;

/// <summary>
/// Reads the books after a run: through gRPC from all replicas in turn, so that each is really read, and from the payment service. To read
/// what belongs to an account it opens a session for it directly at the database.
/// </summary>
internal sealed class Auditor(IMarketplace marketplace, Databases databases) : IDisposable
{
    // A purchase whose server died is settled within about a minute: 30 s until it counts as left, 15 s until somebody looks.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);
    private const int AtOnce = 8;

    private readonly HttpClient _http = new(
        new SocketsHttpHandler { UseProxy = false, SslOptions = marketplace.Identity.Towards(Components.Payments, 0) })
    {
        Timeout = TimeSpan.FromSeconds(30),
        DefaultRequestHeaders = { Authorization = marketplace.Merchant?.Header },
    };
    private readonly Dictionary<string, long> _repeats = [];
    private HashSet<string> _known = [];
    private DateTimeOffset _since = DateTimeOffset.UtcNow;

    /// <summary>Takes note of the charges that others have made before.</summary>
    public Task BeginAsync(CancellationToken cancel) => NewChargesAsync(cancel);

    /// <summary>How many commands a database has been given again after it had applied them, ever, as of the last audit.</summary>
    public long RepeatsOf(string component) => _repeats.GetValueOrDefault(component);

    /// <summary>What is wrong after a run; empty where the books balance.</summary>
    public async Task<IReadOnlyList<string>> AuditAsync(Load load, CancellationToken cancel)
    {
        var wrong = await AuditAsync([.. load.AllSellers.Select(s => s.Answers)], [.. load.Buyers.Select(b => b.Answers)], cancel);
        var outlived = await ReadAsync(load.AllSellers.Cast<Trader>().Concat(load.Buyers).ToList(), (client, _) => client.OutlivesLogoutAsync(cancel), cancel);
        return outlived.Count(o => o) is > 0 and var sessions
            ? [.. wrong, string.Create(CultureInfo.InvariantCulture, $"{sessions} sessions still serve after their logout")]
            : wrong;
    }

    /// <summary>What is wrong with the books of some sellers and buyers, and with the replicas; all charges since the audit before must be for them.</summary>
    public async Task<IReadOnlyList<string>> AuditAsync(IReadOnlyList<SellersAnswers> sellers, IReadOnlyList<BuyersAnswers> buyers, CancellationToken cancel)
    {
        List<string> wrong = [];
        await SettledAsync(buyers, wrong, cancel);
        var sellersBooks = await ReadAsync(sellers, (seller, turn) => SellersBookAsync(seller, turn, cancel), cancel);
        var buyersBooks = await ReadAsync(buyers, (buyer, turn) => BuyersBookAsync(buyer, turn, cancel), cancel);
        Books books = new(sellersBooks, buyersBooks, await NewChargesAsync(cancel));
        wrong.AddRange(Audit.Of(sellers, buyers, books));
        await SameAsync(databases.Customers, wrong, cancel);
        await SameAsync(databases.Products, wrong, cancel);
        return wrong;
    }

    /// <summary>Waits until every purchase is settled, and, where a vote was not answered, until every recorded one has reached its item.</summary>
    private async Task SettledAsync(IReadOnlyList<BuyersAnswers> buyers, List<string> wrong, CancellationToken cancel)
    {
        var votes = buyers.Any(b => b.Votes.Values.Any(v => v.Maybe > 0));
        Patience patience = new(s_patience);
        while (true)
        {
            // A later time than any that the commands could carry.
            var before = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds();
            var isOpen = (await AskAsync(() => databases.Products[0].Products.GetOpenReservationsAsync(
                new() { Before = before, Limit = 1 }, deadline: Databases.Deadline(), cancellationToken: cancel), cancel)).Reservations.Count > 0;
            if (!isOpen && !(votes && (await AskAsync(() => databases.Customers[0].Customers.GetUnforwardedVotesAsync(
                new() { Before = before, Limit = 1 }, deadline: Databases.Deadline(), cancellationToken: cancel), cancel)).Votes.Count > 0))
            {
                return;
            }
            if (patience.IsOver())
            {
                wrong.Add(string.Create(CultureInfo.InvariantCulture,
                    $"a {(isOpen ? "purchase is not settled" : "vote has not reached its item")} {patience.Elapsed.TotalSeconds:0} s after the run"));
                return;
            }
            await Task.Delay(s_pause, cancel);
        }
    }

    private async Task<SellersBook> SellersBookAsync(SellersAnswers seller, int turn, CancellationToken cancel)
    {
        var replica = databases.Products[turn % databases.Products.Count].Products;
        return await WithSessionAsync(Role.Seller, seller.Username, turn, async (id, customers, session) =>
        {
            if (id is null)
            {
                return new SellersBook(null, 0, 0, 0, []);
            }
            var rating = await AskAsync(() => customers.GetRatingAsync(new() { Session = session }, deadline: Databases.Deadline(), cancellationToken: cancel), cancel);
            List<Item> items = [];
            var cursor = "";
            do
            {
                var page = await AskAsync(
                    () => replica.GetItemsOfSellerAsync(new() { SellerId = id.Value, Limit = 200, Cursor = cursor }, deadline: Databases.Deadline(), cancellationToken: cancel), cancel);
                items.AddRange(page.Items);
                cursor = page.NextCursor;
            }
            while (cursor.Length > 0);
            return new(id, rating.ThumbsUp, rating.ThumbsDown, rating.Units, items);
        }, cancel);
    }

    private async Task<BuyersBook> BuyersBookAsync(BuyersAnswers buyer, int turn, CancellationToken cancel) =>
        await WithSessionAsync(Role.Buyer, buyer.Username, turn, async (id, customers, session) =>
        {
            if (id is null)
            {
                return new BuyersBook(null, 0, [], new Dictionary<string, int>());
            }
            var rating = await AskAsync(() => customers.GetRatingAsync(new() { Session = session }, deadline: Databases.Deadline(), cancellationToken: cancel), cancel);
            // A new session begins with the saved cart.
            var cart = await AskAsync(() => customers.GetCartAsync(new() { Session = session }, deadline: Databases.Deadline(), cancellationToken: cancel), cancel);
            List<Purchase> purchases = [];
            var cursor = "";
            do
            {
                var page = await AskAsync(
                    () => customers.GetPurchasesAsync(new() { Session = session, Limit = 200, Cursor = cursor }, deadline: Databases.Deadline(), cancellationToken: cancel), cancel);
                purchases.AddRange(page.Purchases);
                cursor = page.NextCursor;
            }
            while (cursor.Length > 0);
            return new(id, rating.Units, purchases, cart.Lines.ToDictionary(line => line.ItemId, line => line.Quantity));
        }, cancel);

    private async Task<T> WithSessionAsync<T>(
        Role role, string username, int turn, Func<long?, Customers.CustomersClient, Session, Task<T>> read, CancellationToken cancel)
    {
        var customers = databases.Customers[turn % databases.Customers.Count].Customers;
        Session session = new() { TokenHash = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(32)), Role = role };
        var credentials = await AskAsync(
            () => customers.GetCredentialsAsync(new() { Role = role, UsernameKey = username }, deadline: Databases.Deadline(), cancellationToken: cancel), cancel);
        if (!credentials.Found)
        {
            return await read(null, customers, session);
        }
        await ExecuteAsync(new() { OpenSession = new() { Role = role, AccountId = credentials.AccountId, TokenHash = session.TokenHash } });
        try
        {
            return await read(credentials.AccountId, customers, session);
        }
        finally
        {
            await ExecuteAsync(new() { CloseSession = new() { Session = session } });
        }

        // The request id is made once, so a retry does nothing twice.
        Task<Reply> ExecuteAsync(Command command)
        {
            ExecuteRequest request = new() { RequestId = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(16)), Command = command };
            return AskAsync(() => customers.ExecuteAsync(request, deadline: Databases.Deadline(), cancellationToken: cancel), cancel);
        }
    }

    /// <summary>The charges approved since this was asked last. Those of the last minute are asked for again and told apart by their ids: clocks may be set.</summary>
    private async Task<IReadOnlyDictionary<string, long>> NewChargesAsync(CancellationToken cancel)
    {
        var now = DateTimeOffset.UtcNow;
        var group = marketplace.File.Payments;
        var payments = group.Replicas[0];
        var scheme = group.UsesHttps ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        UriBuilder address = new(scheme, payments.Host, payments.Port, "/audit/approved")
        {
            Query = string.Create(CultureInfo.InvariantCulture, $"since={_since.AddMinutes(-1).ToUnixTimeMilliseconds()}"),
        };
        List<ApprovedCharge>? approved;
        try
        {
            approved = await _http.GetFromJsonAsync(address.Uri, AuditJson.Default.ListApprovedCharge, cancel);
        }
        catch (HttpRequestException e)
        {
            throw new EvaluationException(
                $"the payment service at {address.Host}:{address.Port} does not show its books: {e.Message}", e);
        }
        var known = _known;
        _known = [.. approved!.Select(charge => charge.Id)];
        _since = now;
        return approved!.Where(charge => !known.Contains(charge.Id)).ToDictionary(charge => charge.Id, charge => charge.AmountInCents);
    }

    /// <summary>All replicas of a database hold the same.</summary>
    private async Task SameAsync(IReadOnlyList<DatabaseReplica> replicas, List<string> wrong, CancellationToken cancel)
    {
        Patience patience = new(s_patience);
        while (true)
        {
            var digests = await Task.WhenAll(replicas.Select(replica =>
                AskAsync<DigestReply>(() => replica.Itself.GetDigestAsync(new(), deadline: Databases.Deadline(), cancellationToken: cancel), cancel)));
            if (digests.All(d => d.Position == digests[0].Position))
            {
                _repeats[replicas[0].Component] = digests[0].Repeats;
                if (digests.Any(d => d.Digest != digests[0].Digest))
                {
                    wrong.Add("replicas differ at position " + FormattableString.Invariant($"{digests[0].Position}: ")
                        + string.Join(", ", replicas.Zip(digests, (replica, digest) => $"{replica.Name} {digest.Digest[..12]}")));
                }
                return;
            }
            if (patience.IsOver())
            {
                wrong.Add("replicas do not come to the same position: "
                    + string.Join(", ", replicas.Zip(digests, (replica, digest) => FormattableString.Invariant($"{replica.Name} {digest.Position}"))));
                return;
            }
            await Task.Delay(s_pause, cancel);
        }
    }

    private static async Task<IReadOnlyList<TResult>> ReadAsync<T, TResult>(IReadOnlyList<T> list, Func<T, int, Task<TResult>> read, CancellationToken cancel)
    {
        ConcurrentDictionary<int, TResult> results = [];
        ParallelOptions options = new() { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel };
        await Parallel.ForAsync(0, list.Count, options, async (i, _) => results[i] = await read(list[i], i));
        return [.. Enumerable.Range(0, list.Count).Select(i => results[i])];
    }

    /// <summary>Asks until there is an answer: a replica that has just been started anew may not serve yet.</summary>
    private static async Task<T> AskAsync<T>(Func<AsyncUnaryCall<T>> ask, CancellationToken cancel)
    {
        Patience patience = new(s_patience);
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded && !patience.IsOver())
            {
                await Task.Delay(s_pause, cancel);
            }
            catch (RpcException e) when (!cancel.IsCancellationRequested)
            {
                throw new EvaluationException($"the books cannot be read: {e.Status.Detail}", e);
            }
        }
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>One line of the payment service's own books.</summary>
internal sealed record ApprovedCharge(string Id, long AmountInCents);

[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(List<ApprovedCharge>))]
internal sealed partial class AuditJson : JsonSerializerContext;
