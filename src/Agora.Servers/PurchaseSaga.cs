// A purchase crosses three services that share no transaction: customers (cart, history), products (units), payments (the card).
// It ends bought and charged, or not bought and not charged with the units back on sale, whoever dies when.
//
//   1. customers  GetCheckout  read: the cart; or the purchase, where it is decided. Its id follows from account and Idempotency-Key
//   2. products   Reserve      all lines are taken off sale, or it is refused for ever: for want of units, or because they cost something else than the
//                              buyer has agreed to; fixes lines and prices; keeps other purchases of the cart out
//   3. payments   Charge       under the purchase's id
//   4. approved:  customers Complete   decides: history, counts, empty cart; now the user is answered
//      5.         products  Confirm    the units are sold
//   4' otherwise: customers Abandon    decides: `cart empty`, `out of stock`, `price changed`, `declined` or `abandoned`, and why
//      5'.        payments  Cancel     unless the bank declined; undoes an approval, and refuses any later charge
//      6'.        products  Release    the units go back; nothing can be reserved under this id any more; now the user is answered
//      What Reserve refused needs neither: nothing was reserved under this id or ever will be, hence nothing charged.
//
// Several may work on one purchase at a time: the server that the user called, another that the user went on to, and a rescuer
// (PurchaseRecovery) who finds its reservation open for too long. They cannot come to different ends, by four rules:
//
//   - Customers answer Complete or Abandon for one id, never both, and tell who comes second what was decided: that answer is the
//     arbiter. Who is told the other goes the other way.
//   - Complete only after payments answered Approved; and nobody charges before products have reserved.
//   - Confirm only after Complete. Cancel and Release only after Abandon.
//   - Release only after Cancel, or after the bank declined, which it does for ever.
//
// So a completed purchase was approved and reserved; nobody ever cancels or releases it; and its Confirm, however late, finds the units
// reserved. One that is given up is never confirmed; whatever of it is still on its way is refused: a Charge by the Cancel, a Reserve by the
// release, a Complete by customers. (To let payments decide would not do: between a rescuer's question what became of the charge
// and its Cancel, the charge may be approved and the purchase completed; the Cancel then undoes a charge for goods that were sold.)
//
// If a server dies between two steps: before the Reserve nothing has happened, and from then on products hold the reservation as open
// until Confirm or Release, which come last on either way. So whoever repeats the call or rescues finds whatever there is to do. Every
// step is idempotent by the purchase's id. A repeat of the call drives it on from the start; a rescuer, who has no card, asks customers
// what was decided; where nothing was, payments what became of the charge, and goes on at 4 or 4'. What was decided is read, never
// guessed, so the user is told the same by whichever server goes on. Nothing else keeps track, and a purchase is always settled once all
// three services can be reached.
//
// A cart is bought once, under however many keys it is tried at a time: products hold one reservation of a cart at a time, none after one
// that is confirmed; customers name the next cart differently as soon as one is bought.
//
// A key that comes again with another request (another card, another total) names no purchase: the fingerprint of the first request goes with
// the reservation and with the decision, and whoever comes with another one is refused. It never drives the first one's purchase on with its own card.
//
// The user waits for a decision and, where it was no, until it is carried out: then another try finds units and card as before. A yes
// is carried out behind the answer (Settlements): nothing that anybody can see depends on when reserved units are called sold.

using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.ServiceModel;
using System.Text;
using Agora.Contracts.Customers;
using Agora.Contracts.Payments;
using Agora.Contracts.Products;
using Google.Protobuf;
using CustomersCommand = Agora.Contracts.Customers.Command;
using CustomersError = Agora.Contracts.Customers.Error;
using ProductsCommand = Agora.Contracts.Products.Command;
using ProductsError = Agora.Contracts.Products.Error;
using ProductsReply = Agora.Contracts.Products.Reply;

namespace Agora.Servers;

