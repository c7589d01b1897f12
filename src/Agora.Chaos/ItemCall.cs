using System.Globalization;
using Agora.Rest;

namespace Agora.Chaos;

/// <summary>A call's part in an item's history.</summary>
/// <param name="Action">What the call does.</param>
/// <param name="Units">Units withdrawn, bought, put back, asked for or seen.</param>
/// <param name="Price">The price set, paid or seen; 0 where it is not known.</param>
/// <param name="Seen">The item as it was answered, after what the call did.</param>
internal readonly record struct ItemCall(ItemAction Action, long Units = 0, long Price = 0, ItemState? Seen = null)
{
    /// <summary>What a cart's line shows of its item.</summary>
    public static ItemCall ReadOf(CartLine line) =>
        new(ItemAction.ReadLine, line.Available, (long)(line.UnitPrice * 100));

    public override string ToString()
    {
        var what = Action switch
        {
            ItemAction.Read => "reads",
            ItemAction.ChangePrice => string.Create(
                CultureInfo.InvariantCulture,
                $"sets the price {Price / 100m:0.00}"
            ),
            ItemAction.Withdraw => string.Create(CultureInfo.InvariantCulture, $"withdraws {Units}"),
            ItemAction.Reserve => string.Create(
                CultureInfo.InvariantCulture,
                $"takes {Units} to buy them{(Price > 0 ? $" at {Price / 100m:0.00}" : "")}"
            ),
            ItemAction.Release => string.Create(
                CultureInfo.InvariantCulture,
                $"puts {Units} back that were not bought"
            ),
            ItemAction.ThumbUp => "votes up",
            ItemAction.ThumbDown => "votes down",
            ItemAction.ReadLine => string.Create(
                CultureInfo.InvariantCulture,
                $"is shown {Units} units at {Price / 100m:0.00}"
            ),
            ItemAction.HasAtLeast => string.Create(
                CultureInfo.InvariantCulture,
                $"learns that there are {Units} or more"
            ),
            _ => string.Create(CultureInfo.InvariantCulture, $"learns that there are fewer than {Units}"),
        };
        return Seen is { } seen ? $"{what}: {seen}" : what;
    }
}
