// A purchase crosses three services that share no transaction: customers (cart, history), products (units), payments (the card).
// It ends bought and charged, or not bought and not charged with the units back on sale, whoever dies when.
//
//   1. customers  Begin     the cart becomes a purchase `pending`; its id follows from session and Idempotency-Key
//   2. products   Reserve   all lines are taken off sale, or none; fixes the prices
//   3. payments   Charge    under the purchase's id
//   4. approved:  products  Confirm   the units are sold
//      5.         customers Complete  history, counts, empty cart; the purchase is `completed`; only now the user is answered
//   4' otherwise: products  Release   the units go back; nothing can be reserved or confirmed under this id any more; keeps what was lacking
//      5'.        payments  Void      unless the bank declined; undoes an approval, and refuses any later charge
//      6'.        customers Abandon   the purchase is `declined`, `out of stock` or `abandoned`
//
// Several may work on one purchase at a time: the server that the user called, another that the user went on to, and a rescuer
// (PurchaseRecovery) who finds it pending for too long. They cannot come to different ends, by three rules:
//
//   - Confirm only after payments answered Approved. Complete only after Confirm.
//   - Void only after Release. Abandon only after Release and a final no of payments (Declined or Voided).
//   - Products answer Confirm or Release for one id, never both: that answer is the arbiter. Who is told the other goes the other way.
//
// So a confirmed purchase is approved and nobody voids it; a released one is never completed, and is charged no more, also not by a
// Charge that is still on its way. (To ask payments first and void what they do not know would not do: a charge may be approved,
// confirmed and completed between the question and the Void, which then undoes a charge for goods that were sold.)
//
// If a server dies between two steps: customers still hold the purchase as pending, because their last step is the last of all, and
// so whoever repeats the call or rescues finds it. Every step is idempotent by the purchase's id. A repeat of the call drives it on
// from the start; a rescuer, who has no card, asks payments what became of the charge and goes on at 4 or 4'. Nothing else keeps
// track, and a purchase whose Begin was answered is always settled once all three services can be reached.

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
internal sealed class PurchaseSaga(CustomersDatabase customers, ProductsDatabase products, Payments payments, Rehearsal? rehearsal = null)
{
    /// <summary>Buys the session's cart, or goes on with the purchase of this id.</summary>
    /// <returns>The purchase, settled; or why there is none.</returns>
    /// <exception cref="UnavailableException">The purchase may be pending; it will be settled, by a repeat or by a rescuer.</exception>
    public async Task<(Purchase?, Refusal?)> BuyAsync(Session session, ByteString purchaseId, Card card, CancellationToken deadline)
    {
        rehearsal?.Plan(purchaseId, card);
        var end = await DriveAsync(session, purchaseId, card, deadline);
        rehearsal?.Before(Rehearsal.Answer, purchaseId);
        return end;
    }

    private async Task<(Purchase?, Refusal?)> DriveAsync(Session session, ByteString purchaseId, Card card, CancellationToken deadline)
    {
        rehearsal?.Before(nameof(BeginPurchase), purchaseId);
        var begun = await customers.ExecuteAsync(
            RequestId.Random(), new CustomersCommand { BeginPurchase = new() { Session = session, PurchaseId = purchaseId } }, deadline);
        if (begun.Error != CustomersError.None)
        {
            return (null, Refusal.Of(begun.Error));
        }
        if (begun.Purchase.State != PurchaseState.Pending)
        {
            return (begun.Purchase, null);
        }
        var reserve = new Reserve { PurchaseId = purchaseId };
        reserve.Lines.Add(begun.Purchase.Lines.Select(line => new ReservationLine { ItemId = line.ItemId, Quantity = line.Quantity }));
        var reserved = await AskProductsAsync(purchaseId, new() { Reserve = reserve }, deadline);
        switch (reserved.Error)
        {
            case ProductsError.None:
                break;
            case ProductsError.NotEnoughUnits:
            case ProductsError.NoSuchItem:
                var shortage = new Shortage { ItemId = reserved.ItemId, Available = reserved.Available };
                return (await GiveUpAsync(purchaseId, PurchaseState.OutOfStock, Given.Lacking(shortage), declined: false, deadline, shortage), null);
            case ProductsError.Released:
                // Somebody is giving it up, or died while doing so: payments know whether the bank was why, products whether units were lacking.
                return (await SettleAsync(purchaseId, deadline), null);
            default:
                throw Unexpected(reserved.Error);
        }
        try
        {
            rehearsal?.Before("Charge", purchaseId);
            var state = await payments.ChargeAsync(TransactionId(purchaseId), card, reserved.Reservation.TotalCents, deadline);
            return (await FollowAsync(purchaseId, state, deadline), null);
        }
        catch (FaultException<CardFault> fault)
        {
            // Our own check has passed it, so the two clocks differ about the month, or the service knows better.
            await GiveUpAsync(purchaseId, PurchaseState.Abandoned, Given.Malformed, declined: false, deadline);
            return (null, Refusal.Invalid(fault.Detail.Field, fault.Detail.Reason));
        }
    }

