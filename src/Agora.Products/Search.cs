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
/// Search by category and keywords. An item's place is (tier, rank, number): the tier says how many of the query's keywords it
/// matches in full and how many as a prefix, the rank how its feedback stands. The place is also the cursor, so a page starts
/// behind the last item shown whatever has changed meanwhile.
/// </summary>
/// <param name="connection">A connection to the database.</param>
/// <param name="items">The items on that connection.</param>
/// <param name="smallTier">A tier of at most so many items is looked up at once.</param>
internal sealed class Search(SqliteConnection connection, Items items, int smallTier = 500)
{
    /// <summary>Most keywords in a query; each has a bit in <see cref="Match"/>.</summary>
    public const int MostKeywords = 16;

    private readonly Statement _inOrder = connection.Prepared("""
        SELECT rank, number FROM item
        WHERE category = ?1 AND quantity >= 1 AND (rank, number) > (?2, ?3)
        ORDER BY rank, number
        """);

    private readonly Statement _postings = connection.Prepared(
        "SELECT keyword, number FROM keyword WHERE category = ?1 AND keyword >= ?2 ORDER BY keyword, number");

    private readonly Statement _rankOnSale = connection.Prepared("SELECT rank FROM item WHERE number = ?1 AND quantity >= 1");

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
        if (query.Cursor.Length > 0)
        {
            Span<long> key = stackalloc long[3];
            if (!PageCursor.TryDecode(query.Cursor, fingerprint, key))
            {
                return new ItemsReply { Error = Error.InvalidCursor };
            }

            after = new Place(key[0], key[1], key[2]);
        }

        var found = new List<Place>(limit + 1);
        if (keywords.Length == 0)
        {
            Walk(query.Category, tier: 0, after, limit + 1, found, long.MaxValue, isInTier: null);
        }
        else
        {
            FindMatches(query.Category, keywords, after, limit + 1, found);
        }

        var reply = new ItemsReply();
        if (found.Count > limit)
        {
            found.RemoveAt(limit);
            var last = found[^1];
            reply.NextCursor = PageCursor.Encode(fingerprint, last.Tier, last.Rank, last.Number);
        }

        reply.Items.AddRange(found.Select(place => items.Get(place.Number)!));
        return reply;
    }

    private void FindMatches(int category, string[] keywords, Place after, int wanted, List<Place> found)
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
            if (size > smallTier && Walk(category, tier, after, wanted, found, size, IsInTier))
            {
                continue;
            }

            found.RemoveRange(before, found.Count - before);
            LookUp(tier, matches.Where(match => match.Value.Tier == tier).Select(match => match.Key), after, wanted, found);

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
    private bool Walk(int category, int tier, Place after, int wanted, List<Place> found, long steps, Func<long, bool>? isInTier)
    {
        var (rank, number) = tier == after.Tier ? (after.Rank, after.Number) : (long.MinValue, 0);
        using var rows = _inOrder.Query(category, rank, number);
        while (found.Count < wanted)
        {
            if (steps-- == 0)
            {
                return false;
            }

            if (!rows.Read())
            {
                break;
            }

            if (isInTier is null || isInTier(rows.Int64(1)))
            {
                found.Add(new Place(tier, rows.Int64(0), rows.Int64(1)));
            }
        }

        return true;
    }

    private void LookUp(int tier, IEnumerable<long> numbers, Place after, int wanted, List<Place> found)
    {
        var places = new List<Place>();
        foreach (var number in numbers)
        {
            if (_rankOnSale.Number(number) is { } rank
                && (tier < after.Tier || (rank, number).CompareTo((after.Rank, after.Number)) > 0))
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
}
