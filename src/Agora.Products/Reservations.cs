using Agora.Contracts.Products;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Products;

/// <summary>
/// The units that purchases have taken off sale, each purchase under its id: reserved, and then confirmed or released for ever; or refused for ever.
/// Each step may be repeated, and a release that comes first keeps a late reservation out. Of the purchases of one cart one at a time has
/// a reservation, and no other any more once it is confirmed: what is in a cart is bought once.
/// </summary>
internal sealed class Reservations(SqliteConnection connection, Items items)
{
    private readonly Statement _find = connection.Prepared("SELECT state, total, cart_id, lacking, available FROM reservation WHERE purchase_id = ?1");

    private readonly Statement _ofCart = connection.Prepared("SELECT 1 FROM reservation WHERE cart_id = ?1 AND state < 2");

    private readonly Statement _open = connection.Prepared(
        "SELECT purchase_id, total, cart_id FROM reservation WHERE state = 0 AND at < ?1 ORDER BY at, purchase_id LIMIT ?2");

    private readonly Statement _add = connection.Prepared(
        "INSERT INTO reservation (purchase_id, cart_id, state, at, total) VALUES (?1, ?2, ?3, ?4, ?5)");

    private readonly Statement _refuse = connection.Prepared(
        "INSERT INTO reservation (purchase_id, cart_id, state, at, total, lacking, available) VALUES (?1, X'', 3, ?2, 0, ?3, ?4)");

    private readonly Statement _change = connection.Prepared("UPDATE reservation SET state = ?2 WHERE purchase_id = ?1");

    private readonly Statement _lines = connection.Prepared("""
        SELECT l.number, i.category, l.quantity, l.unit_price, l.seller
        FROM reservation_line l JOIN item i ON i.number = l.number
        WHERE l.purchase_id = ?1 ORDER BY l.position
        """);

    private readonly Statement _addLine = connection.Prepared("""
        INSERT INTO reservation_line (purchase_id, position, number, quantity, unit_price, seller) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        """);

    private readonly Statement _dropLines = connection.Prepared("DELETE FROM reservation_line WHERE purchase_id = ?1");

    private enum State
    {
        Reserved = 0,
        Confirmed = 1,
        Released = 2,
        Refused = 3,
    }

    private readonly record struct Line(long Number, ReservationLine Answer);

    private readonly record struct Row(ByteString PurchaseId, ByteString CartId, State State, long Total, Shortage Shortage = default);

    private readonly record struct Shortage(string ItemId, long? Available);

    /// <summary>
    /// A refusal for want of units is kept too: of several who reserve for one purchase, none gets units when another has told its user that there are none.
    /// </summary>
    public Reply Reserve(Reserve command, long time)
    {
        if (Known(command) is { } known)
        {
            return known;
        }

        if (_ofCart.Number(command.CartId.Memory) is not null)
        {
            return new Reply { Error = Error.CartTaken };
        }

        if (Lacking(command, out var lines, out var total) is { } shortage)
        {
            _refuse.Run(command.PurchaseId.Memory, time, shortage.ItemId, shortage.Available is { } available ? available : SqlValue.Null);
            return Refused(shortage);
        }

        var purchase = command.PurchaseId.Memory;
        _add.Run(purchase, command.CartId.Memory, (long)State.Reserved, time, total);
        for (var i = 0; i < lines.Count; i++)
        {
            var (number, line) = lines[i];
            _addLine.Run(purchase, i, number, line.Quantity, line.UnitPriceCents, line.SellerId);
            items.Reserve(number, line.Quantity);
        }

        return new Reply { Reservation = Answer(new(command.PurchaseId, command.CartId, State.Reserved, total)) };
    }

    /// <summary>What is answered where the purchase's id is known already, for ever; null where it is not.</summary>
    public Reply? Repeat(Reserve command)
    {
        var known = Known(command);
        known?.Replayed = true;
        return known;
    }

    /// <summary>Purchases have nothing to do with each other: one that cannot be confirmed does not keep the others from it.</summary>
    public Reply Confirm(Confirm command)
    {
        var confirmed = new Confirmed();
        confirmed.RefusedIds.AddRange(command.PurchaseIds.Where(id => !TryConfirm(id)));
        return new Reply { Confirmed = confirmed };
    }