/// <summary>What a buyer has asked for.</summary>
/// <param name="Card">Pays.</param>
/// <param name="ExpectedTotalCents">What the buyer has agreed to pay; null for whatever the cart costs.</param>
/// <param name="Fingerprint">Tells this request from others under the same Idempotency-Key; 0 without a key.</param>
internal sealed record Order(Card Card, long? ExpectedTotalCents, uint Fingerprint)
{
    /// <summary>An order under this key.</summary>
    /// <remarks>
    /// The databases keep the fingerprint for ever, and nothing of a card may be found out from it: so it has 16 bits only, of a hash over the whole card
    /// and the total, keyed with what only the client knows. Of 65,536 other cards one would pass for this one; that one would be answered with the receipt
    /// of the first, and charged nothing.
    /// </remarks>
    public static Order Of(Card card, long? expectedTotalCents, string? key)
    {
        if (key is null)
        {
            return new(card, expectedTotalCents, 0);
        }

        var request = string.Create(CultureInfo.InvariantCulture,
            $"{card.CardholderName}\0{card.CardNumber}\0{card.ExpirationDate}\0{card.SecurityCode}\0{expectedTotalCents}");
        var hash = HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(request));
        return new(card, expectedTotalCents, BinaryPrimitives.ReadUInt16BigEndian(hash));
    }
}

