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
    private readonly Statement _find = connection.Prepared(
        "SELECT state, total, cart_id, fingerprint, error, lacking, available FROM reservation WHERE purchase_id = ?1");

    private readonly Statement _ofCart = connection.Prepared("SELECT 1 FROM reservation WHERE cart_id = ?1 AND state < 2");

    private readonly Statement _open = connection.Prepared("""
        SELECT purchase_id, total, cart_id, fingerprint FROM reservation
        WHERE state = 0 AND at < ?1 ORDER BY at, purchase_id LIMIT ?2
        """);

    private readonly Statement _add = connection.Prepared("""
        INSERT INTO reservation (purchase_id, fingerprint, cart_id, state, at, total) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        """);

    private readonly Statement _refuse = connection.Prepared("""
        INSERT INTO reservation (purchase_id, fingerprint, cart_id, state, at, total, error, lacking, available)
        VALUES (?1, ?2, X'', 3, ?3, ?4, ?5, ?6, ?7)
        """);

    private readonly Statement _refusedLines = connection.Prepared("""
        SELECT item, quantity, name, unit_price, available FROM refused_line WHERE purchase_id = ?1 ORDER BY position
        """);

    private readonly Statement _addRefusedLine = connection.Prepared("""
        INSERT INTO refused_line (purchase_id, position, item, quantity, name, unit_price, available)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        """);

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

    // Refusal: without its lines.
    private readonly record struct Row(
        ByteString PurchaseId, ByteString CartId, State State, long Total, uint? Fingerprint, Reply? Refusal = null);

    // An item that a purchase is to have, and how it stands; null where there is none.
    private readonly record struct Wanted(string ItemId, long Quantity, long Number, Item? Item);

    /// <summary>
    /// A refusal for what is on sale is kept too: of several who reserve for one purchase, none gets units when another
    /// has told its user why there are none.
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

        var wanted = LookUp(command);
        if (Refuse(command, wanted, out var total) is { } refusal)
        {
            Keep(command, refusal, time);
            return refusal;
        }

        var purchase = command.PurchaseId.Memory;
        _add.Run(purchase, (long)command.Fingerprint, command.CartId.Memory, (long)State.Reserved, time, total);
        for (var i = 0; i < wanted.Count; i++)
        {
            var (_, quantity, number, item) = wanted[i];
            _addLine.Run(purchase, i, number, quantity, item!.PriceCents, item.SellerId);
            items.Reserve(number, quantity);
        }

        var row = new Row(command.PurchaseId, command.CartId, State.Reserved, total, command.Fingerprint);
        return new Reply { Reservation = Answer(row) };
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
            _add.Run(command.PurchaseId.Memory, SqlValue.Null, ByteString.Empty.Memory, (long)State.Released, 0, 0);
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
                var (purchase, cart) = (ByteString.CopyFrom(rows.Bytes(0)), ByteString.CopyFrom(rows.Bytes(2)));
                open.Add(new(purchase, cart, State.Reserved, rows.Int64(1), (uint)rows.Int32(3)));
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

        // A release that came first did not know the request.
        { Fingerprint: { } first } when first != command.Fingerprint => new Reply { Error = Error.KeyReused },
        { State: State.Released } => new Reply { Error = Error.Released },
        { State: State.Refused } row => WithLines(row),
        { } row => new Reply { Reservation = Answer(row) },
    };

    // Two lines of one item are one: together they must be there.
    private List<Wanted> LookUp(Reserve command) =>
    [
        .. command.Lines.GroupBy(line => line.ItemId, (id, same) =>
        {
            var item = items.Find(id, out var number);
            return new Wanted(id, same.Sum(line => (long)line.Quantity), number, item);
        }),
    ];

    // What is lacking goes first: a buyer who is told of another price can agree to it.
    private static Reply? Refuse(Reserve command, List<Wanted> wanted, out long total)
    {
        var refusal = new Reply();
        Int128 sum = 0;
        foreach (var (itemId, quantity, _, item) in wanted)
        {
            sum += (Int128)quantity * (item?.PriceCents ?? 0);
            if (refusal.Error != Error.None)
            {
                continue;
            }

            if (item is null)
            {
                (refusal.Error, refusal.ItemId) = (Error.NoSuchItem, itemId);
            }
            else if (item.Quantity < quantity || quantity > int.MaxValue || sum > long.MaxValue)
            {
                // An amount that no card service could even be asked for is refused here, where it comes up first; so
                // are units that no line can hold.
                (refusal.Error, refusal.ItemId, refusal.Available) = (Error.NotEnoughUnits, itemId, item.Quantity);
            }
        }

        total = (long)Int128.Min(sum, long.MaxValue);
        if (refusal.Error == Error.None)
        {
            if (!command.HasExpectedTotalCents || command.ExpectedTotalCents == total)
            {
                return null;
            }

            refusal.Error = Error.PriceChanged;
        }

        refusal.RefusedTotalCents = total;
        refusal.RefusedLines.AddRange(wanted.Select(line => new RefusedLine
        {
            ItemId = line.ItemId,
            Quantity = (int)Math.Min(line.Quantity, int.MaxValue),
            Name = line.Item?.Name ?? "",
            UnitPriceCents = line.Item?.PriceCents ?? 0,
            Available = line.Item?.Quantity ?? 0,
        }));
        return refusal;
    }

    private void Keep(Reserve command, Reply refusal, long time)
    {
        var purchase = command.PurchaseId.Memory;
        _refuse.Run(
            purchase, (long)command.Fingerprint, time, refusal.RefusedTotalCents, (long)refusal.Error,
            refusal.ItemId, refusal.Available);
        for (var i = 0; i < refusal.RefusedLines.Count; i++)
        {
            var line = refusal.RefusedLines[i];
            _addRefusedLine.Run(
                purchase, i, line.ItemId, line.Quantity, line.Name, line.UnitPriceCents, line.Available);
        }
    }

    private Reply WithLines(Row row)
    {
        var refusal = row.Refusal!;
        using var rows = _refusedLines.Query(row.PurchaseId.Memory);
        while (rows.Read())
        {
            refusal.RefusedLines.Add(new RefusedLine
            {
                ItemId = rows.Text(0),
                Quantity = rows.Int32(1),
                Name = rows.Text(2),
                UnitPriceCents = rows.Int64(3),
                Available = rows.Int64(4),
            });
        }

        return refusal;
    }

    private Row? Find(ByteString purchaseId)
    {
        using var rows = _find.Query(purchaseId.Memory);
        if (!rows.Read())
        {
            return null;
        }

        var (state, total, cart) = ((State)rows.Int32(0), rows.Int64(1), ByteString.CopyFrom(rows.Bytes(2)));
        uint? fingerprint = rows.IsNull(3) ? null : (uint)rows.Int32(3);
        if (state != State.Refused)
        {
            return new Row(purchaseId, cart, state, total, fingerprint);
        }

        return new Row(purchaseId, cart, state, total, fingerprint, new Reply
        {
            Error = (Error)rows.Int32(4),
            ItemId = rows.Text(5),
            Available = rows.Int64(6),
            RefusedTotalCents = total,
        });
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

    private Reservation Answer(Row row)
    {
        var reservation = new Reservation
        {
            PurchaseId = row.PurchaseId,
            CartId = row.CartId,
            TotalCents = row.Total,
            Confirmed = row.State == State.Confirmed,
            Fingerprint = row.Fingerprint ?? 0,
        };
        reservation.Lines.AddRange(Lines(row.PurchaseId).Select(line => line.Answer));
        return reservation;
    }
}
