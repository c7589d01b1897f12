using Agora.Contracts.Products;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Products;

/// <summary>
/// The units that purchases have taken off sale, by the purchase's id. A reservation is made, and then confirmed or
/// released for ever; or it is refused for ever. Each step may be repeated. A release that comes before its reservation
/// prevents the reservation. At most one purchase of a cart has a reservation at a time; once that one is confirmed, no
/// other purchase of the cart gets one. So a cart is bought once.
/// </summary>
internal sealed class Reservations(SqliteConnection connection, Items items)
{
    private readonly Statement _find = connection.Prepared(
        "SELECT state, total, cart_id, fingerprint, error, lacking, available FROM reservation WHERE purchase_id = ?1"
    );

    private readonly Statement _ofCart = connection.Prepared(
        "SELECT 1 FROM reservation WHERE cart_id = ?1 AND state < 2"
    );

    private readonly Statement _open = connection.Prepared(
        """
        SELECT purchase_id, total, cart_id, fingerprint, at FROM reservation
        WHERE state = 0 AND at < ?1 AND (at, purchase_id) > (?3, ?4) ORDER BY at, purchase_id LIMIT ?2
        """
    );

    private readonly Statement _add = connection.Prepared(
        """
        INSERT INTO reservation (purchase_id, fingerprint, cart_id, state, at, total) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        """
    );

    private readonly Statement _refuse = connection.Prepared(
        """
        INSERT INTO reservation (purchase_id, fingerprint, cart_id, state, at, total, error, lacking, available)
        VALUES (?1, ?2, X'', 3, ?3, ?4, ?5, ?6, ?7)
        """
    );

    private readonly Statement _refusedLines = connection.Prepared(
        """
        SELECT item, quantity, name, unit_price, available FROM refused_line WHERE purchase_id = ?1 ORDER BY position
        """
    );

    private readonly Statement _addRefusedLine = connection.Prepared(
        """
        INSERT INTO refused_line (purchase_id, position, item, quantity, name, unit_price, available)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        """
    );

    private readonly Statement _change = connection.Prepared(
        "UPDATE reservation SET state = ?2 WHERE purchase_id = ?1"
    );

    private readonly Statement _lines = connection.Prepared(
        """
        SELECT l.number, i.category, l.quantity, l.unit_price, l.seller
        FROM reservation_line l JOIN item i ON i.number = l.number
        WHERE l.purchase_id = ?1 ORDER BY l.position
        """
    );

    private readonly Statement _addLine = connection.Prepared(
        """
        INSERT INTO reservation_line (purchase_id, position, number, quantity, unit_price, seller)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        """
    );

    private readonly Statement _dropLines = connection.Prepared("DELETE FROM reservation_line WHERE purchase_id = ?1");

    private enum ReservationState
    {
        Reserved = 0,
        Confirmed = 1,
        Released = 2,
        Refused = 3,
    }

    private readonly record struct ReservedLine(long Number, ReservationLine Answer);

    // Refusal has no lines yet.
    private readonly record struct ReservationRow(
        ByteString PurchaseId,
        ByteString CartId,
        ReservationState State,
        long Total,
        uint? Fingerprint,
        ProductsReply? Refusal = null
    );

    // An item that a purchase wants, and the item as it is now; null where there is none.
    private readonly record struct Wanted(string ItemId, long Quantity, long Number, ItemRecord? Item);

    /// <summary>
    /// A refusal for the stock or the price is kept too. Several servers may reserve for one purchase: once one of them
    /// has told its user that there are no units, none of the others may get units.
    /// </summary>
    public ProductsReply Reserve(Reserve command, long time)
    {
        if (Known(command) is { } known)
        {
            return known;
        }

        if (_ofCart.Number(command.CartId.Memory) is not null)
        {
            return new ProductsReply { Error = ProductsError.CartTaken };
        }

        var wanted = LookUp(command);
        if (Refuse(command, wanted, out var total) is { } refusal)
        {
            Keep(command, refusal, time);
            return refusal;
        }

        var purchase = command.PurchaseId.Memory;
        _add.Run(
            purchase,
            (long)command.Fingerprint,
            command.CartId.Memory,
            (long)ReservationState.Reserved,
            time,
            total
        );
        for (var i = 0; i < wanted.Count; i++)
        {
            var (_, quantity, number, item) = wanted[i];
            _addLine.Run(purchase, i, number, quantity, item!.PriceCents, item.SellerId);
            items.Reserve(number, quantity);
        }

        var row = new ReservationRow(
            command.PurchaseId,
            command.CartId,
            ReservationState.Reserved,
            total,
            command.Fingerprint
        );
        return new ProductsReply { Reservation = Answer(row) };
    }

