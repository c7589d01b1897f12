using Agora.Rest;

namespace Agora.Chaos;

/// <summary>
/// Records one purchase in the histories of its items. A purchase takes its units, and puts them back where it fails
/// later. While its outcome is unknown, both may have happened.
/// </summary>
internal sealed class PurchaseRecorder
{
    private readonly List<RecordedLine> _lines;

    /// <summary>Records that the purchase begins.</summary>
    /// <param name="user">The user that buys.</param>
    /// <param name="units">Units by item.</param>
    /// <param name="items">The items by id.</param>
    public PurchaseRecorder(
        string user,
        IReadOnlyDictionary<string, int> units,
        IReadOnlyDictionary<string, ListedItem> items
    ) =>
        _lines = [
            .. units.Select(line =>
            {
                var history = items[line.Key].History;
                var reserve = history.Begin(user, new(ItemAction.Reserve, line.Value));
                var release = history.Begin(user, new(ItemAction.Release, line.Value), reserve);
                return new RecordedLine(line.Key, line.Value, reserve, release);
            }),
        ];

    /// <summary>The purchase succeeded: it took its units, at the prices of the receipt.</summary>
    public void Bought(Receipt receipt)
    {
        var prices = receipt
            .Lines.GroupBy(l => l.ItemId)
            .ToDictionary(g => g.Key, g => (long)(g.First().UnitPrice * 100));
        foreach (var line in _lines)
        {
            line.Reserve.Answer(line.Reserve.Operation with { Price = prices.GetValueOrDefault(line.ItemId) });
            line.Release.Discard();
        }
    }

    /// <summary>The card was declined: the purchase took its units and put them back.</summary>
    public void Declined()
    {
        foreach (var line in _lines)
        {
            line.Reserve.Answer();
            line.Release.Answer();
        }
    }

    /// <summary>
    /// The purchase was refused for prices or units. It looked at all lines at one moment. The refusal shows some of
    /// them as they were then; the others had enough units.
    /// </summary>
    public void RefusedFor(IReadOnlyList<CartLine> shown)
    {
        foreach (var line in _lines)
        {
            line.Release.Discard();
            line.Reserve.Answer(
                shown.FirstOrDefault(l => l.ItemId == line.ItemId) is { } seen
                    ? ItemCall.ReadOf(seen)
                    : new(ItemAction.HasAtLeast, line.Units)
            );
        }
    }

    /// <summary>The purchase did not happen, and never will.</summary>
    public void Discard()
    {
        foreach (var line in _lines)
        {
            line.Reserve.Discard();
            line.Release.Discard();
        }
    }

    private sealed record RecordedLine(
        string ItemId,
        int Units,
        ObjectHistory<ItemState, ItemCall>.RecordedCall Reserve,
        ObjectHistory<ItemState, ItemCall>.RecordedCall Release
    );
}
