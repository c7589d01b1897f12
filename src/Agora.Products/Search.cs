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
/// Search by category and keywords. An item's place is (tier, rank, number): the tier says how many of the query's
/// keywords it matches in full and how many as a prefix, the rank how its feedback stands. The place is also the
/// cursor, so a page starts behind the last item shown whatever has changed meanwhile.
/// </summary>
/// <remarks>
/// A vote changes a rank. So the cursor carries the number of the last vote counted before the first page, and the
/// pages behind that go by the ranks of then: what has been voted on since is taken out of the order of now, and merged
/// in again where it stood. That costs as much as there were votes in the category, so it is bounded: somebody who
/// turns a page after more of them than <see cref="MaxLaterVotes"/> is told to search anew.
/// </remarks>
/// <param name="connection">A connection to the database.</param>
/// <param name="items">The items on that connection.</param>
/// <param name="smallTier">A tier of at most so many items is looked up at once.</param>
/// <param name="maxLaterVotes">Votes in a category after which a cursor is no longer good.</param>
internal sealed class Search(
    SqliteConnection connection, Items items, int smallTier = 500, int maxLaterVotes = Search.MaxLaterVotes)
{
    /// <summary>Most keywords in a query; each has a bit in <see cref="Match"/>.</summary>
    public const int MostKeywords = 16;

    /// <summary>Most votes in a category that a page puts aside.</summary>
    public const int MaxLaterVotes = 20_000;

    private readonly Statement _inOrder = connection.Prepared("""
        SELECT rank, number FROM item
        WHERE category = ?1 AND quantity >= 1 AND (rank, number) > (?2, ?3)
        ORDER BY rank, number
        """);

    private readonly Statement _postings = connection.Prepared(
        "SELECT keyword, number FROM keyword WHERE category = ?1 AND keyword >= ?2 ORDER BY keyword, number");

    private readonly Statement _rankOnSale = connection.Prepared("SELECT rank FROM item WHERE number = ?1 AND quantity >= 1");

    private readonly Statement _lastVote = connection.Prepared("SELECT MAX(sequence) FROM vote");

    private readonly Statement _laterVotes = connection.Prepared(
        "SELECT number, rank FROM vote WHERE category = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3");

    /// <summary>Which of the query's keywords an item matches in full, and which as a prefix: one bit for each.</summary>
    private record struct Match(ushort Full, ushort Prefix)
    {
        // Higher is better; a keyword that is matched in full does not count as a prefix too.
        public readonly int Tier => (BitOperations.PopCount(Full) << 8) | BitOperations.PopCount((uint)(Prefix & ~Full));
    }

    private readonly record struct Place(long Tier, long Rank, long Number);

    public ItemsReply Run(SearchQuery query, int limit)
    {
        string[] keywords = [.. query.Keywords.Distinct().Order(StringComparer.Ordinal)];
        var fingerprint = Fingerprint(query.Category, keywords);
        var after = new Place(long.MaxValue, 0, 0);
        long lastVote;
        Moved? moved;
        if (query.Cursor.Length == 0)
        {
            lastVote = _lastVote.Number() ?? 0;
            moved = Moved.None;
        }
        else
        {
            Span<long> key = stackalloc long[4];
            if (!PageCursor.TryDecode(query.Cursor, fingerprint, key))
            {
                return new ItemsReply { Error = Error.InvalidCursor };
            }

            after = new Place(key[0], key[1], key[2]);
            lastVote = key[3];
            moved = MovedSince(lastVote, query.Category);
            if (moved is null)
            {
                return new ItemsReply { Error = Error.InvalidCursor };
            }
        }

        var found = new List<Place>(limit + 1);
        if (keywords.Length == 0)
        {
            Walk(query.Category, tier: 0, after, limit + 1, found, moved, long.MaxValue, isInTier: null);
        }
        else
        {
            FindMatches(query.Category, keywords, after, limit + 1, found, moved);
        }

        var reply = new ItemsReply();
        if (found.Count > limit)
        {
            found.RemoveAt(limit);
            var last = found[^1];
            reply.NextCursor = PageCursor.Encode(fingerprint, last.Tier, last.Rank, last.Number, lastVote);
        }

        reply.Items.AddRange(found.Select(place => items.Get(place.Number)!));
        return reply;
    }

    // Null where there are too many.
    private Moved? MovedSince(long lastVote, int category)
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

            // The first vote on an item has found it as it was.
            ranks.TryAdd(rows.Int64(0), rows.Int64(1));
        }

        return new Moved(ranks);
    }

    private void FindMatches(int category, string[] keywords, Place after, int wanted, List<Place> found, Moved moved)
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

            // A big tier is met often on a walk through the category in order, which then ends soon. Where it does not (its items
            // are sold out, or are the ones that nobody likes), the walk is given up after as many steps as looking all of it up takes.
            var before = found.Count;
            if (size > smallTier && Walk(category, tier, after, wanted, found, moved, size, IsInTier))
            {
                continue;
            }

            found.RemoveRange(before, found.Count - before);
            var inTier = matches.Where(match => match.Value.Tier == tier).Select(match => match.Key);
            LookUp(tier, inTier, after, wanted, found, moved);

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
                // Keywords that begin alike stand together.
                var candidate = rows.Bytes(0);
                if (!candidate.StartsWith(keyword))
                {
                    break;
                }

                ref var match = ref CollectionsMarshal.GetValueRefOrAddDefault(matches, rows.Int64(1), out _);
                match = candidate.Length == keyword.Length
                    ? match with { Full = (ushort)(match.Full | bit) }
                    : match with { Prefix = (ushort)(match.Prefix | bit) };
            }
        }

        return matches;
    }

    /// <summary>
    /// Walks through the category's items on sale in the order of rank and number, from behind <paramref name="after"/>, and collects
    /// those of the tier. False when it took more than <paramref name="steps"/> steps without coming to an end.
    /// </summary>
    private bool Walk(
        int category, int tier, Place after, int wanted, List<Place> found, Moved moved, long steps,
        Func<long, bool>? isInTier)
    {
        var (rank, number) = tier == after.Tier ? (after.Rank, after.Number) : (long.MinValue, 0);
        var next = moved.FirstBehind((rank, number));
        using var rows = _inOrder.Query(category, rank, number);
        while (found.Count < wanted)
        {
            if (steps-- == 0)
            {
                return false;
            }

            if (!rows.Read())
            {
                AddMoved((long.MaxValue, long.MaxValue));
                break;
            }

            var place = (Rank: rows.Int64(0), Number: rows.Int64(1));
            if (moved.Ranks.ContainsKey(place.Number))
            {
                continue;
            }

            AddMoved(place);
            if (found.Count < wanted && isInTier?.Invoke(place.Number) != false)
            {
                found.Add(new Place(tier, place.Rank, place.Number));
            }
        }

        return true;

        // Those that stood before a place.
        void AddMoved((long, long) before)
        {
            var all = moved.InOrder;
            for (; found.Count < wanted && next < all.Count && all[next].CompareTo(before) < 0; next++)
            {
                var (rank, number) = all[next];
                if (isInTier?.Invoke(number) != false && _rankOnSale.Number(number) is not null)
                {
                    found.Add(new Place(tier, rank, number));
                }
            }
        }
    }

    private void LookUp(int tier, IEnumerable<long> numbers, Place after, int wanted, List<Place> found, Moved moved)
    {
        var places = new List<Place>();
        foreach (var number in numbers)
        {
            if (_rankOnSale.Number(number) is not { } now)
            {
                continue;
            }

            var rank = moved.Ranks.GetValueOrDefault(number, now);
            if (tier < after.Tier || (rank, number).CompareTo((after.Rank, after.Number)) > 0)
            {
                places.Add(new Place(tier, rank, number));
            }
        }

        places.Sort((a, b) => (a.Rank, a.Number).CompareTo((b.Rank, b.Number)));
        found.AddRange(places.Take(wanted - found.Count));
    }

    // A cursor is a place in the answer to one query only.
    private static long Fingerprint(int category, string[] keywords)
    {
        var query = Encoding.UTF8.GetBytes($"{category}\0{string.Join('\0', keywords)}");
        return BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(query));
    }

    /// <summary>Items that were voted on since the first page, with the ranks that they had then.</summary>
    private sealed class Moved(Dictionary<long, long> ranks)
    {
        public static Moved None { get; } = new([]);

        public Dictionary<long, long> Ranks => ranks;

        public List<(long Rank, long Number)> InOrder =>
            field ??= [.. ranks.Select(item => (Rank: item.Value, Number: item.Key)).Order()];

        /// <summary>Where in <see cref="InOrder"/> those begin that stood behind a place.</summary>
        public int FirstBehind((long Rank, long Number) place)
        {
            var index = InOrder.BinarySearch(place);
            return index < 0 ? ~index : index + 1;
        }
    }
}
