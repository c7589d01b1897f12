using Agora.Contracts.Products;
using CsCheck;
using Xunit;

namespace Agora.Products.Tests;

public sealed class SearchTests : IDisposable
{
    private readonly ProductsUnderTest _db = new();

    public void Dispose() => _db.Dispose();

    [Fact]
    public void Without_keywords_the_category_is_shown_by_feedback_and_number_sold_out_items_left_out()
    {
        var plain = _db.Register();
        var disliked = _db.Register();
        var liked = _db.Register();
        var soldOut = _db.Register(quantity: 1);
        _db.Register(category: 2);
        var late = _db.Register();
        _db.Vote("1", disliked.ItemId, false);
        _db.Vote("2", liked.ItemId, true);
        _db.Vote("3", soldOut.ItemId, true);
        _db.Reserve("p", (soldOut.ItemId, 1));
        Assert.Equal([liked.ItemId, plain.ItemId, late.ItemId, disliked.ItemId], Ids(_db.Search(1, [])));
        _db.Release("p");
        Assert.Contains(soldOut.ItemId, Ids(_db.Search(1, [])));
    }

    [Fact]
    public void Full_matches_come_before_prefixes_and_those_before_feedback()
    {
        var prefixTwice = _db.Register(keywords: ["redder", "bikes"]).ItemId;
        var fullOnce = _db.Register(keywords: ["red"]).ItemId;
        var fullAndPrefix = _db.Register(keywords: ["RED", "Bikes"]).ItemId;
        var fullTwice = _db.Register(keywords: ["bike", "red"]).ItemId;
        var prefixOnce = _db.Register(keywords: ["bikes", "bikers"]).ItemId;
        var likedPrefixOnce = _db.Register(keywords: ["bikes"]).ItemId;
        _db.Register(keywords: ["re", "ike", "bik"]);
        _db.Register(category: 2, keywords: ["red", "bike"]);
        _db.Vote("1", likedPrefixOnce, true);
        Assert.Equal(
            [fullTwice, fullAndPrefix, fullOnce, prefixTwice, likedPrefixOnce, prefixOnce],
            Ids(_db.Search(1, ["Red", "BIKE"]))
        );
    }

    [Theory]
    [InlineData("ÄPFEL", "äpfel")]
    [InlineData("%", "%")]
    [InlineData("a_b", "A_B")]
    [InlineData("😀x", "😀")]
    public void Any_text_is_a_keyword(string keyword, string query)
    {
        var item = _db.Register(keywords: [keyword]).ItemId;
        _db.Register(keywords: ["zz", "other", "axb"]);
        Assert.Equal([item], Ids(_db.Search(1, [query])));
    }

