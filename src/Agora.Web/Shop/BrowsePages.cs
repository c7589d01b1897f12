using System.Globalization;
using Agora.Client;
using Agora.Cluster;
using Agora.Rest;
using Agora.Web.Page;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>What visitors see: the front page, searches, items and sellers.</summary>
internal static class BrowsePages
{
    private const int ShelvesShown = 3;
    private const int ItemsOnShelf = 4;
    private const int ItemsOfGroup = 4;
    private const int PageSize = 24;

    /// <summary>A filter may leave little of a page, so further pages are read until there is enough.</summary>
    private const int MaxPagesRead = 6;

    /// <summary>A search in all categories asks for each; only so many are asked.</summary>
    private const int MaxCategoriesSearched = 20;

    private const int MaxCursorLength = 500;

    public static async Task<IResult> FrontAsync(ShopVisit visit, TimeProvider time)
    {
        var header = visit.HeaderAsync();
        // Others come to the front every hour, the same at every replica.
        var hour = (int)(time.GetUtcNow().ToUnixTimeSeconds() / 3600 % int.MaxValue);
        var count = visit.Categories.Count;
        CategoryName[] inTurn =
        [
            .. Enumerable
                .Range(0, Math.Min(count, MaxCategoriesSearched))
                .Select(i => visit.Categories[(hour + i) % count]),
        ];
        var shelves = await ShelvesAsync(visit, inTurn[..Math.Min(ShelvesShown, inTurn.Length)]);
        if (shelves.Length == 0)
        {
            shelves = await ShelvesAsync(visit, inTurn[Math.Min(ShelvesShown, inTurn.Length)..]);
        }

        return Pages.Render<FrontView>(
            (nameof(FrontView.Header), await header),
            (nameof(FrontView.Shelves), shelves.Take(ShelvesShown).ToArray())
        );
    }

    public static async Task<IResult> SearchAsync(ShopVisit visit)
    {
        var header = visit.HeaderAsync();
        var search = ItemSearch.Of(visit.Query);
        ItemGroup[] groups = [];
        string? next = null;
        try
        {
            if (search.Category is { } category)
            {
                (groups, next) = await SearchCategoryAsync(visit, search, category);
            }
            else if (search.Keywords.Count > 0)
            {
                groups = await SearchAllAsync(visit, search);
            }
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.InvalidRequest && e.Errors.ContainsKey("cursor"))
        {
            // The page of the list is too old.
            return ShopVisit.Go(search.Url());
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.InvalidRequest)
        {
            search.Errors.AddFrom(e, ("keyword", ItemSearch.WordsField, "A word of the search"));
        }

        return Pages.Render<SearchView>(
            search.Errors.IsEmpty ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity,
            (nameof(SearchView.Header), await header),
            (nameof(SearchView.Search), search),
            (nameof(SearchView.Groups), groups),
            (nameof(SearchView.Next), next)
        );
    }

    public static async Task<IResult> ItemAsync(ShopVisit visit) =>
        await ItemAsync(visit, visit.Path("id"), new AddForm(), StatusCodes.Status200OK);

    /// <summary>The page of an item, with what its form for the cart holds.</summary>
    public static async Task<IResult> ItemAsync(ShopVisit visit, string itemId, AddForm form, int status)
    {
        if (!ItemIdFormat.IsValid(itemId))
        {
            return ErrorPages.OfStatus(StatusCodes.Status404NotFound);
        }

        var header = visit.HeaderAsync();
        var item = await visit.Visitor.GetItemAsync(itemId, visit.Left);
        var seller = await visit.Visitor.GetSellerAsync(item.SellerId, visit.Left);
        return Pages.Render<ItemView>(
            status,
            (nameof(ItemView.Header), await header),
            (nameof(ItemView.Item), item),
            (nameof(ItemView.Seller), seller),
            (nameof(ItemView.Form), form)
        );
    }

    public static async Task<IResult> SellerAsync(ShopVisit visit)
    {
        if (
            !long.TryParse(visit.Path("id"), NumberStyles.None, CultureInfo.InvariantCulture, out var sellerId)
            || sellerId < 1
        )
        {
            return ErrorPages.OfStatus(StatusCodes.Status404NotFound);
        }

        var header = visit.HeaderAsync();
        var cursor = Cursor(visit);
        var seller = visit.Visitor.GetSellerAsync(sellerId, visit.Left);
        try
        {
            var items = await visit.Visitor.GetItemsOfSellerAsync(sellerId, PageSize, cursor, visit.Left);
            return Pages.Render<SellerView>(
                (nameof(SellerView.Header), await header),
                (nameof(SellerView.Seller), await seller),
                (nameof(SellerView.Items), items.Items),
                (nameof(SellerView.Next), items.NextCursor),
                (nameof(SellerView.IsFirst), cursor is null)
            );
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.InvalidRequest && cursor is not null)
        {
            return ShopVisit.Go(string.Create(CultureInfo.InvariantCulture, $"/sellers/{sellerId}"));
        }
        finally
        {
            await ((Task)seller).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The cursor of the URL; null for the first page.</summary>
    public static string? Cursor(ShopVisit visit) =>
        visit.Query("cursor") is { Length: > 0 and <= MaxCursorLength } cursor ? cursor : null;

    private static async Task<ItemGroup[]> ShelvesAsync(ShopVisit visit, CategoryName[] categories)
    {
        var shelves = await Task.WhenAll(
            categories.Select(async category => new ItemGroup(
                category.Number,
                (
                    await visit.Visitor.SearchItemsForSaleAsync(
                        category.Number,
                        limit: ItemsOnShelf,
                        cancellationToken: visit.Left
                    )
                ).Items
            ))
        );
        return [.. shelves.Where(shelf => shelf.Items.Count > 0)];
    }

    private static async Task<(ItemGroup[] Groups, string? Next)> SearchCategoryAsync(
        ShopVisit visit,
        ItemSearch search,
        int category
    )
    {
        List<Item> found = [];
        var cursor = search.Cursor;
        var pages = 0;
        do
        {
            var page = await visit.Visitor.SearchItemsForSaleAsync(
                category,
                search.Keywords,
                PageSize,
                cursor,
                visit.Left
            );
            found.AddRange(page.Items.Where(search.Fits));
            cursor = page.NextCursor;
        } while (cursor is not null && found.Count < PageSize && ++pages < MaxPagesRead);
        return ([new ItemGroup(category, found)], cursor);
    }

    private static async Task<ItemGroup[]> SearchAllAsync(ShopVisit visit, ItemSearch search)
    {
        var groups = await Task.WhenAll(
            visit
                .Categories.Take(MaxCategoriesSearched)
                .Select(async category =>
                {
                    var page = await visit.Visitor.SearchItemsForSaleAsync(
                        category.Number,
                        search.Keywords,
                        search.HasFilter ? PageSize : ItemsOfGroup + 1,
                        cancellationToken: visit.Left
                    );
                    Item[] fit = [.. page.Items.Where(search.Fits)];
                    return new ItemGroup(category.Number, [.. fit.Take(ItemsOfGroup)])
                    {
                        HasMore = fit.Length > ItemsOfGroup || (search.HasFilter && page.NextCursor is not null),
                    };
                })
        );
        return [.. groups.Where(group => group.Items.Count > 0)];
    }
}
