using Agora.Client;
using Agora.Rest;
using Agora.Web.Page;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>What a buyer has bought: the list, the receipts, and the votes.</summary>
internal static class PurchasePages
{
    private const int PageSize = 10;

    public static async Task<IResult> ListAsync(ShopVisit visit)
    {
        var buyer = visit.Buyer;
        var header = visit.HeaderAsync();
        var account = buyer.GetAccountAsync(visit.Left);
        var cursor = BrowsePages.Cursor(visit);
        try
        {
            var page = await buyer.GetBuyerPurchasesAsync(PageSize, cursor, visit.Left);
            var items = await ItemsOfAsync(visit, page.Purchases);
            return Pages.Render<PurchasesView>(
                (nameof(PurchasesView.Header), await header),
                (nameof(PurchasesView.Account), await account),
                (nameof(PurchasesView.Purchases), page.Purchases),
                (nameof(PurchasesView.Items), items),
                (nameof(PurchasesView.Next), page.NextCursor),
                (nameof(PurchasesView.IsFirst), cursor is null)
            );
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.InvalidRequest && cursor is not null)
        {
            return ShopVisit.Go("/purchases");
        }
        finally
        {
            await ((Task)account).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public static Task<IResult> ReceiptAsync(ShopVisit visit) =>
        ReceiptAsync(
            visit,
            new ReceiptNote { IsNew = visit.Query("new").Length > 0, VotedFor = visit.Query("voted") },
            StatusCodes.Status200OK
        );

    public static async Task<IResult> VoteAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        var itemId = form.Text("itemId");
        Thumb? thumb = form.Text("thumb") switch
        {
            "up" => Thumb.Up,
            "down" => Thumb.Down,
            _ => null,
        };
        if (!ItemIdFormat.IsValid(itemId) || thumb is null)
        {
            return ErrorPages.OfStatus(StatusCodes.Status400BadRequest);
        }

        try
        {
            await visit.Buyer.ProvideFeedbackAsync(itemId, thumb.Value, form.Key);
            return ShopVisit.Go($"/purchases/{Uri.EscapeDataString(visit.Path("id"))}?voted={itemId}");
        }
        catch (AgoraException e) when (e.Code is ErrorCodes.AlreadyRated or ErrorCodes.NotPurchased)
        {
            var note = new ReceiptNote();
            note.Errors.Add(
                itemId,
                e.Code == ErrorCodes.AlreadyRated
                    ? "You have voted on this already: one vote for each time you bought it."
                    : "Only what you have bought can be voted on."
            );
            return await ReceiptAsync(visit, note, StatusCodes.Status422UnprocessableEntity);
        }
    }

    private static async Task<IResult> ReceiptAsync(ShopVisit visit, ReceiptNote note, int status)
    {
        var id = visit.Path("id");
        var buyer = visit.Buyer;
        if (id.Length != 32 || !id.All(char.IsAsciiHexDigitLower))
        {
            return ErrorPages.OfStatus(StatusCodes.Status404NotFound);
        }

        var header = visit.HeaderAsync();
        var purchase = await buyer.GetPurchaseAsync(id, visit.Left);
        return Pages.Render<ReceiptView>(
            status,
            (nameof(ReceiptView.Header), await header),
            (nameof(ReceiptView.Purchase), purchase),
            (nameof(ReceiptView.Items), await ItemsOfAsync(visit, [purchase])),
            (nameof(ReceiptView.Note), note)
        );
    }

    /// <summary>The items of purchases, which name them by their ids only. Read at the same time, each once.</summary>
    private static async Task<IReadOnlyDictionary<string, Item>> ItemsOfAsync(
        ShopVisit visit,
        IEnumerable<Purchase> purchases
    )
    {
        var items = await Task.WhenAll(
            purchases
                .SelectMany(purchase => purchase.Lines)
                .Select(line => line.ItemId)
                .Distinct()
                .Select(id => visit.Visitor.GetItemAsync(id, visit.Left))
        );
        return items.ToDictionary(item => item.Id);
    }
}
