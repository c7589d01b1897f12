using System.Globalization;
using Agora.Client;
using Agora.Rest;
using Agora.Web.Page;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>The seller's desk: what is in stock, and what was sold.</summary>
internal static class DeskPages
{
    private const int RowsOnPage = 50;
    private const int SalesOnPage = 50;

    // The list is sorted by what runs out, so all of it is read. A seller with more items sees those that were
    // registered first, and is told so.
    private const int ReadAtOnce = 200;
    private const int MaxItemsRead = 2000;

    public static Task<IResult> StockAsync(ShopVisit visit) =>
        StockAsync(visit, new StockForm { Done = visit.Query("done") }, StatusCodes.Status200OK);

    /// <summary>The stock, with what was typed into one of its rows.</summary>
    public static async Task<IResult> StockAsync(ShopVisit visit, StockForm form, int status)
    {
        var seller = visit.Seller;
        var account = seller.GetAccountAsync(visit.Left);
        try
        {
            List<Item> items = [];
            string? cursor = null;
            do
            {
                var page = await seller.DisplayItemsForSaleAsync(ReadAtOnce, cursor, visit.Left);
                items.AddRange(page.Items);
                cursor = page.NextCursor;
            } while (cursor is not null && items.Count < MaxItemsRead);

            Item[] sorted = [.. items.OrderBy(item => item.Quantity)];
            var pages = Math.Max(1, (sorted.Length + RowsOnPage - 1) / RowsOnPage);
            var shown = int.TryParse(
                visit.Query("page"),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var number
            )
                ? Math.Clamp(number, 1, pages)
                : 1;
            // A row with an error is shown, wherever the list is open.
            if (form.ItemId.Length > 0 && Array.FindIndex(sorted, item => item.Id == form.ItemId) is >= 0 and var index)
            {
                shown = 1 + index / RowsOnPage;
            }

            return Pages.Render<StockView>(
                status,
                (nameof(StockView.Account), await account),
                (nameof(StockView.Categories), visit.Categories),
                (
                    nameof(StockView.Items),
                    sorted[((shown - 1) * RowsOnPage)..Math.Min(shown * RowsOnPage, sorted.Length)]
                ),
                (nameof(StockView.Count), sorted.Length),
                (nameof(StockView.IsComplete), cursor is null),
                (nameof(StockView.SoldOut), sorted.Count(item => item.Quantity == 0)),
                (nameof(StockView.PageNumber), shown),
                (nameof(StockView.PageCount), pages),
                (nameof(StockView.Form), form)
            );
        }
        finally
        {
            await ((Task)account).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public static async Task<IResult> SalesAsync(ShopVisit visit)
    {
        var seller = visit.Seller;
        var account = seller.GetAccountAsync(visit.Left);
        var cursor = BrowsePages.Cursor(visit);
        try
        {
            var page = await seller.GetSalesAsync(SalesOnPage, cursor, visit.Left);
            return Pages.Render<SalesView>(
                (nameof(SalesView.Account), await account),
                (nameof(SalesView.Categories), visit.Categories),
                (nameof(SalesView.Sales), page.Sales),
                (nameof(SalesView.Next), page.NextCursor),
                (nameof(SalesView.IsFirst), cursor is null)
            );
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.InvalidRequest && cursor is not null)
        {
            return ShopVisit.Go("/desk/sales");
        }
        finally
        {
            await ((Task)account).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