    /// <summary>Brings a purchase to its end without a card: as payments answered a charge, or given up where none was asked for.</summary>
    public async Task<Purchase> SettleAsync(ByteString purchaseId, CancellationToken deadline) =>
        await FollowAsync(purchaseId, await payments.FindAsync(TransactionId(purchaseId), deadline), deadline);

    /// <summary>The payment's id: the purchase's, readable.</summary>
    public static string TransactionId(ByteString purchaseId) => Convert.ToHexStringLower(purchaseId.Span);

    private Task<Purchase> FollowAsync(ByteString purchaseId, TransactionState state, CancellationToken deadline) => state switch
    {
        TransactionState.Approved => FinishAsync(purchaseId, deadline),
        TransactionState.Declined => GiveUpAsync(purchaseId, PurchaseState.Declined, Given.Declined, declined: true, deadline),
        _ => GiveUpAsync(purchaseId, PurchaseState.Abandoned, Given.Up, declined: false, deadline),
    };

    // Steps 4 and 5: the charge is approved.
    private async Task<Purchase> FinishAsync(ByteString purchaseId, CancellationToken deadline)
    {
        var confirmed = await AskProductsAsync(purchaseId, new() { Confirm = new() { PurchaseId = purchaseId } }, deadline);
        if (confirmed.Error is ProductsError.Released or ProductsError.NoSuchReservation)
        {
            return await GiveUpAsync(purchaseId, PurchaseState.Abandoned, Given.Up, declined: false, deadline);
        }
        if (confirmed.Error != ProductsError.None)
        {
            throw Unexpected(confirmed.Error);
        }
        var complete = new CompletePurchase { PurchaseId = purchaseId };
        complete.Lines.Add(confirmed.Reservation.Lines.Select(line => new PurchaseLine
        {
            ItemId = line.ItemId,
            Quantity = line.Quantity,
            UnitPriceCents = line.UnitPriceCents,
            SellerId = line.SellerId,
        }));
        return await AskCustomersAsync(purchaseId, new() { CompletePurchase = complete }, deadline);
    }

    // Steps 4' to 6'.
    private async Task<Purchase> GiveUpAsync(
        ByteString purchaseId, PurchaseState outcome, string reason, bool declined, CancellationToken deadline, Shortage? shortage = null)
    {
        var released = await AskProductsAsync(purchaseId, new() { Release = new() { PurchaseId = purchaseId, Shortage = shortage } }, deadline);
        if (released.Error == ProductsError.Confirmed)
        {
            // Somebody else was approved and quicker.
            return await FinishAsync(purchaseId, deadline);
        }
        if (released.Error != ProductsError.None)
        {
            throw Unexpected(released.Error);
        }
        if (released.Shortage is { } lacking)
        {
            // Who died after this step knew why; the user is told so all the same.
            (outcome, reason) = (PurchaseState.OutOfStock, Given.Lacking(lacking));
        }
        if (!declined)
        {
            rehearsal?.Before("Void", purchaseId);
            if (await payments.VoidAsync(TransactionId(purchaseId), deadline) is var end and not (TransactionState.Voided or TransactionState.Declined))
            {
                throw new InvalidOperationException($"The payment service answered Void with {end}.");
            }
        }
        var abandon = new AbandonPurchase { PurchaseId = purchaseId, Outcome = outcome, Reason = reason };
        return await AskCustomersAsync(purchaseId, new() { AbandonPurchase = abandon }, deadline);
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

        public static string Lacking(Shortage shortage) => string.Create(CultureInfo.InvariantCulture,
            $"Item {shortage.ItemId} has {shortage.Available} unit(s) on sale, fewer than the cart holds. {Nothing}");
    }
}