    [Fact]
    public void A_keyword_that_the_query_repeats_counts_once()
    {
        var one = _db.Register(keywords: ["red"]).ItemId;
        var two = _db.Register(keywords: ["red", "bikes"]).ItemId;
        Assert.Equal([two, one], Ids(_db.Search(1, ["red", "RED", "Red", "bike"])));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("not base 64!")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void Garbage_is_no_cursor(string cursor) =>
        Assert.Equal(ProductsError.InvalidCursor, _db.Search(1, [], cursor: cursor).Error);

    [Fact]
    public void Another_querys_cursor_is_no_cursor()
    {
        _db.Register(keywords: ["red", "big"]);
        _db.Register(keywords: ["red", "big"]);
        var cursor = _db.Search(1, ["red", "big"], limit: 1).NextCursor;
        Assert.Equal(ProductsError.InvalidCursor, _db.Search(1, ["red"], limit: 1, cursor).Error);
        Assert.Equal(ProductsError.InvalidCursor, _db.Search(2, ["red", "big"], limit: 1, cursor).Error);
        Assert.Equal(ProductsError.InvalidCursor, _db.Search(1, [], limit: 1, cursor).Error);
        Assert.Single(_db.Search(1, ["BIG", "red"], limit: 1, cursor).Items);
    }

    [Fact]
    public void Items_that_do_not_change_are_shown_exactly_once_while_others_do()
    {
        var items = Enumerable.Range(0, 40).Select(_ => _db.Register(keywords: ["red"]).ItemId).ToList();
        var seen = new List<string>();
        var cursor = "";
        do
        {
            var page = _db.Search(1, ["red"], limit: 7, cursor);
            seen.AddRange(Ids(page));
            cursor = page.NextCursor;

            // Shown items sell out or move, and new items come before and after the cursor.
            _db.Withdraw(seen[^1], 1, 10);
            _db.Vote(seen[^2] + seen.Count, seen[^2], true);
            _db.Vote("up" + seen.Count, _db.Register(keywords: ["red"]).ItemId, true);
        } while (cursor.Length > 0);
        Assert.Equal(items, seen.Where(items.Contains));
    }

    private sealed record Model(string Id, int Category, string[] Keywords, long Feedback, long Quantity);

    private static readonly string[] s_words = ["a", "ab", "abc", "abd", "b", "ba", "bab", "c", "Ä", "äx"];
    private static readonly Gen<string> s_word = Gen.Int[0, 9].Select(i => s_words[i]);

    private static readonly Gen<(int Category, string[] Keywords, int Votes, bool SoldOut)> s_anItem = Gen.Select(
        Gen.Int[1, 2],
        s_word.Array[0, 5],
        Gen.Int[-2, 2],
        Gen.Frequency((4, Gen.Const(false)), (1, Gen.Const(true)))
    );

    [Fact]
    public void The_order_is_that_of_the_description_and_pages_of_any_size_make_up_the_whole()
    {
        Gen.Select(
                s_anItem.Array[0, 60],
                s_word.Array[0, 3],
                Gen.Int[1, 9],
                Gen.Int[0, 2].Select(i => new[] { 0, 3, 500 }[i])
            )
            .Sample(
                (items, query, limit, smallTier) =>
                {
                    using var db = new ProductsUnderTest { CheckRefusals = false };
                    var models = items
                        .Select((item, i) => Add(db, i, item.Category, item.Keywords, item.Votes, item.SoldOut))
                        .ToList();
                    var expected = Naive(models, 1, query);
                    Assert.Equal(expected, Ids(db.Search(1, query, smallTier: smallTier)));

                    var pages = new List<string>();
                    var cursor = "";
                    do
                    {
                        var page = db.Search(1, query, limit, cursor, smallTier);
                        Assert.True(page.Items.Count == limit || page.NextCursor.Length == 0);
                        pages.AddRange(Ids(page));
                        cursor = page.NextCursor;
                    } while (cursor.Length > 0);
                    Assert.Equal(expected, pages);
                },
                iter: 300,
                threads: 1
            );
    }

    [Fact]
    public void Votes_between_pages_do_not_change_the_order_of_the_first_page()
    {
        var aVote = Gen.Select(Gen.Int[0, 59], Gen.Bool);
        var smallTiers = Gen.Int[0, 2].Select(i => new[] { 0, 3, 500 }[i]);
        var counts = new int[2];
        Gen.Select(
                s_anItem.Array[1, 60],
                s_word.Array[0, 3],
                Gen.Int[1, 9],
                smallTiers,
                aVote.Array[0, 12].Array[1, 20]
            )
            .Sample(
                (items, query, limit, smallTier, votes) =>
                {
                    using var db = new ProductsUnderTest { CheckRefusals = false };
                    var models = items
                        .Select((item, i) => Add(db, i, item.Category, item.Keywords, item.Votes, item.SoldOut))
                        .ToList();
                    var expected = Naive(models, 1, query).ToList();
                    var shown = new List<string>();
                    var cursor = "";
                    for (var page = 0; page == 0 || cursor.Length > 0; page++)
                    {
                        var reply = db.Search(1, query, limit, cursor, smallTier);
                        shown.AddRange(Ids(reply));
                        Assert.True(reply.Items.Count == limit || reply.NextCursor.Length == 0);
                        cursor = reply.NextCursor;
                        foreach (var (item, up) in votes[page % votes.Length])
                        {
                            db.Vote($"later {page} {item} {up}", models[item % models.Count].Id, up);
                        }
                    }

                    Assert.Equal(expected, shown);
                    Interlocked.Increment(ref counts[shown.Count > limit ? 1 : 0]);
                },
                iter: 300,
                threads: 1
            );
        Assert.InRange(counts[1], 30, 300);
    }

    [Theory]
    [InlineData(null, 500)]
    [InlineData("red", 0)]
    [InlineData("red", 500)]
    public void What_is_voted_down_after_it_was_shown_is_not_shown_again_and_what_is_voted_up_before_is_not_left_out(
        string? keyword,
        int smallTier
    )
    {
        string[] query = keyword is null ? [] : [keyword];
        var all = Enumerable.Range(0, 12).Select(_ => _db.Register(keywords: ["red"]).ItemId).ToList();
        var first = _db.Search(1, query, limit: 4, smallTier: smallTier);
        _db.Vote("down", all[1], false);
        _db.Vote("up", all[9], true);
        var second = _db.Search(1, query, limit: 4, first.NextCursor, smallTier);
        _db.Vote("down again", all[5], false);
        _db.Vote("up again", all[9], true);
        var third = _db.Search(1, query, limit: 4, second.NextCursor, smallTier);
        Assert.Equal(all, Ids(first).Concat(Ids(second)).Concat(Ids(third)));
        Assert.Equal("", third.NextCursor);

        // A new search uses the new ranks.
        Assert.Equal(all[9], Ids(_db.Search(1, query, limit: 1, smallTier: smallTier)).Single());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(500)]
    public void Items_that_were_voted_on_are_shown_as_long_as_they_are_on_sale(int smallTier)
    {
        var all = Enumerable.Range(0, 6).Select(_ => _db.Register(quantity: 1, keywords: ["red"]).ItemId).ToList();
        _db.Withdraw(all[3], 1, 1);
        var first = _db.Search(1, ["red"], limit: 2, smallTier: smallTier);
        foreach (var item in all)
        {
            _db.Vote("of " + item, item, true);
        }

        var added = _db.Register(keywords: ["red"]).ItemId;
        _db.Withdraw(all[2], 1, 1);
        _db.AddUnits(all[3], 1, 1);
        Assert.Equal(
            [all[3], all[4], all[5], added],
            Ids(_db.Search(1, ["red"], cursor: first.NextCursor, smallTier: smallTier))
        );
    }

    [Fact]
    public void After_too_many_votes_in_its_category_a_cursor_is_refused()
    {
        var item = _db.Register().ItemId;
        var other = _db.Register(category: 2).ItemId;
        _db.Register();
        var cursor = _db.Search(1, [], limit: 1).NextCursor;
        for (var i = 0; i < 3; i++)
        {
            _db.Vote($"here {i}", item, true);
            _db.Vote($"there {i}", other, true);
            Assert.Single(_db.Search(1, [], limit: 1, cursor, maxLaterVotes: 3).Items);
        }

        _db.Vote("one too many", item, false);
        Assert.Equal(ProductsError.InvalidCursor, _db.Search(1, [], limit: 1, cursor, maxLaterVotes: 3).Error);
        Assert.Single(_db.Search(1, [], limit: 1, cursor, maxLaterVotes: 4).Items);
    }

    // Sorts all items by one rule of the description after the other.
    private static IEnumerable<string> Naive(List<Model> models, int category, string[] query)
    {
        var words = query.Select(word => word.ToLowerInvariant()).Distinct().ToList();
        return models
            .Where(item => item.Category == category && item.Quantity >= 1)
            .Select(item => (item, keywords: item.Keywords.Select(k => k.ToLowerInvariant()).ToList()))
            .Select(x =>
                (
                    x.item,
                    full: words.Count(x.keywords.Contains),
                    prefix: words.Count(word =>
                        !x.keywords.Contains(word) && x.keywords.Any(k => k.StartsWith(word, StringComparison.Ordinal))
                    )
                )
            )
            .Where(x => words.Count == 0 || x.full + x.prefix > 0)
            .OrderByDescending(x => x.full)
            .ThenByDescending(x => x.prefix)
            .ThenByDescending(x => x.item.Feedback)
            .ThenBy(x => long.Parse(x.item.Id.Split('-')[1], provider: null))
            .Select(x => x.item.Id);
    }

    private static Model Add(ProductsUnderTest db, int index, int category, string[] keywords, int votes, bool soldOut)
    {
        var id = db.Register(category, soldOut ? 0 : 1, keywords: keywords).ItemId;
        for (var i = 0; i < Math.Abs(votes); i++)
        {
            db.Vote($"{index} {i}", id, votes > 0);
        }

        return new Model(id, category, keywords, votes, soldOut ? 0 : 1);
    }

    private static IEnumerable<string> Ids(ItemsReply reply)
    {
        Assert.Equal(ProductsError.None, reply.Error);
        return reply.Items.Select(item => item.ItemId);
    }
}
