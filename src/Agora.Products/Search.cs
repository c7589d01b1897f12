using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Agora.Contracts.Products;
using Agora.Replication;
using Microsoft.Data.Sqlite;

namespace Agora.Products;

/// <summary>
/// Search by category and keywords. An item's sort key is (tier, rank, number): the tier says how many of the query's
/// keywords it matches in full and how many as a prefix, and the rank how good its feedback is. The cursor is the sort
/// key of the last item shown, so the next page starts after that item whatever has changed meanwhile.
/// </summary>
/// <remarks>
/// A vote changes a rank. So the cursor also carries the number of the last vote that was counted before the first
/// page, and later pages use the ranks of that moment: items that were voted on since are taken out of the present
/// order, and merged in again at their earlier rank. The work grows with the number of these votes in the category, so
/// it is bounded: after more than <see cref="MaxLaterVotes"/> votes the cursor is refused, and the caller must search
/// anew.
/// </remarks>
/// <param name="connection">A connection to the database.</param>
/// <param name="items">The items on that connection.</param>
/// <param name="smallTier">A tier of at most so many items is looked up item by item.</param>
/// <param name="maxLaterVotes">After more votes in its category a cursor is refused.</param>
internal sealed class Search(
    SqliteConnection connection,
    Items items,
    int smallTier = 500,
    int maxLaterVotes = Search.MaxLaterVotes
)
{
    /// <summary>How many keywords a query may have; each has a bit in <see cref="Match"/>.</summary>
    public const int MaxKeywords = 16;

    /// <summary>How many later votes in its category a page can leave out of account.</summary>
    public const int MaxLaterVotes = 20_000;

    private readonly Statement _inOrder = connection.Prepared(
        """
        SELECT rank, number FROM item
        WHERE category = ?1 AND quantity >= 1 AND (rank, number) > (?2, ?3)
        ORDER BY rank, number
        """
    );

    private readonly Statement _postings = connection.Prepared(
        "SELECT keyword, number FROM keyword WHERE category = ?1 AND keyword >= ?2 ORDER BY keyword, number"
    );

    private readonly Statement _rankOnSale = connection.Prepared(
        "SELECT rank FROM item WHERE number = ?1 AND quantity >= 1"
    );

    private readonly Statement _lastVote = connection.Prepared("SELECT MAX(sequence) FROM vote");

    private readonly Statement _laterVotes = connection.Prepared(
        "SELECT number, rank FROM vote WHERE category = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3"
    );

    /// <summary>
    /// The query's keywords that an item matches in full, and those that it matches as a prefix: one bit for each
    /// keyword.
    /// </summary>
    private record struct Match(ushort Full, ushort Prefix)
    {
        // Higher is better. A keyword that is matched in full does not count as a prefix as well.
        public readonly int Tier =>
            (BitOperations.PopCount(Full) << 8) | BitOperations.PopCount((uint)(Prefix & ~Full));
    }

    private readonly record struct SortKey(long Tier, long Rank, long Number);

    public ItemsReply Run(SearchQuery query, int limit)
    {
        string[] keywords = [.. query.Keywords.Distinct().Order(StringComparer.Ordinal)];
        var fingerprint = Fingerprint(query.Category, keywords);
        var after = new SortKey(long.MaxValue, 0, 0);
        long lastVote;
        EarlierRanks? earlier;
        if (query.Cursor.Length == 0)
        {
            lastVote = _lastVote.Number() ?? 0;
            earlier = EarlierRanks.None;
        }
        else
        {
            Span<long> key = stackalloc long[4];
            if (!PageCursor.TryDecode(query.Cursor, fingerprint, key))
            {
                return new ItemsReply { Error = ProductsError.InvalidCursor };
            }

            after = new SortKey(key[0], key[1], key[2]);
            lastVote = key[3];
            earlier = RanksBefore(lastVote, query.Category);
            if (earlier is null)
            {
                return new ItemsReply { Error = ProductsError.InvalidCursor };
            }
        }

        var found = new List<SortKey>(limit + 1);
        if (keywords.Length == 0)
        {
            Walk(query.Category, tier: 0, after, limit + 1, found, earlier, long.MaxValue, isInTier: null);
        }
        else
        {
            FindMatches(query.Category, keywords, after, limit + 1, found, earlier);
        }

        var reply = new ItemsReply();
        if (found.Count > limit)
        {
            found.RemoveAt(limit);
            var last = found[^1];
            reply.NextCursor = PageCursor.Encode(fingerprint, last.Tier, last.Rank, last.Number, lastVote);
        }

        reply.Items.AddRange(found.Select(item => items.Get(item.Number)!));
        return reply;
    }

    // Null where there are too many votes.
    private EarlierRanks? RanksBefore(long lastVote, int category)
    {
        var ranks = new Dictionary<long, long>();
        var votes = 0;
        using var rows = _laterVotes.Query(category, lastVote, maxLaterVotes + 1);
        while (rows.Read())
        {
            if (++votes > maxLaterVotes)
            {
                return null;
            }

            // The first of these votes on an item carries the rank that the item had until then.
            ranks.TryAdd(rows.Int64(0), rows.Int64(1));
        }

        return new EarlierRanks(ranks);
    }

    private void FindMatches(
        int category,
        string[] keywords,
        SortKey after,
        int wanted,
        List<SortKey> found,
        EarlierRanks earlier
    )
    {
        var matches = Matches(category, keywords);
        foreach (var (tier, size) in matches.Values.CountBy(match => match.Tier).OrderByDescending(tier => tier.Key))
        {
            if (found.Count == wanted)
            {
                return;
            }

            if (tier > after.Tier)
            {
                continue;
            }

            // A walk through the category in order finds an item of a big tier often, so it ends soon. Where it does
            // not (the tier's items are sold out or have bad feedback), the walk stops after as many steps as looking
            // up the whole tier takes.
            var before = found.Count;
            if (size > smallTier && Walk(category, tier, after, wanted, found, earlier, size, IsInTier))
            {
                continue;
            }

            found.RemoveRange(before, found.Count - before);
            var inTier = matches.Where(match => match.Value.Tier == tier).Select(match => match.Key);
            LookUp(tier, inTier, after, wanted, found, earlier);

            bool IsInTier(long number) => matches.TryGetValue(number, out var match) && match.Tier == tier;
        }
    }

    /// <summary>Which items match which keywords, from the keyword index alone.</summary>
    private Dictionary<long, Match> Matches(int category, string[] keywords)
    {
        var matches = new Dictionary<long, Match>();
        for (var i = 0; i < keywords.Length; i++)
        {
            var bit = (ushort)(1 << i);
            var keyword = Encoding.UTF8.GetBytes(keywords[i]);
            using var rows = _postings.Query(category, keywords[i]);
            while (rows.Read())
            {
                // Keywords with the same beginning follow each other.
                var candidate = rows.Bytes(0);
                if (!candidate.StartsWith(keyword))
                {
                    break;
                }

                ref var match = ref CollectionsMarshal.GetValueRefOrAddDefault(matches, rows.Int64(1), out _);
                match =
                    candidate.Length == keyword.Length
                        ? match with
                        {
                            Full = (ushort)(match.Full | bit),
                        }
                        : match with
                        {
                            Prefix = (ushort)(match.Prefix | bit),
                        };
            }
        }

        return matches;
    }

    /// <summary>
    /// Walks through the category's items on sale in the order of rank and number, starting after
    /// <paramref name="after"/>, and collects the items of the tier. False when <paramref name="steps"/> steps were not
    /// enough.
    /// </summary>
    private bool Walk(
        int category,
        int tier,
        SortKey after,
        int wanted,
        List<SortKey> found,
        EarlierRanks earlier,
        long steps,
        Func<long, bool>? isInTier
    )
    {
        var (rank, number) = tier == after.Tier ? (after.Rank, after.Number) : (long.MinValue, 0);
        var next = earlier.FirstAfter((rank, number));
        using var rows = _inOrder.Query(category, rank, number);
        while (found.Count < wanted)
        {
            if (steps-- == 0)
            {
                return false;
            }

            if (!rows.Read())
            {
                AddEarlier((long.MaxValue, long.MaxValue));
                break;
            }

            var item = (Rank: rows.Int64(0), Number: rows.Int64(1));
            if (earlier.ByNumber.ContainsKey(item.Number))
            {
                continue;
            }

            AddEarlier(item);
            if (found.Count < wanted && isInTier?.Invoke(item.Number) != false)
            {
                found.Add(new SortKey(tier, item.Rank, item.Number));
            }
        }

        return true;

        // Items that were voted on since, up to a rank and number.
        void AddEarlier((long, long) before)
        {
            var all = earlier.InOrder;
            for (; found.Count < wanted && next < all.Count && all[next].CompareTo(before) < 0; next++)
            {
                var (rank, number) = all[next];
                if (isInTier?.Invoke(number) != false && _rankOnSale.Number(number) is not null)
                {
                    found.Add(new SortKey(tier, rank, number));
                }
            }
        }
    }

    private void LookUp(
        int tier,
        IEnumerable<long> numbers,
        SortKey after,
        int wanted,
        List<SortKey> found,
        EarlierRanks earlier
    )
    {
        var inTier = new List<SortKey>();
        foreach (var number in numbers)
        {
            if (_rankOnSale.Number(number) is not { } now)
            {
                continue;
            }

            var rank = earlier.ByNumber.GetValueOrDefault(number, now);
            if (tier < after.Tier || (rank, number).CompareTo((after.Rank, after.Number)) > 0)
            {
                inTier.Add(new SortKey(tier, rank, number));
            }
        }

        inTier.Sort((a, b) => (a.Rank, a.Number).CompareTo((b.Rank, b.Number)));
        found.AddRange(inTier.Take(wanted - found.Count));
    }

    // A cursor is valid for one query only.
    private static long Fingerprint(int category, string[] keywords)
    {
        var query = Encoding.UTF8.GetBytes($"{category}\0{string.Join('\0', keywords)}");
        return BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(query));
    }

    /// <summary>The items that were voted on since the first page, with the ranks that they had then.</summary>
    private sealed class EarlierRanks(Dictionary<long, long> ranks)
    {
        public static EarlierRanks None { get; } = new([]);

        public Dictionary<long, long> ByNumber => ranks;

        public List<(long Rank, long Number)> InOrder =>
            field ??= [.. ranks.Select(item => (Rank: item.Value, Number: item.Key)).Order()];

        /// <summary>The index in <see cref="InOrder"/> of the first item after a rank and number.</summary>
        public int FirstAfter((long Rank, long Number) position)
        {
            var index = InOrder.BinarySearch(position);
            return index < 0 ? ~index : index + 1;
        }
    }
}