    public Reply Release(Release command)
    {
        if (Find(command.PurchaseId) is not { } row)
        {
            _add.Run(command.PurchaseId.Memory, ByteString.Empty.Memory, (long)State.Released, 0, 0);
            return new Reply();
        }

        if (row.State == State.Confirmed)
        {
            return new Reply { Error = Error.Confirmed };
        }

        if (row.State == State.Reserved)
        {
            foreach (var (number, line) in Lines(command.PurchaseId))
            {
                items.Reserve(number, -line.Quantity);
            }

            _change.Run(command.PurchaseId.Memory, (long)State.Released);
            _dropLines.Run(command.PurchaseId.Memory);
        }

        return new Reply();
    }

    /// <summary>Reserved before a time, and neither confirmed nor released, oldest first.</summary>
    public List<Reservation> Open(long before, int limit)
    {
        var open = new List<Row>();
        using (var rows = _open.Query(before, limit))
        {
            while (rows.Read())
            {
                open.Add(new(ByteString.CopyFrom(rows.Bytes(0)), ByteString.CopyFrom(rows.Bytes(2)), State.Reserved, rows.Int64(1)));
            }
        }

        return [.. open.Select(Answer)];
    }

    private bool TryConfirm(ByteString purchaseId)
    {
        if (Find(purchaseId) is not { State: State.Reserved or State.Confirmed } row)
        {
            return false;
        }

        if (row.State == State.Reserved)
        {
            foreach (var (number, line) in Lines(purchaseId))
            {
                items.Sell(number, line.Quantity);
            }

            _change.Run(purchaseId.Memory, (long)State.Confirmed);
        }

        return true;
    }

    private Reply? Known(Reserve command) => Find(command.PurchaseId) switch
    {
        null => null,
        { State: State.Released } => new Reply { Error = Error.Released },
        { State: State.Refused } row => Refused(row.Shortage),
        { } row => new Reply { Reservation = Answer(row) },
    };

    // Two lines of one item are one: together they must be there.
    private Shortage? Lacking(Reserve command, out List<Line> lines, out long total)
    {
        lines = [];
        total = 0;
        Int128 sum = 0;
        foreach (var (itemId, quantity) in command.Lines.GroupBy(line => line.ItemId, (id, same) => (id, same.Sum(line => (long)line.Quantity))))
        {
            if (items.Find(itemId, out var number) is not { } item)
            {
                return new Shortage(itemId, null);
            }

            sum += (Int128)quantity * item.PriceCents;

            // An amount that no card service could even be asked for is refused here, where it comes up first.
            if (item.Quantity < quantity || sum > long.MaxValue)
            {
                return new Shortage(itemId, item.Quantity);
            }

            lines.Add(new Line(number, new ReservationLine
            {
                ItemId = itemId,
                Quantity = (int)quantity,
                UnitPriceCents = item.PriceCents,
                SellerId = item.SellerId,
            }));
        }

        total = (long)sum;
        return null;
    }

    private Row? Find(ByteString purchaseId)
    {
        using var rows = _find.Query(purchaseId.Memory);
        return rows.Read()
            ? new Row(purchaseId, ByteString.CopyFrom(rows.Bytes(2)), (State)rows.Int32(0), rows.Int64(1), new(rows.Text(3), rows.IsNull(4) ? null : rows.Int64(4)))
            : null;
    }

    private List<Line> Lines(ByteString purchaseId)
    {
        var lines = new List<Line>();
        using var rows = _lines.Query(purchaseId.Memory);
        while (rows.Read())
        {
            lines.Add(new Line(rows.Int64(0), new ReservationLine
            {
                ItemId = new ItemId(rows.Int32(1), rows.Int64(0)).ToString(),
                Quantity = rows.Int32(2),
                UnitPriceCents = rows.Int64(3),
                SellerId = rows.Int64(4),
            }));
        }

        return lines;
    }

    private static Reply Refused(Shortage shortage) => shortage.Available is { } available
        ? new Reply { Error = Error.NotEnoughUnits, ItemId = shortage.ItemId, Available = available }
        : new Reply { Error = Error.NoSuchItem, ItemId = shortage.ItemId };

    private Reservation Answer(Row row)
    {
        var reservation = new Reservation
        {
            PurchaseId = row.PurchaseId,
            CartId = row.CartId,
            TotalCents = row.Total,
            Confirmed = row.State == State.Confirmed,
        };
        reservation.Lines.AddRange(Lines(row.PurchaseId).Select(line => line.Answer));
        return reservation;
    }
}
