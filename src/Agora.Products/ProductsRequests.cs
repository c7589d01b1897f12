using System.Diagnostics.CodeAnalysis;
using Agora.Contracts.Products;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Grpc.Core;

namespace Agora.Products;

/// <summary>
/// Checks the shape of a request before it is ordered, because the state machine relies on it. The bounds only keep out
/// nonsense: they are wider than what the servers allow their users. A name or an id that is only looked up may have
/// any form; it is then not found.
/// </summary>
internal static class ProductsRequests
{
    private const int IdLength = 16;
    private const int MaxCartId = 64;
    private const int MaxName = 256;
    private const int MaxKeyword = 64;

    // Full case folding turns one character into up to 3.
    private const int MaxSearchKeyword = 3 * MaxKeyword;

    private const int MaxPurchaseFingerprint = ushort.MaxValue;
    private const int MaxVersions = 200;
    private const int MaxItems = 200;
    private const int MaxCommandSize = 64 * 1024;
    private const int MaxLines = 200;

    // Each purchase may have MaxLines lines: one command must not hold up the log for long.
    private const int MaxConfirmed = 50;

    private const int DefaultPageSize = 50;
    private const int MaxPageSize = 200;

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(ProductsRequest request)
    {
        Require(request.RequestId.Length == IdLength, "request_id has 16 bytes");
        Require(request.Command is not null, "command is given");
        var command = request.Command;
        Require(command.CalculateSize() <= MaxCommandSize, "command has 64 KiB at most");
        switch (command.KindCase)
        {
            case ProductsCommand.KindOneofCase.RegisterItem:
                Check(command.RegisterItem);
                break;
            case ProductsCommand.KindOneofCase.ChangePrice:
                Require(command.ChangePrice.PriceCents > 0, "price_cents is more than 0");
                RequireVersions(command.ChangePrice.IfVersion);
                break;
            case ProductsCommand.KindOneofCase.WithdrawUnits:
                Require(command.WithdrawUnits.Quantity > 0, "quantity is more than 0");
                RequireVersions(command.WithdrawUnits.IfVersion);
                break;
            case ProductsCommand.KindOneofCase.AddUnits:
                Require(command.AddUnits.Quantity > 0, "quantity is more than 0");
                RequireVersions(command.AddUnits.IfVersion);
                break;
            case ProductsCommand.KindOneofCase.Reserve:
                RequireId(command.Reserve.PurchaseId, "purchase_id");
                Require(command.Reserve.CartId.Length is > 0 and <= MaxCartId, "cart_id has 1 to 64 bytes");
                Require(command.Reserve.Fingerprint <= MaxPurchaseFingerprint, "fingerprint has 16 bits");
                Require(
                    !command.Reserve.HasExpectedTotalCents || command.Reserve.ExpectedTotalCents >= 0,
                    "expected_total_cents is 0 or more"
                );
                Require(command.Reserve.Lines.Count is > 0 and <= MaxLines, "lines are 1 to 200");
                foreach (var line in command.Reserve.Lines)
                {
                    Require(line.Quantity > 0, "quantity is more than 0");
                }

                break;
            case ProductsCommand.KindOneofCase.Confirm:
                Require(command.Confirm.PurchaseIds.Count <= MaxConfirmed, "purchase_ids are 50 at most");
                foreach (var id in command.Confirm.PurchaseIds)
                {
                    RequireId(id, "purchase_ids");
                }

                break;
            case ProductsCommand.KindOneofCase.Release:
                RequireId(command.Release.PurchaseId, "purchase_id");
                break;
            case ProductsCommand.KindOneofCase.AddFeedback:
                RequireId(command.AddFeedback.VoteId, "vote_id");
                break;
            default:
                throw Invalid("command is of a known kind");
        }
    }

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(SearchQuery query)
    {
        Require(query.Category >= 0, "category is 0 or more");
        Require(query.Keywords.Count <= Search.MaxKeywords, "keywords are 16 at most");
        foreach (var keyword in query.Keywords)
        {
            RequireSearchKeyword(keyword);
        }
    }

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(ItemsQuery query) => Require(query.ItemIds.Count <= MaxItems, "item_ids are 200 at most");

    /// <summary>The size of the page; 0 asks for the default.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static int Limit(int limit)
    {
        Require(limit is >= 0 and <= MaxPageSize, "limit is 1 to 200, or 0 for 50");
        return limit == 0 ? DefaultPageSize : limit;
    }

    private static void Check(RegisterItem item)
    {
        Require(item.Name.Length is > 0 and <= MaxName, "name has 1 to 256 characters");
        Require(item.Category >= 0, "category is 0 or more");
        Require(item.Keywords.Count <= Search.MaxKeywords, "keywords are 16 at most");
        foreach (var keyword in item.Keywords)
        {
            Require(keyword.Length is > 0 and <= MaxKeyword, "a keyword has 1 to 64 characters");
        }

        // Different keywords may be equal when they are compared, so there may be fewer to compare. An item with
        // keywords of which none can be searched for is a mistake of the caller.
        Require(item.SearchKeywords.Count <= item.Keywords.Count, "search_keywords are no more than keywords");
        Require(item.Keywords.Count == 0 || item.SearchKeywords.Count > 0, "search_keywords are given with keywords");
        foreach (var keyword in item.SearchKeywords)
        {
            RequireSearchKeyword(keyword);
        }

        Require(item.Condition is Condition.New or Condition.Used, "condition is new or used");
        Require(item.PriceCents > 0, "price_cents is more than 0");
        Require(item.Quantity >= 0, "quantity is 0 or more");
    }

    private static void RequireSearchKeyword(string keyword) =>
        Require(keyword.Length is > 0 and <= MaxSearchKeyword, "a keyword to compare has 1 to 192 characters");

    private static void RequireVersions(RepeatedField<long> versions) =>
        Require(versions.Count <= MaxVersions, "if_version are 200 at most");

    private static void RequireId(ByteString id, string field) =>
        Require(id.Length == IdLength, $"{field} has 16 bytes");

    private static void Require([DoesNotReturnIf(false)] bool holds, string rule)
    {
        if (!holds)
        {
            throw Invalid(rule);
        }
    }

    private static RpcException Invalid(string rule) =>
        new(new Status(StatusCode.InvalidArgument, $"Required: {rule}."));
}