    /// <summary>
    /// The reply to a purchase whose id is known; null where it is not known. Ids are known for ever.
    /// </summary>
    public ProductsReply? Repeat(Reserve command)
    {
        var known = Known(command);
        known?.Replayed = true;
        return known;
    }

    /// <summary>
    /// Confirms every purchase that can be confirmed; the reply names the others.
    /// </summary>
    public ProductsReply Confirm(Confirm command)
    {
        var confirmed = new Confirmed();
        confirmed.RefusedIds.AddRange(command.PurchaseIds.Where(id => !TryConfirm(id)));
        return new ProductsReply { Confirmed = confirmed };
    }

    public ProductsReply Release(Release command)
    {
        if (Find(command.PurchaseId) is not { } row)
        {
            _add.Run(
                command.PurchaseId.Memory,
                SqlValue.Null,
                ByteString.Empty.Memory,
                (long)ReservationState.Released,
                0,
                0
            );
            return new ProductsReply();
        }

        if (row.State == ReservationState.Confirmed)
        {
            return new ProductsReply { Error = ProductsError.Confirmed };
        }

        if (row.State == ReservationState.Reserved)
        {
            foreach (var (number, line) in Lines(command.PurchaseId))
            {
                items.Reserve(number, -line.Quantity);
            }

            _change.Run(command.PurchaseId.Memory, (long)ReservationState.Released);
            _dropLines.Run(command.PurchaseId.Memory);
        }

        return new ProductsReply();
    }

    /// <summary>
    /// Reservations made before a time and neither confirmed nor released, oldest first, from the one behind the last
    /// that the caller has seen.
    /// </summary>
    /// <param name="before">Only those made before this time.</param>
    /// <param name="limit">So many at most.</param>
    /// <param name="afterAt">The time of the last that the caller has seen.</param>
    /// <param name="afterPurchase">Its purchase; null or empty for the beginning of the list.</param>
    public List<Reservation> Open(long before, int limit, long afterAt = 0, ByteString? afterPurchase = null)
    {
        var open = new List<(ReservationRow Row, long At)>();
        using (var rows = _open.Query(before, limit, afterAt, (afterPurchase ?? ByteString.Empty).Memory))
        {
            while (rows.Read())
            {
                var (purchase, cart) = (ByteString.CopyFrom(rows.Bytes(0)), ByteString.CopyFrom(rows.Bytes(2)));
                open.Add(
                    (new(purchase, cart, ReservationState.Reserved, rows.Int64(1), (uint)rows.Int32(3)), rows.Int64(4))
                );
            }
        }

        return
        [
            .. open.Select(each =>
            {
                var reservation = Answer(each.Row);
                reservation.At = each.At;
                return reservation;
            }),
        ];
    }

    private bool TryConfirm(ByteString purchaseId)
    {
        if (Find(purchaseId) is not { State: ReservationState.Reserved or ReservationState.Confirmed } row)
        {
            return false;
        }

        if (row.State == ReservationState.Reserved)
        {
            foreach (var (number, line) in Lines(purchaseId))
            {
                items.Sell(number, line.Quantity);
            }

            _change.Run(purchaseId.Memory, (long)ReservationState.Confirmed);
        }

        return true;
    }

    private ProductsReply? Known(Reserve command) =>
        Find(command.PurchaseId) switch
        {
            null => null,

            // A release that came first did not know the request's fingerprint.
            { Fingerprint: { } first } when first != command.Fingerprint => new ProductsReply
            {
                Error = ProductsError.KeyReused,
            },
            { State: ReservationState.Released } => new ProductsReply { Error = ProductsError.Released },
            { State: ReservationState.Refused } row => WithLines(row),
            { } row => new ProductsReply { Reservation = Answer(row) },
        };

    // Two lines of one item become one: the item must have enough units for both.
    private List<Wanted> LookUp(Reserve command) =>
        [
            .. command.Lines.GroupBy(
                line => line.ItemId,
                (id, same) =>
                {
                    var item = items.Find(id, out var number);
                    return new Wanted(id, same.Sum(line => (long)line.Quantity), number, item);
                }
            ),
        ];

