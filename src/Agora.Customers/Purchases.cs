using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>
/// Purchases. The first Complete or Abandon under a purchase's id decides the purchase for ever; both reply with the
/// decided purchase. So the server that drives it, a server that takes over from it and a client that retries may all
/// take the same step. This table is the arbiter of the whole purchase: a server that meets the other outcome follows
/// it.
/// </summary>
internal sealed class Purchases(SqliteConnection connection, Accounts accounts, Carts carts)
{
    private const string Columns = "id, purchase_id, buyer, state, at, total, reason, fingerprint, refused_total";

    private readonly Statement _find = connection.Prepared($"SELECT {Columns} FROM purchase WHERE purchase_id = ?1");

    private readonly Statement _lastBought = connection.Prepared(
        "SELECT number FROM purchase WHERE session = ?1 AND state = 1 ORDER BY number DESC LIMIT 1"
    );

    private readonly Statement _complete = connection.Prepared(
        """
        INSERT INTO purchase (purchase_id, fingerprint, session, number, buyer, state, at, total)
        VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7) RETURNING id
        """
    );

    private readonly Statement _abandon = connection.Prepared(
        """
        INSERT INTO purchase (purchase_id, fingerprint, session, number, buyer, state, at, reason, refused_total)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id
        """
    );

    private readonly Statement _lines = connection.Prepared(
        "SELECT item, quantity, unit_price, seller FROM purchase_line WHERE purchase = ?1 ORDER BY position"
    );

    private readonly Statement _addLine = connection.Prepared(
        """
        INSERT INTO purchase_line (purchase, position, item, quantity, unit_price, seller, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        """
    );

    private readonly Statement _refusedLines = connection.Prepared(
        "SELECT item, quantity, name, unit_price, available FROM refused_line WHERE purchase = ?1 ORDER BY position"
    );

    private readonly Statement _addRefusedLine = connection.Prepared(
        """
        INSERT INTO refused_line (purchase, position, item, quantity, name, unit_price, available)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        """
    );

    private readonly Statement _addBought = connection.Prepared(
        "INSERT INTO bought (buyer, item, at, purchase, seller) VALUES (?1, ?2, ?3, ?4, ?5)"
    );

    private readonly Statement _history = connection.Prepared(
        $"""
        SELECT {Columns} FROM purchase
        WHERE state = 1 AND buyer = ?1 AND (at, id) < (?2, ?3)
        ORDER BY at DESC, id DESC LIMIT ?4
        """
    );

    private readonly Statement _sales = connection.Prepared(
        """
        SELECT at, purchase, position, item, quantity, unit_price FROM purchase_line
        WHERE seller = ?1 AND (at, purchase, position) < (?2, ?3, ?4)
        ORDER BY at DESC, purchase DESC, position DESC LIMIT ?5
        """
    );

    private readonly record struct PurchaseRow(long Id, PurchaseRecord Purchase);

    /// <summary>The decided purchase; null where nothing is decided under the id.</summary>
    public PurchaseRecord? Find(ByteString purchaseId)
    {
        var found = List(_find.Query(purchaseId.Memory));
        return found.Count > 0 ? found[0].Purchase : null;
    }

    /// <summary>
    /// The start of a purchase: the purchase itself, where it is decided already; otherwise the session's cart.
    /// </summary>
    public CheckoutReply Checkout(SessionRow session, ByteString purchaseId)
    {
        if (Find(purchaseId) is { } decided)
        {
            // The id is derived from the account, so two accounts do not meet in one by chance.
            return decided.BuyerId == session.Account
                ? new CheckoutReply { Purchase = decided }
                : new CheckoutReply { Error = CustomersError.NoSuchPurchase };
        }

        var cartId = new CartId(session.Id, session.Account, NextNumber(session.Id));
        return new CheckoutReply { CartId = cartId.ToBytes(), Lines = { carts.Read(session.Id).Lines } };
    }

    /// <summary>The lines are those that the products database has reserved for this purchase.</summary>
    public CustomersReply Complete(CompletePurchase command, long time)
    {
        if (Find(command.PurchaseId) is { } decided)
        {
            return Reply(decided);
        }

        var cart = CartId.Read(command.CartId);
        if (cart.Number != NextNumber(cart.Session))
        {
            // The products database never reserves the units of a cart for two purchases, so this does not happen. But
            // this table guarantees that a cart is bought once, and relies on no other.
            return Abandon(
                new AbandonPurchase
                {
                    PurchaseId = command.PurchaseId,
                    CartId = command.CartId,
                    Outcome = PurchaseState.Abandoned,
                    Reason = "The cart had been bought already.",
                    Fingerprint = command.Fingerprint,
                },
                time
            );
        }

        long units = 0,
            total = 0;
        foreach (var line in command.Lines)
        {
            units += line.Quantity;
            total = checked(total + line.Quantity * line.UnitPriceCents);
        }

        var id = _complete
            .Number(
                command.PurchaseId.Memory,
                (long)command.Fingerprint,
                cart.Session,
                cart.Number,
                cart.Buyer,
                time,
                total
            )!
            .Value;
        for (var i = 0; i < command.Lines.Count; i++)
        {
            var line = command.Lines[i];
            _addLine.Run(id, i, line.ItemId, line.Quantity, line.UnitPriceCents, line.SellerId, time);
            _addBought.Run(cart.Buyer, line.ItemId, time, id, line.SellerId);
            accounts.AddUnits(line.SellerId, line.Quantity);
            carts.TakeBought(cart.Session, cart.Buyer, line.ItemId, line.Quantity);
        }

        accounts.AddUnits(cart.Buyer, units);
        return Reply(Find(command.PurchaseId)!);
    }

