using System.Diagnostics.CodeAnalysis;
using Agora.Contracts.Products;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Grpc.Core;

namespace Agora.Products;

/// <summary>
/// The shape that a request must have before it is ordered: whatever the state machine takes for granted. The sizes are bounds
/// against nonsense, wider than what the servers allow their users. A name or id that is only looked for may have any form: it is not found.
/// </summary>
internal static class ProductsRequests
{
    private const int IdLength = 16;
    private const int LongestCartId = 64;
    private const int LongestName = 256;
    private const int LongestKeyword = 64;

    // Full case folding makes up to 3 characters of one.
    private const int MaxSearchKeyword = 3 * LongestKeyword;

    private const int MaxPurchaseFingerprint = ushort.MaxValue;
    private const int MaxVersions = 200;
    private const int MaxItems = 200;
    private const int LargestCommand = 64 * 1024;
    private const int MostLines = 200;

    // Each may have as many lines: together they must not hold up the log for long.
    private const int MostConfirmed = 50;

    private const int DefaultLimit = 50;
    private const int MostPerPage = 200;

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(ExecuteRequest request)
    {
        Require(request.RequestId.Length == IdLength, "request_id has 16 bytes");
        Require(request.Command is not null, "command is given");
        var command = request.Command;
        Require(command.CalculateSize() <= LargestCommand, "command has 64 KiB at most");
        switch (command.KindCase)
        {
            case Command.KindOneofCase.RegisterItem:
                Check(command.RegisterItem);
                break;
            case Command.KindOneofCase.ChangePrice:
                Require(command.ChangePrice.PriceCents > 0, "price_cents is more than 0");
                RequireVersions(command.ChangePrice.IfVersion);
                break;
            case Command.KindOneofCase.WithdrawUnits:
                Require(command.WithdrawUnits.Quantity > 0, "quantity is more than 0");
                RequireVersions(command.WithdrawUnits.IfVersion);
                break;
            case Command.KindOneofCase.AddUnits:
                Require(command.AddUnits.Quantity > 0, "quantity is more than 0");
                RequireVersions(command.AddUnits.IfVersion);
                break;
            case Command.KindOneofCase.Reserve:
                RequireId(command.Reserve.PurchaseId, "purchase_id");
                Require(command.Reserve.CartId.Length is > 0 and <= LongestCartId, "cart_id has 1 to 64 bytes");
                Require(command.Reserve.Fingerprint <= MaxPurchaseFingerprint, "fingerprint has 16 bits");
                Require(
                    !command.Reserve.HasExpectedTotalCents || command.Reserve.ExpectedTotalCents >= 0,
                    "expected_total_cents is 0 or more");
                Require(command.Reserve.Lines.Count is > 0 and <= MostLines, "lines are 1 to 200");
                foreach (var line in command.Reserve.Lines)
                {
                    Require(line.Quantity > 0, "quantity is more than 0");
                }

                break;
            case Command.KindOneofCase.Confirm:
                Require(command.Confirm.PurchaseIds.Count <= MostConfirmed, "purchase_ids are 50 at most");
                foreach (var id in command.Confirm.PurchaseIds)
                {
                    RequireId(id, "purchase_ids");
                }

                break;
            case Command.KindOneofCase.Release:
                RequireId(command.Release.PurchaseId, "purchase_id");
                break;
            case Command.KindOneofCase.AddFeedback:
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
        Require(query.Keywords.Count <= Search.MostKeywords, "keywords are 16 at most");
        foreach (var keyword in query.Keywords)
        {
            RequireSearchKeyword(keyword);
        }
    }

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(ItemsQuery query) => Require(query.ItemIds.Count <= MaxItems, "item_ids are 200 at most");

    /// <summary>The page's size; 0 asks for the usual one.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static int Limit(int limit)
    {
        Require(limit is >= 0 and <= MostPerPage, "limit is 1 to 200, or 0 for 50");
        return limit == 0 ? DefaultLimit : limit;
    }

    private static void Check(RegisterItem item)
    {
        Require(item.Name.Length is > 0 and <= LongestName, "name has 1 to 256 characters");
        Require(item.Category >= 0, "category is 0 or more");
        Require(item.Keywords.Count <= Search.MostKeywords, "keywords are 16 at most");
        foreach (var keyword in item.Keywords)
        {
            Require(keyword.Length is > 0 and <= LongestKeyword, "a keyword has 1 to 64 characters");
        }

        // Different keywords may be the same when they are compared. An item with keywords that is found by none has
        // been sent by mistake.
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

    private static void RequireId(ByteString id, string field) => Require(id.Length == IdLength, $"{field} has 16 bytes");

    private static void Require([DoesNotReturnIf(false)] bool holds, string rule)
    {
        if (!holds)
        {
            throw Invalid(rule);
        }
    }

    private static RpcException Invalid(string rule) => new(new Status(StatusCode.InvalidArgument, $"Required: {rule}."));
}
