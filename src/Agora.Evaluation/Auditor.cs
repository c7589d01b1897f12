using System.Collections.Concurrent;
using System.Globalization;
using Agora.Contracts.Replication;
using Grpc.Core;

namespace Agora.Evaluation;

/// <summary>
/// Audits a marketplace after a run. It reads the books from all replicas in turn, so that each is really read, and
/// from the payment service.
/// </summary>
internal sealed class Auditor(IMarketplace marketplace, Databases databases, TimeProvider time) : IDisposable
{
    private const int MaxParallelReads = 8;

    private readonly PaymentBooks _payments = new(marketplace, time);
    private readonly BookReader _reader = new(databases, time);
    private readonly Dictionary<string, long> _repeats = [];

    /// <summary>Notes the charges that others have made before.</summary>
    public Task BeginAsync(CancellationToken cancellationToken) => _payments.ReadNewAsync(cancellationToken);

    /// <summary>
    /// How many commands ever came to a database again after it had applied them, as of the last audit.
    /// </summary>
    public long RepeatsOf(string component) => _repeats.GetValueOrDefault(component);

    /// <summary>What is wrong after a run; empty where the books balance.</summary>
    public async Task<IReadOnlyList<string>> AuditAsync(Load load, CancellationToken cancellationToken)
    {
        var wrong = await AuditAsync(
            [.. load.AllSellers.Select(s => s.Answers)],
            [.. load.Buyers.Select(b => b.Answers)],
            cancellationToken
        );
        var outlived = await ReadAsync(
            load.AllSellers.Cast<Trader>().Concat(load.Buyers).ToList(),
            (client, _) => client.OutlivesLogoutAsync(cancellationToken),
            cancellationToken
        );
        return outlived.Count(o => o) is > 0 and var sessions
            ?
            [
                .. wrong,
                string.Create(CultureInfo.InvariantCulture, $"{sessions} sessions still serve after their logout"),
            ]
            : wrong;
    }

    /// <summary>
    /// What is wrong with the books of these sellers and buyers, and with the replicas. All charges since the last
    /// audit must be for them.
    /// </summary>
    public async Task<IReadOnlyList<string>> AuditAsync(
        IReadOnlyList<SellerAnswers> sellers,
        IReadOnlyList<BuyerAnswers> buyers,
        CancellationToken cancellationToken
    )
    {
        List<string> wrong = [];
        await WaitUntilSettledAsync(buyers, wrong, cancellationToken);
        var sellersBooks = await ReadAsync(
            sellers,
            (seller, turn) => _reader.ReadAsync(seller, turn, cancellationToken),
            cancellationToken
        );
        var buyersBooks = await ReadAsync(
            buyers,
            (buyer, turn) => _reader.ReadAsync(buyer, turn, cancellationToken),
            cancellationToken
        );
        Books books = new(sellersBooks, buyersBooks, await _payments.ReadNewAsync(cancellationToken));
        wrong.AddRange(Audit.Of(sellers, buyers, books));
        await CheckReplicasAsync(databases.Customers, wrong, cancellationToken);
        await CheckReplicasAsync(databases.Products, wrong, cancellationToken);
        return wrong;
    }

    /// <summary>
    /// Waits until every purchase is settled. Where a vote was not answered, it also waits until every recorded vote
    /// has reached its item.
    /// </summary>
    private async Task WaitUntilSettledAsync(
        IReadOnlyList<BuyerAnswers> buyers,
        List<string> wrong,
        CancellationToken cancellationToken
    )
    {
        var hasMaybeVotes = buyers.Any(b => b.Votes.Values.Any(v => v.Maybe > 0));
        PollDeadline deadline = new(Databases.RetryTimeout, time);
        while (true)
        {
            // Later than any time that a command can carry.
            var before = time.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds();
            var open = await AskAsync(
                options =>
                    databases
                        .Products[0]
                        .Products.GetOpenReservationsAsync(new() { Before = before, Limit = 1 }, options),
                cancellationToken
            );
            var isOpen = open.Reservations.Count > 0;
            if (!isOpen && !(hasMaybeVotes && await HasUnforwardedVotesAsync(before, cancellationToken)))
            {
                return;
            }

            if (deadline.HasPassed())
            {
                wrong.Add(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"a {(isOpen ? "purchase is not settled" : "vote has not reached its item")} "
                            + $"{deadline.Elapsed.TotalSeconds:0} s after the run"
                    )
                );
                return;
            }

            await Task.Delay(Databases.RetryPause, time, cancellationToken);
        }
    }

    private async Task<bool> HasUnforwardedVotesAsync(long before, CancellationToken cancellationToken)
    {
        var unforwarded = await AskAsync(
            options =>
                databases
                    .Customers[0]
                    .Customers.GetUnforwardedVotesAsync(new() { Before = before, Limit = 1 }, options),
            cancellationToken
        );
        return unforwarded.Votes.Count > 0;
    }

    /// <summary>Checks that all replicas of a database hold the same state.</summary>
    private async Task CheckReplicasAsync(
        IReadOnlyList<AuditedReplica> replicas,
        List<string> wrong,
        CancellationToken cancellationToken
    )
    {
        PollDeadline deadline = new(Databases.RetryTimeout, time);
        while (true)
        {
            var digests = await Task.WhenAll(
                replicas.Select(replica =>
                    AskAsync<DigestReply>(options => replica.Replica.GetDigestAsync(new(), options), cancellationToken)
                )
            );
            if (digests.All(d => d.Position == digests[0].Position))
            {
                _repeats[replicas[0].Component] = digests[0].Repeats;
                if (digests.Any(d => d.Digest != digests[0].Digest))
                {
                    wrong.Add(
                        "replicas differ at position "
                            + FormattableString.Invariant($"{digests[0].Position}: ")
                            + string.Join(
                                ", ",
                                replicas.Zip(digests, (replica, digest) => $"{replica.Name} {digest.Digest[..12]}")
                            )
                    );
                }

                return;
            }

            if (deadline.HasPassed())
            {
                wrong.Add(
                    "replicas do not come to the same position: "
                        + string.Join(
                            ", ",
                            replicas.Zip(
                                digests,
                                (replica, digest) => FormattableString.Invariant($"{replica.Name} {digest.Position}")
                            )
                        )
                );
                return;
            }

            await Task.Delay(Databases.RetryPause, time, cancellationToken);
        }
    }

    private static async Task<IReadOnlyList<TResult>> ReadAsync<T, TResult>(
        IReadOnlyList<T> list,
        Func<T, int, Task<TResult>> read,
        CancellationToken cancellationToken
    )
    {
        ConcurrentDictionary<int, TResult> results = [];
        ParallelOptions options = new()
        {
            MaxDegreeOfParallelism = MaxParallelReads,
            CancellationToken = cancellationToken,
        };
        await Parallel.ForAsync(0, list.Count, options, async (i, _) => results[i] = await read(list[i], i));
        return [.. Enumerable.Range(0, list.Count).Select(i => results[i])];
    }

    private Task<T> AskAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> ask, CancellationToken cancellationToken) =>
        Databases.AskAsync(ask, time, cancellationToken);

    public void Dispose() => _payments.Dispose();
}
