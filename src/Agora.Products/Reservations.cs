using Agora.Contracts.Products;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Products;

/// <summary>
/// The units that purchases have taken off sale, each purchase under its id: reserved, and then confirmed or released for ever.
/// Each step may be repeated, and a release that comes first keeps a late reservation out.
/// </summary>
internal sealed class Reservations(SqliteConnection connection, Items items)
{
    private readonly Statement _find = connection.Prepared("SELECT state, total FROM reservation WHERE purchase_id = ?1");

    private readonly Statement _put = connection.Prepared("""
        INSERT INTO reservation (purchase_id, state, total) VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET state = excluded.state
        """);

    private readonly Statement _lines = connection.Prepared("""
        SELECT l.number, i.category, l.quantity, l.unit_price, l.seller
        FROM reservation_line l JOIN item i ON i.number = l.number
        WHERE l.purchase_id = ?1 ORDER BY l.position
        """);

    private readonly Statement _addLine = connection.Prepared("""
        INSERT INTO reservation_line (purchase_id, position, number, quantity, unit_price, seller) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        """);

    private enum State
    {
        Reserved = 0,
        Confirmed = 1,
        Released = 2,
    }

    private readonly record struct Line(long Number, ReservationLine Answer);

    public Reply Reserve(Reserve command)
    {
        if (Find(command.PurchaseId, out var state, out var total))
        {
            return state == State.Released ? new Reply { Error = Error.Released } : Answer(command.PurchaseId, state, total);
        }

        if (Refused(command, out var lines, out total) is { } refusal)
        {
            return refusal;
        }

        var purchase = command.PurchaseId.Memory;
        _put.Run(purchase, (long)State.Reserved, total);
        for (var i = 0; i < lines.Count; i++)
        {
            var (number, line) = lines[i];
            _addLine.Run(purchase, i, number, line.Quantity, line.UnitPriceCents, line.SellerId);
            items.Reserve(number, line.Quantity);
        }

        return Answer(command.PurchaseId, State.Reserved, total);
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
        if (Find(command.PurchaseId, out var state, out var total))
        {
            if (state == State.Confirmed)
            {
                return new Reply { Error = Error.Confirmed };
            }

            if (state == State.Reserved)
            {
                foreach (var (number, line) in Lines(command.PurchaseId))
                {
                    items.Reserve(number, -line.Quantity);
                }
            }
        }

        _put.Run(command.PurchaseId.Memory, (long)State.Released, total);
        return new Reply();
    }

    private bool TryConfirm(ByteString purchaseId)
    {
        if (!Find(purchaseId, out var state, out var total) || state == State.Released)
        {
            return false;
        }

        if (state == State.Reserved)
        {
            foreach (var (number, line) in Lines(purchaseId))
            {
                items.Sell(number, line.Quantity);
            }

            _put.Run(purchaseId.Memory, (long)State.Confirmed, total);
        }

        return true;
    }

    // Two lines of one item are one: together they must be there.
    private Reply? Refused(Reserve command, out List<Line> lines, out long total)
    {
        lines = [];
        total = 0;
        Int128 sum = 0;
        foreach (var (itemId, quantity) in command.Lines.GroupBy(line => line.ItemId, (id, same) => (id, same.Sum(line => (long)line.Quantity))))
        {
            if (items.Find(itemId, out var number) is not { } item)
            {
                return new Reply { Error = Error.NoSuchItem, ItemId = itemId };
            }

            sum += (Int128)quantity * item.PriceCents;

            // An amount that no card service could even be asked for is refused here, where it comes up first.
            if (item.Quantity < quantity || sum > long.MaxValue)
            {
                return new Reply { Error = Error.NotEnoughUnits, ItemId = itemId, Available = item.Quantity };
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

    private bool Find(ByteString purchaseId, out State state, out long total)
    {
        using var rows = _find.Query(purchaseId.Memory);
        var found = rows.Read();
        (state, total) = found ? ((State)rows.Int32(0), rows.Int64(1)) : default;
        return found;
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

    private Reply Answer(ByteString purchaseId, State state, long total)
    {
        var reservation = new Reservation { PurchaseId = purchaseId, TotalCents = total, Confirmed = state == State.Confirmed };
        reservation.Lines.AddRange(Lines(purchaseId).Select(line => line.Answer));
        return new Reply { Reservation = reservation };
    }
}
