using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>
/// Purchases: pending, then decided, then settled. Every step is named by the purchase's id and answers with the purchase as it then
/// stands, so a server that died, its rescuer and a repeating client may all take the same step: what is decided never changes. That
/// makes this table the arbiter of the purchase as a whole: whoever is told the other outcome goes the other way.
/// </summary>
internal sealed class Purchases(SqliteConnection connection, Accounts accounts, Carts carts)
{
    private const string Columns = "id, purchase_id, session, buyer, state, at, total, reason, settled";

    private readonly Statement _find = connection.Prepared($"SELECT {Columns} FROM purchase WHERE purchase_id = ?1");

    private readonly Statement _pendingOfSession = connection.Prepared("SELECT id FROM purchase WHERE session = ?1 AND state = 1");

    private readonly Statement _begin = connection.Prepared(
        "INSERT INTO purchase (purchase_id, session, buyer, state, at) VALUES (?1, ?2, ?3, 1, ?4) RETURNING id");

    private readonly Statement _complete = connection.Prepared("UPDATE purchase SET state = 2, at = ?2, total = ?3 WHERE id = ?1 AND state = 1");

    private readonly Statement _abandon = connection.Prepared("UPDATE purchase SET state = ?2, reason = ?3 WHERE id = ?1 AND state = 1");

    private readonly Statement _lines = connection.Prepared(
        "SELECT item, quantity, unit_price, seller FROM purchase_line WHERE purchase = ?1 ORDER BY position");

    private readonly Statement _addLine = connection.Prepared(
        "INSERT INTO purchase_line (purchase, position, item, quantity, unit_price, seller) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

    private readonly Statement _removeLines = connection.Prepared("DELETE FROM purchase_line WHERE purchase = ?1");

    private readonly Statement _addBought = connection.Prepared(
        "INSERT INTO bought (buyer, item, at, purchase, seller) VALUES (?1, ?2, ?3, ?4, ?5)");

    private readonly Statement _history = connection.Prepared($"""
        SELECT {Columns} FROM purchase
        WHERE state = 2 AND buyer = ?1 AND (at, id) < (?2, ?3)
        ORDER BY at DESC, id DESC LIMIT ?4
        """);

    private readonly Statement _markSettled = connection.Prepared(
        "UPDATE purchase SET settled = 1 WHERE purchase_id = ?1 AND state <> 1 AND settled = 0");

    private readonly Statement _unsettled = connection.Prepared(
        $"SELECT {Columns} FROM purchase WHERE settled = 0 AND at < ?1 ORDER BY at, id LIMIT ?2");

    private readonly record struct Row(long Id, long Session, Purchase Purchase);

    public Reply Begin(SessionRow session, BeginPurchase command, long time)
    {
        if (Find(command.PurchaseId) is { } same)
        {
            // The id is derived from the session's token, so it is nobody else's by chance.
            return same.Purchase.BuyerId == session.Account ? Answer(same) : Refusal.Of(Error.NoSuchPurchase);
        }

        if (_pendingOfSession.Number(session.Id) is not null)
        {
            return Refusal.Of(Error.PurchasePending);
        }

        var cart = carts.Read(session.Id);
        if (cart.Lines.Count == 0)
        {
            return Refusal.Of(Error.CartEmpty);
        }

        var id = _begin.Number(command.PurchaseId.Memory, session.Id, session.Account, time)!.Value;
        for (var i = 0; i < cart.Lines.Count; i++)
        {
            _addLine.Run(id, i, cart.Lines[i].ItemId, cart.Lines[i].Quantity, 0, 0);
        }

        return Answer(Find(command.PurchaseId)!.Value);
    }

    /// <summary>The lines replace those of the cart: they are what the products database has reserved under this id.</summary>
    public Reply Complete(CompletePurchase command, long time)
    {
        if (Find(command.PurchaseId) is not { } row)
        {
            return Refusal.Of(Error.NoSuchPurchase);
        }

        if (row.Purchase.State != PurchaseState.Pending)
        {
            return Answer(row);
        }

        long units = 0, total = 0;
        foreach (var line in command.Lines)
        {
            units += line.Quantity;
            total = checked(total + line.Quantity * line.UnitPriceCents);
        }

        var buyer = row.Purchase.BuyerId;
        _complete.Run(row.Id, time, total);
        _removeLines.Run(row.Id);
        for (var i = 0; i < command.Lines.Count; i++)
        {
            var line = command.Lines[i];
            _addLine.Run(row.Id, i, line.ItemId, line.Quantity, line.UnitPriceCents, line.SellerId);
            _addBought.Run(buyer, line.ItemId, time, row.Id, line.SellerId);
            accounts.AddUnits(line.SellerId, line.Quantity);
            carts.TakeBought(row.Session, buyer, line.ItemId, line.Quantity);
        }

        accounts.AddUnits(buyer, units);
        return Answer(Find(command.PurchaseId)!.Value);
    }

    /// <summary>The cart stays as it is: the buyer may try again.</summary>
    public Reply Abandon(AbandonPurchase command)
    {
        if (Find(command.PurchaseId) is not { } row)
        {
            return Refusal.Of(Error.NoSuchPurchase);
        }

        if (row.Purchase.State == PurchaseState.Pending)
        {
            _abandon.Run(row.Id, (long)command.Outcome, command.Reason);
            row.Purchase.State = command.Outcome;
            row.Purchase.Reason = command.Reason;
        }

        return Answer(row);
    }

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

    /// <summary>A pending purchase stays as it is: it has nothing yet that could have been carried out.</summary>
    public void MarkSettled(IEnumerable<ByteString> purchaseIds)
    {
        foreach (var id in purchaseIds)
        {
            _markSettled.Run(id.Memory);
        }
    }

    /// <summary>Purchases not settled that began, or were completed, before a time, oldest first.</summary>
    public IEnumerable<Purchase> Unsettled(long before, int limit) => List(_unsettled.Query(before, limit)).Select(row => row.Purchase);

    private Row? Find(ByteString purchaseId)
    {
        var found = List(_find.Query(purchaseId.Memory));
        return found.Count > 0 ? found[0] : null;
    }

    private List<Row> List(SqlRows rows)
    {
        var list = new List<Row>();
        using (rows)
        {
            while (rows.Read())
            {
                list.Add(new Row(rows.Int64(0), rows.Int64(2), new Purchase
                {
                    PurchaseId = ByteString.CopyFrom(rows.Bytes(1)),
                    BuyerId = rows.Int64(3),
                    State = (PurchaseState)rows.Int32(4),
                    At = rows.Int64(5),
                    TotalCents = rows.Int64(6),
                    Reason = rows.Text(7),
                    Settled = rows.Bool(8),
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

    private static Reply Answer(Row row) => new() { Purchase = row.Purchase };
}
