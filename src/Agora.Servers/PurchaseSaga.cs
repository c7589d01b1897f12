// A purchase crosses three services that share no transaction: customers (cart, history), products (units), payments (the card).
// It ends bought and charged, or not bought and not charged with the units back on sale, whoever dies when.
//
//   1. customers  Begin     the cart becomes a purchase `pending`; its id follows from session and Idempotency-Key
//   2. products   Reserve   all lines are taken off sale, or none; fixes the prices
//   3. payments   Charge    under the purchase's id
//   4. approved:  customers Complete     decides: history, counts, empty cart; now the user is answered
//      5.         products  Confirm      the units are sold
//   4' otherwise: customers Abandon      decides: `declined`, `out of stock` or `abandoned`, and why
//      5'.        products  Release      the units go back; nothing can be reserved under this id any more
//      6'.        payments  Void         unless the bank declined; undoes an approval, and refuses any later charge; now the user is answered
//   7. customers  MarkSettled            nobody need look after it any more
//
// Several may work on one purchase at a time: the server that the user called, another that the user went on to, and a rescuer
// (PurchaseRecovery) who finds it unsettled for too long. They cannot come to different ends, by three rules:
//
//   - Customers answer Complete or Abandon for one id, never both, and tell who comes second what was decided: that answer is the
//     arbiter. Who is told the other goes the other way.
//   - Complete only after payments answered Approved; and nobody charges before products have reserved.
//   - Confirm only after Complete. Release and Void only after Abandon.
//
// So a completed purchase was approved and reserved; nobody ever voids or releases it; and its Confirm, however late, finds the units
// reserved. One that is given up is never confirmed; whatever of it is still on its way is refused: a Reserve by the release, a Charge
// by the Void, a Complete by customers. (To let payments decide would not do: between a rescuer's question what became of the charge
// and its Void, the charge may be approved and the purchase completed; the Void then undoes a charge for goods that were sold.)
//
// If a server dies between two steps: customers hold the purchase as unsettled until the last of them, and so whoever repeats the call
// or rescues finds it. Every step is idempotent by the purchase's id. A repeat of the call drives it on from the start; a rescuer, who
// has no card, asks payments what became of the charge and goes on at 4 or 4'. What was decided is read, never guessed, so the user is
// told the same by whichever server goes on. Nothing else keeps track, and a purchase whose Begin was answered is always settled once
// all three services can be reached.
//
// The user waits for a decision and, where it was no, until it is carried out: then another try finds units and card as before. A yes
// is carried out behind the answer (Settlements): nothing that anybody can see depends on when reserved units are called sold.

using System.Globalization;
using System.ServiceModel;
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

