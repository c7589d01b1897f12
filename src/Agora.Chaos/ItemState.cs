using System.Globalization;
using Agora.Linearizability;
using Agora.Rest;

namespace Agora.Chaos;

/// <summary>
/// An item as every call must find it, as if there were only one copy of it and one call at a time. Money is in cents.
/// </summary>
internal readonly record struct ItemState(long Price, long Units, long Up, long Down) : ISequential<ItemState, ItemCall>
{
    public static ItemState Of(Item item) =>
        new((long)(item.Price * 100), item.Quantity, item.Feedback.ThumbsUp, item.Feedback.ThumbsDown);

    public bool TryApply(ItemCall call, out ItemState next)
    {
        next = call.Action switch
        {
            ItemAction.ChangePrice => this with { Price = call.Price },
            ItemAction.Withdraw or ItemAction.Reserve => this with { Units = Units - call.Units },
            ItemAction.Release => this with { Units = Units + call.Units },
            ItemAction.ThumbUp => this with { Up = Up + 1 },
            ItemAction.ThumbDown => this with { Down = Down + 1 },
            _ => this,
        };
        var possible = call.Action switch
        {
            ItemAction.Withdraw or ItemAction.HasAtLeast => Units >= call.Units,
            ItemAction.Reserve => Units >= call.Units && (call.Price == 0 || call.Price == Price),
            ItemAction.HasFewer => Units < call.Units,
            ItemAction.ReadLine => Units == call.Units && Price == call.Price,
            _ => true,
        };
        return possible && (call.Seen is not { } seen || seen == next);
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Price / 100m:0.00}, {Units} units, +{Up} -{Down}");
}