/// <summary>Drives purchases to their end.</summary>
internal sealed class PurchaseSaga(
    CustomersDatabase customers, ProductsDatabase products, Payments payments, Settlements settlements)
{
    /// <summary>Buys the session's cart, or goes on with the purchase of this id.</summary>
    /// <returns>
    /// The purchase, decided, and undone where the decision is no, and whether it was decided before; or why there is none.
    /// </returns>
    /// <exception cref="UnavailableException">The purchase may be undecided; it will be settled, by a repeat or by a rescuer.</exception>
    public async Task<(Purchase?, bool Replayed, Refusal?)> BuyAsync(
        Session session, ByteString purchaseId, Order order, CancellationToken deadline)
    {
        for (ByteString? taken = null; ;)
        {
            var checkout = await customers.GetCheckoutAsync(session, purchaseId, deadline);
            if (checkout.Error != CustomersError.None)
            {
                return (null, false, Refusal.Of(checkout.Error));
            }
            if (checkout.Purchase is { } decided)
            {
                // Whoever decided it may have died before it was carried out.
                return decided.Fingerprint == order.Fingerprint
                    ? (await CarryOutAsync(decided, deadline), true, null)
                    : (null, false, Refusal.KeyReused);
            }
            if (checkout.Lines.Count == 0)
            {
                return Answer(await GiveUpAsync(purchaseId, checkout.CartId, order, PurchaseState.CartEmpty, Given.Nothing, deadline), order);
            }
            if (taken is not null && taken != checkout.CartId)
            {
                // What is in this one is not what the user asked to buy.
                return Answer(await GiveUpAsync(purchaseId, taken, order, PurchaseState.Abandoned, Given.Bought, deadline), order);
            }
            var reserved = await ReserveAsync(purchaseId, checkout, order, deadline);
            if (reserved.Error == ProductsError.KeyReused)
            {
                return (null, false, Refusal.KeyReused);
            }
            if (reserved.Error != ProductsError.CartTaken)
            {
                return Answer(await BuyAsync(purchaseId, checkout.CartId, reserved, order, deadline), order);
            }
            // The cart may have been bought, or this very purchase decided, since the cart was read. Whoever then has it still is under way.
            if (taken is not null)
            {
                return (null, false, Refusal.PurchasePending);
            }
            taken = checkout.CartId;
        }
    }

    /// <summary>
    /// Goes on, without a card, with a purchase whose reservation is left open: what was decided is carried out; where nothing was, it is completed
    /// if payments have approved it, otherwise given up and undone.
    /// </summary>
    /// <returns>The purchase, decided.</returns>
    public async Task<Purchase> RescueAsync(Reservation reservation, CancellationToken deadline)
    {
        if (await customers.GetDecisionAsync(reservation.PurchaseId, deadline) is { } decided)
        {
            return await CarryOutAsync(decided, deadline);
        }
        var charged = await payments.FindAsync(TransactionId(reservation.PurchaseId), deadline);
        return await CarryOutAsync(await DecideAsync(reservation, charged, deadline), deadline);
    }

    /// <summary>The payment's id: the purchase's, readable.</summary>
    public static string TransactionId(ByteString purchaseId) => Convert.ToHexStringLower(purchaseId.Span);

    /// <summary>Reads what <see cref="TransactionId"/> wrote; null for anything else.</summary>
    public static ByteString? ParseId(string text) =>
        text.Length == 2 * RequestId.Length && text.All(char.IsAsciiHexDigitLower) ? ByteString.CopyFrom(Convert.FromHexString(text)) : null;

    // Another request under the same key may have been quicker, and have decided the purchase.
    private static (Purchase?, bool Replayed, Refusal?) Answer(Purchase purchase, Order order) =>
        purchase.Fingerprint == order.Fingerprint ? (purchase, false, null) : (null, false, Refusal.KeyReused);

    // What follows upon step 2.
    private async Task<Purchase> BuyAsync(
        ByteString purchaseId, ByteString cartId, ProductsReply reserved, Order order, CancellationToken deadline)
    {
        if (reserved.Error is ProductsError.NotEnoughUnits or ProductsError.NoSuchItem)
        {
            return await GiveUpAsync(purchaseId, cartId, order, PurchaseState.OutOfStock, Given.Lacking, deadline, reserved);
        }
        if (reserved.Error == ProductsError.PriceChanged)
        {
            return await GiveUpAsync(purchaseId, cartId, order, PurchaseState.PriceChanged, Given.Changed, deadline, reserved);
        }
        if (reserved.Error == ProductsError.Released)
        {
            // It is decided, then: to abandon it once more tells how.
            return await GiveUpAsync(purchaseId, cartId, order, PurchaseState.Abandoned, Given.Up, deadline);
        }
        var reservation = reserved.Reservation;
        try
        {
            var charged = await payments.ChargeAsync(TransactionId(purchaseId), order.Card, reservation.TotalCents, deadline);
            return await CarryOutAsync(await DecideAsync(reservation, charged, deadline), deadline);
        }
        catch (FaultException<CardFault> fault)
        {
            // Our own check has passed it, so the two clocks differ about the month, or the service knows better.
            return await GiveUpAsync(purchaseId, reservation.CartId, order, PurchaseState.Abandoned, Given.Malformed(fault.Detail), deadline);
        }
    }

    private async Task<ProductsReply> ReserveAsync(ByteString purchaseId, CheckoutReply checkout, Order order, CancellationToken deadline)
    {
        var reserve = new Reserve { PurchaseId = purchaseId, CartId = checkout.CartId, Fingerprint = order.Fingerprint };
        if (order.ExpectedTotalCents is { } expected)
        {
            reserve.ExpectedTotalCents = expected;
        }
        reserve.Lines.Add(checkout.Lines.Select(line => new ReservationLine { ItemId = line.ItemId, Quantity = line.Quantity }));
        var reply = await AskProductsAsync(purchaseId, new() { Reserve = reserve }, deadline);
        return reply.Error is ProductsError.None or ProductsError.CartTaken or ProductsError.NotEnoughUnits or ProductsError.NoSuchItem or ProductsError.PriceChanged
            or ProductsError.Released or ProductsError.KeyReused
            ? reply : throw Unexpected(reply.Error);
    }

    // Step 4 or 4'. Where somebody else was quicker, its answer is what that one has decided.
    private Task<Purchase> DecideAsync(Reservation reserved, TransactionState charged, CancellationToken deadline) => charged switch
    {
        TransactionState.Approved => CompleteAsync(reserved, deadline),
        TransactionState.Declined => AbandonAsync(Abandon(reserved, PurchaseState.Declined, Given.Declined), deadline),
        _ => AbandonAsync(Abandon(reserved, PurchaseState.Abandoned, Given.Up), deadline),
    };

    private Task<Purchase> CompleteAsync(Reservation reserved, CancellationToken deadline)
    {
        var complete = new CompletePurchase
        {
            PurchaseId = reserved.PurchaseId,
            CartId = reserved.CartId,
            Fingerprint = reserved.Fingerprint,
        };
        complete.Lines.Add(reserved.Lines.Select(line => new PurchaseLine
        {
            ItemId = line.ItemId,
            Quantity = line.Quantity,
            UnitPriceCents = line.UnitPriceCents,
            SellerId = line.SellerId,
        }));
        return AskCustomersAsync(reserved.PurchaseId, new() { CompletePurchase = complete }, deadline);
    }

    private Task<Purchase> AbandonAsync(AbandonPurchase abandon, CancellationToken deadline) =>
        AskCustomersAsync(abandon.PurchaseId, new() { AbandonPurchase = abandon }, deadline);

    private static AbandonPurchase Abandon(Reservation reserved, PurchaseState outcome, string reason) => new()
    {
        PurchaseId = reserved.PurchaseId,
        CartId = reserved.CartId,
        Outcome = outcome,
        Reason = reason,
        Fingerprint = reserved.Fingerprint,
    };

    private async Task<Purchase> GiveUpAsync(
        ByteString purchaseId, ByteString cartId, Order order, PurchaseState outcome, string reason, CancellationToken deadline,
        ProductsReply? refused = null)
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
        return await CarryOutAsync(await AbandonAsync(abandon, deadline), deadline);
    }

    // Whoever finds a purchase decided carries it out, not only who decided it: that one may have died, and what others have under way for it
    // (a Reserve of a server that was stopped for minutes) is kept out once this is done.
    private async Task<Purchase> CarryOutAsync(Purchase purchase, CancellationToken deadline)
    {
        if (purchase.State == PurchaseState.Completed)
        {
            settlements.Add(new(SettlementKind.Bought, purchase.PurchaseId));
        }
        else if (purchase.State is not (PurchaseState.OutOfStock or PurchaseState.PriceChanged))
        {
            await UndoAsync(purchase, deadline);
        }
        return purchase;
    }

    // Steps 5' and 6', in this order: an open reservation is what a rescuer goes by, so that nothing may be left to do once it is released.
    private async Task UndoAsync(Purchase purchase, CancellationToken deadline)
    {
        if (purchase.State != PurchaseState.Declined)
        {
            var end = await payments.CancelAsync(TransactionId(purchase.PurchaseId), deadline);
            if (end is not (TransactionState.Cancelled or TransactionState.Declined))
            {
                throw new InvalidOperationException($"The payment service answered Cancel with {end}.");
            }
        }
        var released = await AskProductsAsync(purchase.PurchaseId, new() { Release = new() { PurchaseId = purchase.PurchaseId } }, deadline);
        if (released.Error != ProductsError.None)
        {
            throw Unexpected(released.Error);
        }
    }

    // The steps carry fresh request ids: they are idempotent by the purchase's id, and a repeat must see the purchase as it stands
    // now, not as it stood when the first try was answered.
    private Task<ProductsReply> AskProductsAsync(ByteString purchaseId, ProductsCommand command, CancellationToken deadline)
    {
        return products.ExecuteAsync(RequestId.Random(), command, deadline);
    }

    private async Task<Purchase> AskCustomersAsync(ByteString purchaseId, CustomersCommand command, CancellationToken deadline)
    {
        var reply = await customers.ExecuteAsync(RequestId.Random(), command, deadline);
        return reply.Error == CustomersError.None ? reply.Purchase
            : throw new InvalidOperationException($"The customers database answered {reply.Error} to {command.KindCase}.");
    }

    private static InvalidOperationException Unexpected(ProductsError error) =>
        new($"The products database answered {error} to a step of a purchase.");

    /// <summary>Reasons for people, kept with the purchase.</summary>
    private static class Given
    {
        public const string Nothing = "Nothing was bought or charged.";
        public const string Declined = $"The bank declined the card. {Nothing} Try another card, with another Idempotency-Key.";
        public const string Bought = $"The cart had been bought by another purchase. {Nothing}";
        public const string Lacking = $"Some of the cart is not on sale any more in the quantity that it holds. {Nothing}";
        public const string Changed = $"The cart costs something else than expected. {Nothing}";
        public const string Up = $"The purchase was interrupted and then given up. {Nothing} Buy again with another Idempotency-Key.";

        public static string Malformed(CardFault fault) => $"The payment service refused the card: {fault.Field} {fault.Reason}. {Nothing}";
    }
}
