using System.Diagnostics.CodeAnalysis;
using Agora.Contracts.Customers;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Grpc.Core;

namespace Agora.Customers;

/// <summary>
/// Checks the shape of a request before it is ordered, because the state machine relies on it. The bounds only keep out
/// nonsense: they are wider than what the servers allow their users. A name or an id that is only looked up may have
/// any form; it is then not found.
/// </summary>
internal static class CustomersRequests
{
    private const int IdLength = 16;
    private const int TokenHashLength = 32;
    private const int MaxName = 256;

    // One character has up to 18 in its compatibility form.
    private const int MaxUsernameKey = 18 * MaxName;

    private const int MaxPurchaseFingerprint = ushort.MaxValue;
    private const int MaxItemId = 40;
    private const int MaxText = 2_000;
    private const int MaxCommandSize = 256 * 1024;
    private const int DefaultPageSize = 50;
    private const int MaxPageSize = 200;
    private const int MaxForwarded = 200;

    extension(CustomersCommand command)
    {
        /// <summary>
        /// The session that the command acts on; null where its kind has none or the caller named none.
        /// </summary>
        public Session? Session =>
            command.KindCase switch
            {
                CustomersCommand.KindOneofCase.CloseSession => command.CloseSession.Session,
                CustomersCommand.KindOneofCase.TouchSession => command.TouchSession.Session,
                CustomersCommand.KindOneofCase.AddToCart => command.AddToCart.Session,
                CustomersCommand.KindOneofCase.RemoveFromCart => command.RemoveFromCart.Session,
                CustomersCommand.KindOneofCase.SaveCart => command.SaveCart.Session,
                CustomersCommand.KindOneofCase.ClearCart => command.ClearCart.Session,
                CustomersCommand.KindOneofCase.RecordVote => command.RecordVote.Session,
                _ => null,
            };
    }

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(CustomersRequest request)
    {
        Require(request.RequestId.Length == IdLength, "request_id has 16 bytes");
        Require(request.Command is not null, "command is given");
        var command = request.Command;
        Require(command.CalculateSize() <= MaxCommandSize, "command has 256 KiB at most");
        switch (command.KindCase)
        {
            case CustomersCommand.KindOneofCase.CreateAccount:
                RequireRole(command.CreateAccount.Role);
                RequireName(command.CreateAccount.Name, "name");
                RequireName(command.CreateAccount.Username, "username");
                Require(
                    command.CreateAccount.UsernameKey.Length is > 0 and <= MaxUsernameKey,
                    "username_key has 1 to 4,608 characters"
                );
                Require(command.CreateAccount.PasswordHash.Length is > 0 and <= MaxText, "password_hash is given");
                break;
            case CustomersCommand.KindOneofCase.OpenSession:
                RequireRole(command.OpenSession.Role);
                Require(command.OpenSession.TokenHash.Length == TokenHashLength, "token_hash has 32 bytes");
                break;
            case CustomersCommand.KindOneofCase.CloseSession:
            case CustomersCommand.KindOneofCase.TouchSession:
                Check(command.Session);
                break;
            case CustomersCommand.KindOneofCase.AddToCart:
                RequireBuyer(command.Session);
                RequireItem(command.AddToCart.ItemId);
                Require(command.AddToCart.Quantity > 0, "quantity is more than 0");
                Require(command.AddToCart.Available >= 0, "available is 0 or more");
                break;
            case CustomersCommand.KindOneofCase.RemoveFromCart:
                RequireBuyer(command.Session);
                Require(
                    !command.RemoveFromCart.HasQuantity || command.RemoveFromCart.Quantity > 0,
                    "quantity is more than 0"
                );
                break;
            case CustomersCommand.KindOneofCase.SaveCart:
            case CustomersCommand.KindOneofCase.ClearCart:
                RequireBuyer(command.Session);
                break;
            case CustomersCommand.KindOneofCase.CompletePurchase:
                RequireId(command.CompletePurchase.PurchaseId, "purchase_id");
                RequireCart(command.CompletePurchase.CartId);
                RequireLines(command.CompletePurchase.Lines);
                RequireFingerprint(command.CompletePurchase.Fingerprint);
                break;
            case CustomersCommand.KindOneofCase.AbandonPurchase:
                RequireId(command.AbandonPurchase.PurchaseId, "purchase_id");
                RequireCart(command.AbandonPurchase.CartId);
                Require(
                    command.AbandonPurchase.Outcome is > PurchaseState.Completed and <= PurchaseState.PriceChanged,
                    "outcome is declined, out of stock, abandoned, cart empty or price changed"
                );
                Require(command.AbandonPurchase.Reason.Length <= MaxText, "reason is short");
                RequireFingerprint(command.AbandonPurchase.Fingerprint);
                RequireRefusal(command.AbandonPurchase);
                break;
            case CustomersCommand.KindOneofCase.RecordVote:
                RequireBuyer(command.Session);
                RequireId(command.RecordVote.VoteId, "vote_id");
                break;
            case CustomersCommand.KindOneofCase.MarkForwarded:
                RequireIds(command.MarkForwarded.VoteIds, "vote_ids");
                break;
            default:
                throw Invalid("command is of a known kind");
        }
    }

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check([NotNull] Session? session)
    {
        Require(session is not null, "session is given");
        Require(session.TokenHash.Length == TokenHashLength, "session.token_hash has 32 bytes");
        RequireRole(session.Role);
    }

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(CredentialsQuery query) => RequireRole(query.Role);

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(RatingQuery query)
    {
        if (query.Session is not null || !query.HasSellerId)
        {
            Check(query.Session);
        }
    }

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(PurchaseQuery query) => RequireBuyer(query.Session);

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(SalesQuery query)
    {
        Check(query.Session);
        Require(query.Session.Role == Role.Seller, "session.role is seller");
    }

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(CheckoutQuery query)
    {
        RequireBuyer(query.Session);
        RequireId(query.PurchaseId, "purchase_id");
    }

    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static void Check(DecisionQuery query) => RequireId(query.PurchaseId, "purchase_id");