    /// <summary>The cart keeps its lines, so the buyer may try again.</summary>
    public CustomersReply Abandon(AbandonPurchase command, long time)
    {
        if (Find(command.PurchaseId) is { } decided)
        {
            return Reply(decided);
        }

        var cart = CartId.Read(command.CartId);
        var id = _abandon
            .Number(
                command.PurchaseId.Memory,
                (long)command.Fingerprint,
                cart.Session,
                cart.Number,
                cart.Buyer,
                (long)command.Outcome,
                time,
                command.Reason,
                command.RefusedTotalCents
            )!
            .Value;
        for (var i = 0; i < command.RefusedLines.Count; i++)
        {
            var line = command.RefusedLines[i];
            _addRefusedLine.Run(id, i, line.ItemId, line.Quantity, line.Name, line.UnitPriceCents, line.Available);
        }

        return Reply(Find(command.PurchaseId)!);
    }

    /// <summary>A completed purchase of the session's account.</summary>
    public PurchaseReply Completed(SessionRow session, ByteString purchaseId) =>
        Find(purchaseId) is { State: PurchaseState.Completed } purchase && purchase.BuyerId == session.Account
            ? new PurchaseReply { Purchase = purchase }
            : new PurchaseReply { Error = CustomersError.NoSuchPurchase };

    /// <summary>
    /// What the session's seller has sold, newest first. A sale that happens between two pages precedes the cursor, so
    /// it shifts no page.
    /// </summary>
    public SalesReply Sales(SessionRow session, string cursor, int limit)
    {
        Span<long> after = [long.MaxValue, long.MaxValue, long.MaxValue];
        if (cursor.Length > 0 && !PageCursor.TryDecode(cursor, session.Account, after))
        {
            return new SalesReply { Error = CustomersError.InvalidCursor };
        }

        var reply = new SalesReply();
        using var rows = _sales.Query(session.Account, after[0], after[1], after[2], limit + 1);
        while (rows.Read())
        {
            if (reply.Sales.Count == limit)
            {
                reply.NextCursor = PageCursor.Encode(session.Account, after);
                break;
            }

            (after[0], after[1], after[2]) = (rows.Int64(0), rows.Int64(1), rows.Int64(2));
            reply.Sales.Add(
                new SaleRecord
                {
                    At = after[0],
                    ItemId = rows.Text(3),
                    Quantity = rows.Int32(4),
                    UnitPriceCents = rows.Int64(5),
                }
            );
        }

        return reply;
    }

    /// <summary>
    /// Completed purchases, newest first. A purchase that completes between two pages precedes the cursor, so it shifts
    /// no page.
    /// </summary>
    public PurchasesReply History(SessionRow session, string cursor, int limit)
    {
        // The buyer is the query's fingerprint: a cursor is valid for its own account only.
        Span<long> after = [long.MaxValue, long.MaxValue];
        if (cursor.Length > 0 && !PageCursor.TryDecode(cursor, session.Account, after))
        {
            return new PurchasesReply { Error = CustomersError.InvalidCursor };
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

    private long NextNumber(long session) => _lastBought.Number(session) is { } last ? last + 1 : 0;

    private List<PurchaseRow> List(SqlRows rows)
    {
        var list = new List<PurchaseRow>();
        using (rows)
        {
            while (rows.Read())
            {
                list.Add(
                    new PurchaseRow(
                        rows.Int64(0),
                        new PurchaseRecord
                        {
                            PurchaseId = ByteString.CopyFrom(rows.Bytes(1)),
                            BuyerId = rows.Int64(2),
                            State = (PurchaseState)rows.Int32(3),
                            At = rows.Int64(4),
                            TotalCents = rows.Int64(5),
                            Reason = rows.Text(6),
                            Fingerprint = (uint)rows.Int32(7),
                            RefusedTotalCents = rows.Int64(8),
                        }
                    )
                );
            }
        }

        foreach (var (id, purchase) in list)
        {
            ReadLines(id, purchase);
        }

        return list;
    }

    private void ReadLines(long id, PurchaseRecord purchase)
    {
        if (purchase.State is PurchaseState.OutOfStock or PurchaseState.PriceChanged)
        {
            using var refused = _refusedLines.Query(id);
            while (refused.Read())
            {
                purchase.RefusedLines.Add(
                    new RefusedLine
                    {
                        ItemId = refused.Text(0),
                        Quantity = refused.Int32(1),
                        Name = refused.Text(2),
                        UnitPriceCents = refused.Int64(3),
                        Available = refused.Int64(4),
                    }
                );
            }

            return;
        }

        using var lines = _lines.Query(id);
        while (lines.Read())
        {
            purchase.Lines.Add(
                new PurchaseRecordLine
                {
                    ItemId = lines.Text(0),
                    Quantity = lines.Int32(1),
                    UnitPriceCents = lines.Int64(2),
                    SellerId = lines.Int64(3),
                }
            );
        }
    }

    private static CustomersReply Reply(PurchaseRecord purchase) => new() { Purchase = purchase };
}
