using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>
/// Purchases, each decided for ever by whichever Complete or Abandon comes first under its id. Both answer with the purchase as it then
/// stands, so a server that died, its rescuer and a repeating client may all take the same step. That makes this table the arbiter of the
/// purchase as a whole: whoever is told the other outcome goes the other way.
/// </summary>
internal sealed class Purchases(SqliteConnection connection, Accounts accounts, Carts carts)
{
    private const string Columns = "id, purchase_id, buyer, state, at, total, reason";

    private readonly Statement _find = connection.Prepared($"SELECT {Columns} FROM purchase WHERE purchase_id = ?1");

    private readonly Statement _lastBought = connection.Prepared(
        "SELECT number FROM purchase WHERE session = ?1 AND state = 1 ORDER BY number DESC LIMIT 1");

    private readonly Statement _complete = connection.Prepared("""
        INSERT INTO purchase (purchase_id, session, number, buyer, state, at, total) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6) RETURNING id
        """);

    private readonly Statement _abandon = connection.Prepared("""
        INSERT INTO purchase (purchase_id, session, number, buyer, state, at, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        """);

    private readonly Statement _lines = connection.Prepared(
        "SELECT item, quantity, unit_price, seller FROM purchase_line WHERE purchase = ?1 ORDER BY position");

    private readonly Statement _addLine = connection.Prepared(
        "INSERT INTO purchase_line (purchase, position, item, quantity, unit_price, seller) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

    private readonly Statement _addBought = connection.Prepared(
        "INSERT INTO bought (buyer, item, at, purchase, seller) VALUES (?1, ?2, ?3, ?4, ?5)");

    private readonly Statement _history = connection.Prepared($"""
        SELECT {Columns} FROM purchase
        WHERE state = 1 AND buyer = ?1 AND (at, id) < (?2, ?3)
        ORDER BY at DESC, id DESC LIMIT ?4
        """);

    private readonly record struct Row(long Id, Purchase Purchase);

    /// <summary>The purchase, decided; null where it is not.</summary>
    public Purchase? Find(ByteString purchaseId)
    {
        var found = List(_find.Query(purchaseId.Memory));
        return found.Count > 0 ? found[0].Purchase : null;
    }

    /// <summary>What a purchase of the session begins with: itself, where it is decided already; otherwise the cart.</summary>
    public CheckoutReply Checkout(SessionRow session, ByteString purchaseId)
    {
        if (Find(purchaseId) is { } decided)
        {
            // The id is derived from the session's token, so it is nobody else's by chance.
            return decided.BuyerId == session.Account ? new CheckoutReply { Purchase = decided } : new CheckoutReply { Error = Error.NoSuchPurchase };
        }

        var cartId = new CartId(session.Id, session.Account, NextNumber(session.Id));
        return new CheckoutReply { CartId = cartId.ToBytes(), Lines = { carts.Read(session.Id).Lines } };
    }

    /// <summary>The lines are what the products database has reserved for this purchase.</summary>
    public Reply Complete(CompletePurchase command, long time)
    {
        if (Find(command.PurchaseId) is { } decided)
        {
            return Answer(decided);
        }

        var cart = CartId.Read(command.CartId);
        if (cart.Number != NextNumber(cart.Session))
        {
            // Two purchases of a cart never have its units reserved both, so that nobody comes here; but it is this table that answers for it.
            return Abandon(command.PurchaseId, cart, PurchaseState.Abandoned, "The cart had been bought already.", time);
        }

        long units = 0, total = 0;
        foreach (var line in command.Lines)
        {
            units += line.Quantity;
            total = checked(total + line.Quantity * line.UnitPriceCents);
        }

        var id = _complete.Number(command.PurchaseId.Memory, cart.Session, cart.Number, cart.Buyer, time, total)!.Value;
        for (var i = 0; i < command.Lines.Count; i++)
        {
            var line = command.Lines[i];
            _addLine.Run(id, i, line.ItemId, line.Quantity, line.UnitPriceCents, line.SellerId);
            _addBought.Run(cart.Buyer, line.ItemId, time, id, line.SellerId);
            accounts.AddUnits(line.SellerId, line.Quantity);
            carts.TakeBought(cart.Session, cart.Buyer, line.ItemId, line.Quantity);
        }

        accounts.AddUnits(cart.Buyer, units);
        return Answer(Find(command.PurchaseId)!);
    }

    /// <summary>The cart stays as it is: the buyer may try again.</summary>
    public Reply Abandon(AbandonPurchase command, long time) => Find(command.PurchaseId) is { } decided
        ? Answer(decided)
        : Abandon(command.PurchaseId, CartId.Read(command.CartId), command.Outcome, command.Reason, time);

    /// <summary>Completed purchases, newest first. One that is completed while somebody turns pages comes before their place.</summary>
    public PurchasesReply History(SessionRow session, string cursor, int limit)
    {
        // The buyer is the query's fingerprint: a cursor is good for the account that it was given to.
        Span<long> after = [long.MaxValue, long.MaxValue];
        if (cursor.Length > 0 && !PageCursor.TryDecode(cursor, session.Account, after))
        {
            return new PurchasesReply { Error = Error.InvalidCursor };
        }

        var rows = List(_history.Query(session.Account, after[0], after[1], limit + 1));
        var reply = new PurchasesReply();
        if (rows.Count > limit)
        {
            rows.RemoveAt(limit);
            reply.NextCursor = PageCursor.Encode(session.Account, rows[^1].Purchase.At, rows[^1].Id);
        }

        reply.Purchases.AddRange(rows.Select(row => row.Purchase));
        return reply;
    }

    private Reply Abandon(ByteString purchaseId, CartId cart, PurchaseState outcome, string reason, long time)
    {
        _abandon.Run(purchaseId.Memory, cart.Session, cart.Number, cart.Buyer, (long)outcome, time, reason);
        return Answer(Find(purchaseId)!);
    }

    private long NextNumber(long session) => _lastBought.Number(session) is { } last ? last + 1 : 0;

    private List<Row> List(SqlRows rows)
    {
        var list = new List<Row>();
        using (rows)
        {
            while (rows.Read())
            {
                list.Add(new Row(rows.Int64(0), new Purchase
                {
                    PurchaseId = ByteString.CopyFrom(rows.Bytes(1)),
                    BuyerId = rows.Int64(2),
                    State = (PurchaseState)rows.Int32(3),
                    At = rows.Int64(4),
                    TotalCents = rows.Int64(5),
                    Reason = rows.Text(6),
                }));
            }
        }

        foreach (var row in list)
        {
            using var lines = _lines.Query(row.Id);
            while (lines.Read())
            {
                row.Purchase.Lines.Add(new PurchaseLine
                {
                    ItemId = lines.Text(0),
                    Quantity = lines.Int32(1),
                    UnitPriceCents = lines.Int64(2),
                    SellerId = lines.Int64(3),
                });
            }
        }

        return list;
    }

    private static Reply Answer(Purchase purchase) => new() { Purchase = purchase };
}
