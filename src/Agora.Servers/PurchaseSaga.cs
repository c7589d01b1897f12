// A purchase crosses three services that share no transaction: customers (cart, history), products (units), payments
// (the card). It ends bought and charged, or not bought and not charged with the units back on sale, whichever process
// dies at whatever moment.
//
//   1. customers  GetCheckout  Reads the cart; or the purchase, if it is decided. The purchase's id follows from the
//                              account and the Idempotency-Key.
//   2. products   Reserve      Takes all lines off sale, or refuses for ever: there are too few units, or they cost
//                              something else than the buyer agreed to. Fixes lines and prices. Keeps other purchases
//                              of the cart out.
//   3. payments   Charge       Under the purchase's id.
//   4. approved:  customers Complete   Decides: history, counts, empty cart. Now the user is answered.
//      5.         products  Confirm    The units are sold.
//   4' otherwise: customers Abandon    Decides: `cart empty`, `out of stock`, `price changed`, `declined` or
//                                      `abandoned`, and stores the reason.
//      5'.        payments  Cancel     Unless the bank declined. Undoes an approval, and refuses any later charge.
//      6'.        products  Release    The units go back. Nothing can be reserved under this id any more. Now the user
//                                      is answered.
//      A purchase that Reserve refused needs neither 5' nor 6': nothing was reserved under this id or ever will be,
//      hence nothing charged.
//
// Several servers may work on one purchase at a time: the one that the user called, another that the user went on to,
// and a rescuer (PurchaseRecovery) that finds its reservation open for too long. Four rules keep them from different
// ends:
//
//   - Customers answer Complete or Abandon for one id, never both. The second caller gets the decision of the first.
//     That answer is the arbiter: a server that asked for the one and gets the other goes the other way.
//   - Complete only after payments answered Approved; and nobody charges before products have reserved.
//   - Confirm only after Complete. Cancel and Release only after Abandon.
//   - Release only after Cancel, or after the bank declined, which is for ever.
//
// So a completed purchase was approved and reserved; nobody ever cancels or releases it; and its Confirm, however late,
// finds the units reserved. An abandoned purchase is never confirmed, and any of its steps that is still on its way is
// refused: a Charge by the Cancel, a Reserve by the Release, a Complete by customers. (Payments could not be the
// arbiter: between a rescuer's Find and its Cancel, the charge may be approved and the purchase completed; the Cancel
// would then undo a charge for goods that were sold.)
//
// If a server dies between two steps: before the Reserve nothing has happened. From then on products hold the
// reservation as open until Confirm or Release, the last step of either way. So a repeat of the call or a rescuer finds
// all that there is to do. Every step is idempotent by the purchase's id. A repeat starts at step 1. A rescuer, who has
// no card, asks customers for the decision; if there is none, it asks payments about the charge and goes on at 4 or 4'.
// A decision is read, never guessed, so every server that goes on answers the user the same. Nothing else keeps track,
// and every purchase is settled once all three services can be reached.
//
// A cart is bought once, under however many keys it is tried at a time: products hold one reservation of a cart at a
// time, and none after one that is confirmed; customers give the next cart another id as soon as one is bought.
//
// A key that comes again with another request (another card, another total) names no purchase. The fingerprint of the
// first request goes with the reservation and with the decision, and a request with another fingerprint is refused. It
// never drives the first request's purchase on with its own card.
//
// The user waits for the decision and, if it is no, until it is carried out: then the next try finds units and card as
// before. A yes is carried out after the answer (Settlements): nobody can see when reserved units become sold.

using System.ServiceModel;
using Agora.Contracts.Customers;
using Agora.Contracts.Payments;
using Agora.Contracts.Products;
using Google.Protobuf;

namespace Agora.Servers;