    /// <summary>The size of the page; 0 asks for the default.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT, and what is wrong.</exception>
    public static int Limit(int limit)
    {
        Require(limit is >= 0 and <= MaxPageSize, "limit is 1 to 200, or 0 for 50");
        return limit == 0 ? DefaultPageSize : limit;
    }

    private static void RequireBuyer(Session? session)
    {
        Check(session);
        Require(session.Role == Role.Buyer, "session.role is buyer");
    }

    private static void RequireLines(RepeatedField<PurchaseRecordLine> lines)
    {
        Require(lines.Count is > 0 and <= Carts.MaxLines, "lines are 1 to 200");
        var items = new HashSet<string>(lines.Count);
        Int128 total = 0;
        foreach (var line in lines)
        {
            RequireItem(line.ItemId);
            Require(items.Add(line.ItemId), "lines are of different items");
            Require(line.Quantity > 0, "quantity is more than 0");
            Require(line.UnitPriceCents > 0, "unit_price_cents is more than 0");
            total += (Int128)line.Quantity * line.UnitPriceCents;
        }

        Require(total <= long.MaxValue, "the total fits 64 bits");
    }

    private static void RequireRefusal(AbandonPurchase abandon)
    {
        var isForStockOrPrice = abandon.Outcome is PurchaseState.OutOfStock or PurchaseState.PriceChanged;
        Require(
            abandon.RefusedLines.Count == 0 || isForStockOrPrice,
            "refused_lines go with out of stock and price changed"
        );
        Require(abandon.RefusedLines.Count <= Carts.MaxLines, "refused_lines are 200 at most");
        Require(abandon.RefusedTotalCents >= 0, "refused_total_cents is 0 or more");
        foreach (var line in abandon.RefusedLines)
        {
            RequireItem(line.ItemId);
            Require(line.Quantity > 0, "quantity is more than 0");
            Require(line.Name.Length <= MaxName, "name has 256 characters at most");
            Require(line.UnitPriceCents >= 0, "unit_price_cents is 0 or more");
            Require(line.Available >= 0, "available is 0 or more");
        }
    }

    private static void RequireFingerprint(uint fingerprint) =>
        Require(fingerprint <= MaxPurchaseFingerprint, "fingerprint has 16 bits");

    private static void RequireRole(Role role) => Require(role is Role.Seller or Role.Buyer, "role is seller or buyer");

    private static void RequireName(string name, string field) =>
        Require(name.Length is > 0 and <= MaxName, $"{field} has 1 to 256 characters");

    private static void RequireItem(string item) =>
        Require(item.Length is > 0 and <= MaxItemId, "item_id has 1 to 40 characters");

    private static void RequireIds(RepeatedField<ByteString> ids, string field)
    {
        Require(ids.Count <= MaxForwarded, $"{field} are 200 at most");
        foreach (var id in ids)
        {
            RequireId(id, field);
        }
    }

    private static void RequireCart(ByteString id) =>
        Require(id.Length == CartId.Length, "cart_id is one that GetCheckout gave");

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