/// <summary>Drives purchases to their end.</summary>
internal sealed class PurchaseSaga(
    CustomersDatabase customers, ProductsDatabase products, Payments payments, Settlements settlements, Rehearsal? rehearsal = null)
{
    /// <summary>Buys the session's cart, or goes on with the purchase of this id.</summary>
    /// <returns>The purchase, decided, and undone where the decision is no; or why there is none.</returns>
    /// <exception cref="UnavailableException">The purchase may be undecided; it will be settled, by a repeat or by a rescuer.</exception>
    public async Task<(Purchase?, Refusal?)> BuyAsync(Session session, ByteString purchaseId, Card card, CancellationToken deadline)
    {
        rehearsal?.Plan(purchaseId, card);
        rehearsal?.Before(nameof(BeginPurchase), purchaseId);
        var begun = await customers.ExecuteAsync(
            RequestId.Random(), new CustomersCommand { BeginPurchase = new() { Session = session, PurchaseId = purchaseId } }, deadline);
        if (begun.Error != CustomersError.None)
        {
            return (null, Refusal.Of(begun.Error));
        }
        var purchase = begun.Purchase;
        Refusal? malformed = null;
        if (purchase.State == PurchaseState.Pending)
        {
            try
            {
                purchase = await DecideAsync(purchase, card, deadline);
            }
            catch (FaultException<CardFault> fault)
            {
                // Our own check has passed it, so the two clocks differ about the month, or the service knows better.
                purchase = await AbandonAsync(purchaseId, PurchaseState.Abandoned, Given.Malformed, deadline);
                malformed = Refusal.Invalid(fault.Detail.Field, fault.Detail.Reason);
            }
        }
        await UndoIfGivenUpAsync(purchase, deadline);
        if (!purchase.Settled)
        {
            settlements.Add(new(Settlement.KindOf(purchase), purchaseId));
        }
        rehearsal?.Before(Rehearsal.Answer, purchaseId);
        // A repeat with another card may have bought it meanwhile.
        return malformed is not null && purchase.State != PurchaseState.Completed ? (null, malformed) : (purchase, null);
    }

    /// <summary>
    /// Goes on, without a card, with a purchase that is left unsettled: it is completed where payments have approved it, otherwise given
    /// up and undone. The last steps, which need not be done for each by itself, are the caller's: <see cref="Settlements.FinishAsync"/>.
    /// </summary>
    /// <returns>The purchase, decided.</returns>
    public async Task<Purchase> RescueAsync(Purchase purchase, CancellationToken deadline)
    {
        if (purchase.State == PurchaseState.Pending)
        {
            var charged = await payments.FindAsync(TransactionId(purchase.PurchaseId), deadline);
            // What is charged was reserved before: this answers what then was.
            var reserved = charged == TransactionState.Approved ? (await ReserveAsync(purchase, deadline)).Reservation : null;
            purchase = await DecideAsync(purchase.PurchaseId, charged, reserved, deadline);
        }
        await UndoIfGivenUpAsync(purchase, deadline);
        return purchase;
    }

    /// <summary>The payment's id: the purchase's, readable.</summary>
    public static string TransactionId(ByteString purchaseId) => Convert.ToHexStringLower(purchaseId.Span);

    // Steps 2 to 4.
    private async Task<Purchase> DecideAsync(Purchase purchase, Card card, CancellationToken deadline)
    {
        var reserved = await ReserveAsync(purchase, deadline);
        if (reserved.Error is ProductsError.NotEnoughUnits or ProductsError.NoSuchItem)
        {
            return await AbandonAsync(purchase.PurchaseId, PurchaseState.OutOfStock, Given.Lacking(reserved), deadline);
        }
        if (reserved.Error == ProductsError.Released)
        {
            return await AbandonAsync(purchase.PurchaseId, PurchaseState.Abandoned, Given.Up, deadline);
        }
        rehearsal?.Before("Charge", purchase.PurchaseId);
        var charged = await payments.ChargeAsync(TransactionId(purchase.PurchaseId), card, reserved.Reservation.TotalCents, deadline);
        return await DecideAsync(purchase.PurchaseId, charged, reserved.Reservation, deadline);
    }

    // Step 4 or 4'. Where somebody else was quicker, its answer is what that one has decided: so a purchase whose units are released, or
    // whose charge is voided, is abandoned here once more only to be told why.
    private Task<Purchase> DecideAsync(ByteString purchaseId, TransactionState charged, Reservation? reserved, CancellationToken deadline) =>
        charged switch
        {
            TransactionState.Approved when reserved is not null => CompleteAsync(reserved, deadline),
            TransactionState.Declined => AbandonAsync(purchaseId, PurchaseState.Declined, Given.Declined, deadline),
            _ => AbandonAsync(purchaseId, PurchaseState.Abandoned, Given.Up, deadline),
        };

    private async Task<ProductsReply> ReserveAsync(Purchase purchase, CancellationToken deadline)
    {
        var reserve = new Reserve { PurchaseId = purchase.PurchaseId };
        reserve.Lines.Add(purchase.Lines.Select(line => new ReservationLine { ItemId = line.ItemId, Quantity = line.Quantity }));
        var reply = await AskProductsAsync(purchase.PurchaseId, new() { Reserve = reserve }, deadline);
        return reply.Error is ProductsError.None or ProductsError.NotEnoughUnits or ProductsError.NoSuchItem or ProductsError.Released
            ? reply : throw Unexpected(reply.Error);
    }

    private Task<Purchase> CompleteAsync(Reservation reserved, CancellationToken deadline)
    {
        var complete = new CompletePurchase { PurchaseId = reserved.PurchaseId };
        complete.Lines.Add(reserved.Lines.Select(line => new PurchaseLine
        {
            ItemId = line.ItemId,
            Quantity = line.Quantity,
            UnitPriceCents = line.UnitPriceCents,
            SellerId = line.SellerId,
        }));
        return AskCustomersAsync(reserved.PurchaseId, new() { CompletePurchase = complete }, deadline);
    }

    private Task<Purchase> AbandonAsync(ByteString purchaseId, PurchaseState outcome, string reason, CancellationToken deadline) =>
        AskCustomersAsync(
            purchaseId, new() { AbandonPurchase = new() { PurchaseId = purchaseId, Outcome = outcome, Reason = reason } }, deadline);

    // Steps 5' and 6'.
    private async Task UndoIfGivenUpAsync(Purchase purchase, CancellationToken deadline)
    {
        if (purchase.State == PurchaseState.Completed || purchase.Settled)
        {
            return;
        }
        var released = await AskProductsAsync(purchase.PurchaseId, new() { Release = new() { PurchaseId = purchase.PurchaseId } }, deadline);
        if (released.Error != ProductsError.None)
        {
            throw Unexpected(released.Error);
        }
        if (purchase.State != PurchaseState.Declined)
        {
            rehearsal?.Before("Void", purchase.PurchaseId);
            var end = await payments.VoidAsync(TransactionId(purchase.PurchaseId), deadline);
            if (end is not (TransactionState.Voided or TransactionState.Declined))
            {
                throw new InvalidOperationException($"The payment service answered Void with {end}.");
            }
        }
    }

    // The steps carry fresh request ids: they are idempotent by the purchase's id, and a repeat must see the purchase as it stands
    // now, not as it stood when the first try was answered.
    private Task<ProductsReply> AskProductsAsync(ByteString purchaseId, ProductsCommand command, CancellationToken deadline)
    {
        rehearsal?.Before(command.KindCase.ToString(), purchaseId);
        return products.ExecuteAsync(RequestId.Random(), command, deadline);
    }

    private async Task<Purchase> AskCustomersAsync(ByteString purchaseId, CustomersCommand command, CancellationToken deadline)
    {
        rehearsal?.Before(command.KindCase.ToString(), purchaseId);
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
        public const string Declined = $"The bank declined the card. {Nothing} Try another card.";
        public const string Malformed = $"The payment service found the card malformed. {Nothing}";
        public const string Up = $"The purchase was interrupted and then given up. {Nothing} Buy again with another Idempotency-Key.";

        public static string Lacking(ProductsReply reserved) => string.Create(CultureInfo.InvariantCulture,
            $"Item {reserved.ItemId} has {reserved.Available} unit(s) on sale, fewer than the cart holds. {Nothing}");
    }
}