/// <summary>Drives purchases to their end.</summary>
internal sealed class PurchaseSaga(
    CustomersDatabase customers,
    ProductsDatabase products,
    PaymentsClient payments,
    Settlements settlements
)
{
    /// <summary>Buys the session's cart, or goes on with the purchase that has this id.</summary>
    /// <returns>The decided purchase, undone if the decision is no, and whether it was decided before; or why there is
    /// none.</returns>
    /// <exception cref="UnavailableException">The purchase may be undecided; a repeat or a rescuer will settle
    /// it.</exception>
    public async Task<(PurchaseRecord?, bool Replayed, Refusal?)> BuyAsync(
        Session session,
        ByteString purchaseId,
        Order order,
        CancellationToken cancellationToken
    )
    {
        for (ByteString? takenCart = null; ; )
        {
            var checkout = await customers.GetCheckoutAsync(session, purchaseId, cancellationToken);
            if (checkout.Error != CustomersError.None)
            {
                return (null, false, Refusal.Of(checkout.Error));
            }

            if (checkout.Purchase is { } decided)
            {
                // The server that decided it may have died before it carried it out.
                return decided.Fingerprint == order.Fingerprint
                    ? (await CarryOutAsync(decided, cancellationToken), true, null)
                    : (null, false, Refusal.KeyReused);
            }

            if (checkout.Lines.Count == 0)
            {
                return Answer(
                    await GiveUpAsync(
                        purchaseId,
                        checkout.CartId,
                        order,
                        PurchaseState.CartEmpty,
                        Reasons.NothingBought,
                        cancellationToken
                    ),
                    order
                );
            }

            if (takenCart is not null && takenCart != checkout.CartId)
            {
                // This is not the cart that the user asked to buy.
                return Answer(
                    await GiveUpAsync(
                        purchaseId,
                        takenCart,
                        order,
                        PurchaseState.Abandoned,
                        Reasons.CartAlreadyBought,
                        cancellationToken
                    ),
                    order
                );
            }

            var reserved = await ReserveAsync(purchaseId, checkout, order, cancellationToken);
            if (reserved.Error == ProductsError.KeyReused)
            {
                return (null, false, Refusal.KeyReused);
            }

            if (reserved.Error != ProductsError.CartTaken)
            {
                return Answer(await BuyAsync(purchaseId, checkout.CartId, reserved, order, cancellationToken), order);
            }
            // The cart may have been bought, or this very purchase decided, since the cart was read: read it again. If
            // the cart is still taken then, another purchase of it is under way.
            if (takenCart is not null)
            {
                return (null, false, Refusal.PurchasePending);
            }

            takenCart = checkout.CartId;
        }
    }

    /// <summary>
    /// Settles, without a card, a purchase whose reservation was left open. A decision is carried out. Without one, the
    /// purchase is completed if payments approved it, otherwise abandoned and undone.
    /// </summary>
    /// <returns>The decided purchase.</returns>
    public async Task<PurchaseRecord> RescueAsync(Reservation reservation, CancellationToken cancellationToken)
    {
        if (await customers.GetDecisionAsync(reservation.PurchaseId, cancellationToken) is { } decided)
        {
            return await CarryOutAsync(decided, cancellationToken);
        }

        var charged = await payments.FindAsync(TransactionId(reservation.PurchaseId), cancellationToken);
        return await CarryOutAsync(await DecideAsync(reservation, charged, cancellationToken), cancellationToken);
    }

    /// <summary>The payment's transaction id: the purchase's id in hexadecimal digits.</summary>
    public static string TransactionId(ByteString purchaseId) => Convert.ToHexStringLower(purchaseId.Span);

    /// <summary>Reads what <see cref="TransactionId"/> wrote; null for anything else.</summary>
    public static ByteString? ParseId(string text) =>
        text.Length == 2 * RequestIds.Length && text.All(char.IsAsciiHexDigitLower)
            ? ByteString.CopyFrom(Convert.FromHexString(text))
            : null;

    // Another request under the same key may have decided the purchase first.
    private static (PurchaseRecord?, bool Replayed, Refusal?) Answer(PurchaseRecord purchase, Order order) =>
        purchase.Fingerprint == order.Fingerprint ? (purchase, false, null) : (null, false, Refusal.KeyReused);

    // Goes on after step 2.
    private async Task<PurchaseRecord> BuyAsync(
        ByteString purchaseId,
        ByteString cartId,
        ProductsReply reserved,
        Order order,
        CancellationToken cancellationToken
    )
    {
        if (reserved.Error is ProductsError.NotEnoughUnits or ProductsError.NoSuchItem)
        {
            return await GiveUpAsync(
                purchaseId,
                cartId,
                order,
                PurchaseState.OutOfStock,
                Reasons.OutOfStock,
                cancellationToken,
                reserved
            );
        }

        if (reserved.Error == ProductsError.PriceChanged)
        {
            return await GiveUpAsync(
                purchaseId,
                cartId,
                order,
                PurchaseState.PriceChanged,
                Reasons.PriceChanged,
                cancellationToken,
                reserved
            );
        }

        if (reserved.Error == ProductsError.Released)
        {
            // So it is decided: another Abandon returns the decision.
            return await GiveUpAsync(
                purchaseId,
                cartId,
                order,
                PurchaseState.Abandoned,
                Reasons.GivenUp,
                cancellationToken
            );
        }

        var reservation = reserved.Reservation;
        try
        {
            var charged = await payments.ChargeAsync(
                TransactionId(purchaseId),
                order.Card,
                reservation.TotalCents,
                cancellationToken
            );
            return await CarryOutAsync(await DecideAsync(reservation, charged, cancellationToken), cancellationToken);
        }
        catch (FaultException<CardFault> fault)
        {
            // The card passed our own check, so the two clocks differ about the month, or the service is stricter.
            return await GiveUpAsync(
                purchaseId,
                reservation.CartId,
                order,
                PurchaseState.Abandoned,
                Reasons.CardMalformed(fault.Detail),
                cancellationToken
            );
        }
    }

    private async Task<ProductsReply> ReserveAsync(
        ByteString purchaseId,
        CheckoutReply checkout,
        Order order,
        CancellationToken cancellationToken
    )
    {
        var reserve = new Reserve
        {
            PurchaseId = purchaseId,
            CartId = checkout.CartId,
            Fingerprint = order.Fingerprint,
        };
        if (order.ExpectedTotalCents is { } expected)
        {
            reserve.ExpectedTotalCents = expected;
        }

        reserve.Lines.Add(
            checkout.Lines.Select(line => new ReservationLine { ItemId = line.ItemId, Quantity = line.Quantity })
        );
        var reply = await AskProductsAsync(new() { Reserve = reserve }, cancellationToken);
        return
            reply.Error
                is ProductsError.None
                    or ProductsError.CartTaken
                    or ProductsError.NotEnoughUnits
                    or ProductsError.NoSuchItem
                    or ProductsError.PriceChanged
                    or ProductsError.Released
                    or ProductsError.KeyReused
            ? reply
            : throw Unexpected(reply.Error);
    }

    // Step 4 or 4'. If another server decided first, the answer is that decision.
    private Task<PurchaseRecord> DecideAsync(
        Reservation reservation,
        TransactionState charged,
        CancellationToken cancellationToken
    ) =>
        charged switch
        {
            TransactionState.Approved => CompleteAsync(reservation, cancellationToken),
            TransactionState.Declined => AbandonAsync(
                Abandon(reservation, PurchaseState.Declined, Reasons.Declined),
                cancellationToken
            ),
            _ => AbandonAsync(Abandon(reservation, PurchaseState.Abandoned, Reasons.GivenUp), cancellationToken),
        };

    private Task<PurchaseRecord> CompleteAsync(Reservation reservation, CancellationToken cancellationToken)
    {
        var complete = new CompletePurchase
        {
            PurchaseId = reservation.PurchaseId,
            CartId = reservation.CartId,
            Fingerprint = reservation.Fingerprint,
        };
        complete.Lines.Add(
            reservation.Lines.Select(line => new PurchaseRecordLine
            {
                ItemId = line.ItemId,
                Quantity = line.Quantity,
                UnitPriceCents = line.UnitPriceCents,
                SellerId = line.SellerId,
            })
        );
        return AskCustomersAsync(new() { CompletePurchase = complete }, cancellationToken);
    }

    private Task<PurchaseRecord> AbandonAsync(AbandonPurchase abandon, CancellationToken cancellationToken) =>
        AskCustomersAsync(new() { AbandonPurchase = abandon }, cancellationToken);

    private static AbandonPurchase Abandon(Reservation reservation, PurchaseState outcome, string reason) =>
        new()
        {
            PurchaseId = reservation.PurchaseId,
            CartId = reservation.CartId,
            Outcome = outcome,
            Reason = reason,
            Fingerprint = reservation.Fingerprint,
        };

    private async Task<PurchaseRecord> GiveUpAsync(
        ByteString purchaseId,
        ByteString cartId,
        Order order,
        PurchaseState outcome,
        string reason,
        CancellationToken cancellationToken,
        ProductsReply? refused = null
    )
    {
        var abandon = new AbandonPurchase
        {
            PurchaseId = purchaseId,
            CartId = cartId,
            Outcome = outcome,
            Reason = reason,
            Fingerprint = order.Fingerprint,
            RefusedTotalCents = refused?.RefusedTotalCents ?? 0,
        };
        abandon.RefusedLines.Add((refused?.RefusedLines ?? []).Select(line => line.ToCustomers()));
        return await CarryOutAsync(await AbandonAsync(abandon, cancellationToken), cancellationToken);
    }

    // Every server that finds a purchase decided carries it out: the one that decided may have died. Once this is done,
    // a late step of another server, such as the Reserve of one that was stopped for minutes, is refused.
    private async Task<PurchaseRecord> CarryOutAsync(PurchaseRecord purchase, CancellationToken cancellationToken)
    {
        if (purchase.State == PurchaseState.Completed)
        {
            settlements.Add(new(SettlementKind.ConfirmPurchase, purchase.PurchaseId));
        }
        else if (purchase.State is not (PurchaseState.OutOfStock or PurchaseState.PriceChanged))
        {
            await UndoAsync(purchase, cancellationToken);
        }

        return purchase;
    }

    // Steps 5' and 6', in this order: rescuers look for open reservations, so nothing may be left to do once it is
    // released.
    private async Task UndoAsync(PurchaseRecord purchase, CancellationToken cancellationToken)
    {
        if (purchase.State != PurchaseState.Declined)
        {
            var end = await payments.CancelAsync(TransactionId(purchase.PurchaseId), cancellationToken);
            if (end is not (TransactionState.Cancelled or TransactionState.Declined))
            {
                throw new InvalidOperationException($"The payment service answered Cancel with {end}.");
            }
        }

        var released = await AskProductsAsync(
            new() { Release = new() { PurchaseId = purchase.PurchaseId } },
            cancellationToken
        );
        if (released.Error != ProductsError.None)
        {
            throw Unexpected(released.Error);
        }
    }

    // The steps carry fresh request ids. They are idempotent by the purchase's id, and a repeat must see the purchase
    // as it is now, not as it was when the first try was answered.
    private Task<ProductsReply> AskProductsAsync(ProductsCommand command, CancellationToken cancellationToken) =>
        products.ExecuteAsync(RequestIds.Random(), command, cancellationToken);

    private async Task<PurchaseRecord> AskCustomersAsync(CustomersCommand command, CancellationToken cancellationToken)
    {
        var reply = await customers.ExecuteAsync(RequestIds.Random(), command, cancellationToken);
        return reply.Error == CustomersError.None
            ? reply.Purchase
            : throw new InvalidOperationException(
                $"The customers database answered {reply.Error} to {command.KindCase}."
            );
    }

    private static InvalidOperationException Unexpected(ProductsError error) =>
        new($"The products database answered {error} to a step of a purchase.");

    /// <summary>Reasons for people, stored with the purchase.</summary>
    private static class Reasons
    {
        public const string NothingBought = "Nothing was bought or charged.";
        public const string Declined =
            $"The bank declined the card. {NothingBought} Try another card, with another Idempotency-Key.";
        public const string CartAlreadyBought = $"Another purchase had bought the cart. {NothingBought}";
        public const string OutOfStock = $"The cart holds more units of an item than are on sale now. {NothingBought}";
        public const string PriceChanged = $"The price of the cart has changed. {NothingBought}";
        public const string GivenUp =
            $"The purchase was interrupted and then abandoned. {NothingBought} Buy again with another Idempotency-Key.";

        public static string CardMalformed(CardFault fault) =>
            $"The payment service refused the card: {fault.Field} {fault.Reason}. {NothingBought}";
    }
}
