using System.Globalization;
using Agora.Client;
using Agora.Evaluation;
using Agora.Rest;

namespace Agora.Chaos;

/// <summary>What a buyer buys, rates and finds in the purchase history.</summary>
internal sealed partial class ChaosBuyer
{
    private const int HistoryPage = 50;

    private async Task PurchaseAsync(CancellationToken cancellationToken)
    {
        var invoked = Round.Time.GetTimestamp();
        PurchaseRecorder recorder = new(Name, _cart.Units, _items);
        // One in four pays any price.
        var agreed = Random.Below(4) > 0 ? _cart.Total : null;
        var answer = await CallAsync(
            MarketplaceFunction.MakePurchase,
            key => Either().MakePurchaseAsync(_card with { ExpectedTotal = agreed }, key, cancellationToken),
            ErrorCodes.PurchaseAbandoned
        );
        switch (answer.End)
        {
            case CallEnd.Done:
                recorder.Bought(answer.Value!);
                Bought(answer.Value!, agreed);
                break;
            case CallEnd.Refused:
                await RefusedAsync(recorder, answer.Code, answer.Refusal!, agreed, invoked, cancellationToken);
                break;
            case CallEnd.NotDone:
                recorder.Discard();
                break;
            default:
                _answers.MaybePurchases++;
                _answers.SavedCart = null;
                break;
        }
    }

    private void Bought(Receipt receipt, decimal? agreed)
    {
        Check(
            "receipts",
            _cart.Matches(receipt),
            () => $"MakePurchase of a cart that holds {_cart} was answered {ExpectedCart.Text(receipt)}"
        );
        foreach (var (item, units) in _cart.Units)
        {
            var (bought, rated) = _bought.GetValueOrDefault(item);
            _bought[item] = (bought + 1, rated);
            // What was bought leaves the saved cart too, so that it does not come back at the next login.
            ExpectedCart.Remove(_answers.SavedCart!, item, units);
        }

        Check(
            "totals that were agreed to",
            agreed is null || receipt.Total == agreed,
            () => $"MakePurchase of a cart for which {agreed} was agreed to was answered {ExpectedCart.Text(receipt)}"
        );
        Check(
            "purchase ids",
            _answers.Receipts.All(r => r.PurchaseId != receipt.PurchaseId),
            () => $"purchase {receipt.PurchaseId} was answered twice"
        );
        _answers.Receipts.Add(receipt);
        _cart = new();
    }

    private async Task RefusedAsync(
        PurchaseRecorder recorder,
        string code,
        AgoraException refusal,
        decimal? agreed,
        long invoked,
        CancellationToken cancellationToken
    )
    {
        Check(
            "purchases of an empty cart",
            code == ErrorCodes.CartEmpty == (_cart.Count == 0),
            () => $"MakePurchase of a cart that holds {_cart} was answered {code}"
        );
        switch (code)
        {
            case ErrorCodes.PurchaseAbandoned:
                Check(
                    "purchases given up",
                    Round.Allowed.MayBeAbandoned(invoked),
                    () => "MakePurchase was abandoned, although nothing was bad for long"
                );
                // The purchase may have taken units and put them back. So its histories may hold both parts, or
                // neither.
                break;
            case ErrorCodes.PriceChanged:
                if (refusal.Total is { } now)
                {
                    Check(
                        "changed prices",
                        agreed is not null
                            && now != agreed
                            && now == refusal.Lines.Sum(l => l.Quantity * l.UnitPrice)
                            && _cart.Matches(refusal.Lines),
                        () =>
                            FormattableString.Invariant(
                                $"MakePurchase of {_cart} for {agreed} was answered that it costs {now} now"
                            )
                    );
                    _cart.Total = now;
                }

                recorder.RefusedFor(refusal.Lines);
                break;
            case ErrorCodes.NotEnoughUnits:
                recorder.RefusedFor(refusal.Lines);
                Check(
                    "lines that lack units",
                    refusal.Lines.Count > 0
                        && refusal.Lines.All(l => l.Available < l.Quantity && _cart[l.ItemId] == l.Quantity),
                    () =>
                        $"MakePurchase of {_cart} was answered that units are missing for "
                        + ExpectedCart.Text(refusal.Lines)
                );
                await ClearAsync(cancellationToken);
                break;
            case ErrorCodes.PaymentDeclined:
                recorder.Declined();
                break;
            default:
                recorder.Discard();
                break;
        }
    }

    private async Task RateAsync(ListedItem any, CancellationToken cancellationToken)
    {
        var listed = _bought.Count > 0 && Random.Below(8) > 0 ? _items[Random.Of([.. _bought.Keys])] : any;
        var (bought, rated) = _bought.GetValueOrDefault(listed.Id);
        var up = Random.Below(4) > 0;
        var onItem = listed.History.Begin(Name, new(up ? ItemAction.ThumbUp : ItemAction.ThumbDown));
        var onSeller = listed.Seller.Rating.Begin(Name, new(up ? Thumb.Up : Thumb.Down));
        var answer = await CallAsync(
            MarketplaceFunction.ProvideFeedback,
            async key =>
            {
                await Either().ProvideFeedbackAsync(listed.Id, up ? Thumb.Up : Thumb.Down, key, cancellationToken);
                return true;
            }
        );
        if (answer.End is CallEnd.Done or CallEnd.Refused)
        {
            var right =
                bought == 0 ? ErrorCodes.NotPurchased
                : rated >= bought ? ErrorCodes.AlreadyRated
                : "";
            Check(
                "votes",
                answer.Code == right,
                () =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"ProvideFeedback on {listed.Id}, bought {bought} times and rated {rated} times, "
                            + $"{(answer.Code is "" ? "succeeded" : $"was answered {answer.Code}")}"
                    )
            );
        }

        switch (answer.End)
        {
            case CallEnd.Done:
                onItem.Answer();
                onSeller.Answer();
                _bought[listed.Id] = (bought, rated + 1);
                Count(up ? new(1, 0, 0) : new(0, 1, 0));
                break;
            case CallEnd.Unknown:
                Count(new(0, 0, 1));
                break;
            default:
                onItem.Discard();
                onSeller.Discard();
                break;
        }

        void Count(VoteCount votes) => _answers.Votes[listed.Id] = _answers.Votes.GetValueOrDefault(listed.Id) + votes;
    }

    private async Task ReadPurchasesAsync(CancellationToken cancellationToken)
    {
        var answer = await CallAsync(
            MarketplaceFunction.GetBuyerPurchases,
            _ => Either().GetBuyerPurchasesAsync(limit: HistoryPage, cancellationToken: cancellationToken)
        );
        if (answer.End != CallEnd.Done)
        {
            return;
        }

        var shown = answer.Value!.Purchases;
        var expected = Enumerable.Reverse(_answers.Receipts).Take(HistoryPage).ToList();
        Check(
            "purchase histories",
            shown.Select(p => p.PurchaseId).SequenceEqual(expected.Select(r => r.PurchaseId))
                && shown
                    .Zip(expected)
                    .All(pair =>
                        pair.First.Total == pair.Second.Total && pair.First.Lines.SequenceEqual(pair.Second.Lines)
                    ),
            () =>
                $"GetBuyerPurchases shows {string.Join(", ", shown.Select(p => p.PurchaseId))}, but the buyer's "
                + $"receipts, newest first, are {string.Join(", ", expected.Select(r => r.PurchaseId))}"
        );
    }
}