    // Missing units come before a changed price, because a buyer may agree to a new price.
    private static ProductsReply? Refuse(Reserve command, List<Wanted> wanted, out long total)
    {
        var refusal = new ProductsReply();
        Int128 sum = 0;
        foreach (var (itemId, quantity, _, item) in wanted)
        {
            sum += (Int128)quantity * (item?.PriceCents ?? 0);
            if (refusal.Error != ProductsError.None)
            {
                continue;
            }

            if (item is null)
            {
                (refusal.Error, refusal.ItemId) = (ProductsError.NoSuchItem, itemId);
            }
            else if (item.Quantity < quantity || quantity > int.MaxValue || sum > long.MaxValue)
            {
                // A sum that no card can be charged with and a quantity that no line can hold first appear here, so
                // they are refused here.
                (refusal.Error, refusal.ItemId, refusal.Available) = (
                    ProductsError.NotEnoughUnits,
                    itemId,
                    item.Quantity
                );
            }
        }

        total = (long)Int128.Min(sum, long.MaxValue);
        if (refusal.Error == ProductsError.None)
        {
            if (!command.HasExpectedTotalCents || command.ExpectedTotalCents == total)
            {
                return null;
            }

            refusal.Error = ProductsError.PriceChanged;
        }

        refusal.RefusedTotalCents = total;
        refusal.RefusedLines.AddRange(
            wanted.Select(line => new RefusedItem
            {
                ItemId = line.ItemId,
                Quantity = (int)Math.Min(line.Quantity, int.MaxValue),
                Name = line.Item?.Name ?? "",
                UnitPriceCents = line.Item?.PriceCents ?? 0,
                Available = line.Item?.Quantity ?? 0,
            })
        );
        return refusal;
    }

    private void Keep(Reserve command, ProductsReply refusal, long time)
    {
        var purchase = command.PurchaseId.Memory;
        _refuse.Run(
            purchase,
            (long)command.Fingerprint,
            time,
            refusal.RefusedTotalCents,
            (long)refusal.Error,
            refusal.ItemId,
            refusal.Available
        );
        for (var i = 0; i < refusal.RefusedLines.Count; i++)
        {
            var line = refusal.RefusedLines[i];
            _addRefusedLine.Run(
                purchase,
                i,
                line.ItemId,
                line.Quantity,
                line.Name,
                line.UnitPriceCents,
                line.Available
            );
        }
    }

    private ProductsReply WithLines(ReservationRow row)
    {
        var refusal = row.Refusal!;
        using var rows = _refusedLines.Query(row.PurchaseId.Memory);
        while (rows.Read())
        {
            refusal.RefusedLines.Add(
                new RefusedItem
                {
                    ItemId = rows.Text(0),
                    Quantity = rows.Int32(1),
                    Name = rows.Text(2),
                    UnitPriceCents = rows.Int64(3),
                    Available = rows.Int64(4),
                }
            );
        }

        return refusal;
    }

    private ReservationRow? Find(ByteString purchaseId)
    {
        using var rows = _find.Query(purchaseId.Memory);
        if (!rows.Read())
        {
            return null;
        }

        var (state, total, cart) = ((ReservationState)rows.Int32(0), rows.Int64(1), ByteString.CopyFrom(rows.Bytes(2)));
        uint? fingerprint = rows.IsNull(3) ? null : (uint)rows.Int32(3);
        if (state != ReservationState.Refused)
        {
            return new ReservationRow(purchaseId, cart, state, total, fingerprint);
        }

        return new ReservationRow(
            purchaseId,
            cart,
            state,
            total,
            fingerprint,
            new ProductsReply
            {
                Error = (ProductsError)rows.Int32(4),
                ItemId = rows.Text(5),
                Available = rows.Int64(6),
                RefusedTotalCents = total,
            }
        );
    }

    private List<ReservedLine> Lines(ByteString purchaseId)
    {
        var lines = new List<ReservedLine>();
        using var rows = _lines.Query(purchaseId.Memory);
        while (rows.Read())
        {
            lines.Add(
                new ReservedLine(
                    rows.Int64(0),
                    new ReservationLine
                    {
                        ItemId = new ItemId(rows.Int32(1), rows.Int64(0)).ToString(),
                        Quantity = rows.Int32(2),
                        UnitPriceCents = rows.Int64(3),
                        SellerId = rows.Int64(4),
                    }
                )
            );
        }

        return lines;
    }

    private Reservation Answer(ReservationRow row)
    {
        var reservation = new Reservation
        {
            PurchaseId = row.PurchaseId,
            CartId = row.CartId,
            TotalCents = row.Total,
            Confirmed = row.State == ReservationState.Confirmed,
            Fingerprint = row.Fingerprint ?? 0,
        };
        reservation.Lines.AddRange(Lines(row.PurchaseId).Select(line => line.Answer));
        return reservation;
    }
}
