using System.Globalization;
using Agora.Client;

namespace Agora.Evaluation.Chaos;

// What an item and a seller's rating are, were there only one copy of each and one call at a time: what the marketplace must look like to
// all of its users together.

/// <summary>An item as every call must find it. Money in cents.</summary>
internal readonly record struct ItemState(long Price, long Units, long Up, long Down) : ISequential<ItemState, ItemCall>
{
    public static ItemState Of(Item item) => new((long)(item.Price * 100), item.Quantity, item.Feedback.ThumbsUp, item.Feedback.ThumbsDown);

    public bool TryApply(ItemCall call, out ItemState next)
    {
        next = call.Act switch
        {
            ItemAct.Price => this with { Price = call.Price },
            ItemAct.Withdraw or ItemAct.Reserve => this with { Units = Units - call.Units },
            ItemAct.Release => this with { Units = Units + call.Units },
            ItemAct.ThumbUp => this with { Up = Up + 1 },
            ItemAct.ThumbDown => this with { Down = Down + 1 },
            _ => this,
        };
        var possible = call.Act switch
        {
            ItemAct.Withdraw or ItemAct.HasAtLeast => Units >= call.Units,
            ItemAct.Reserve => Units >= call.Units && (call.Price == 0 || call.Price == Price),
            ItemAct.HasFewer => Units < call.Units,
            ItemAct.ReadLine => Units == call.Units && Price == call.Price,
            _ => true,
        };
        return possible && (call.Seen is not { } seen || seen == next);
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Price / 100m:0.00}, {Units} units, +{Up} -{Down}");
}

/// <summary>What calls do to an item, or learn of it.</summary>
internal enum ItemAct
{
    /// <summary>Sees the whole item.</summary>
    Read,

    /// <summary>ChangeItemPrice.</summary>
    Price,

    /// <summary>UpdateUnitsForSale.</summary>
    Withdraw,

    /// <summary>A purchase takes units off sale; at this price, where it is known.</summary>
    Reserve,

    /// <summary>A purchase that came to nothing puts them back.</summary>
    Release,

    /// <summary>ProvideFeedback.</summary>
    ThumbUp,

    /// <summary>ProvideFeedback.</summary>
    ThumbDown,

    /// <summary>AddItemToCart was answered with as many in the cart.</summary>
    HasAtLeast,

    /// <summary>It was refused for too few units, or not found among what is on sale.</summary>
    HasFewer,

    /// <summary>Sees how many units there are and what one costs, as a cart's line shows them.</summary>
    ReadLine,
}

/// <summary>A call's part in an item's history.</summary>
/// <param name="Act">What it does.</param>
/// <param name="Units">Units withdrawn, bought, put back, asked for or seen.</param>
/// <param name="Price">The price set, bought at or seen; 0 where it is not known.</param>
/// <param name="Seen">The item as it was answered, after what the call did.</param>
internal readonly record struct ItemCall(ItemAct Act, long Units = 0, long Price = 0, ItemState? Seen = null)
{
    public override string ToString()
    {
        var what = Act switch
        {
            ItemAct.Read => "reads",
            ItemAct.Price => string.Create(CultureInfo.InvariantCulture, $"sets the price {Price / 100m:0.00}"),
            ItemAct.Withdraw => string.Create(CultureInfo.InvariantCulture, $"withdraws {Units}"),
            ItemAct.Reserve => string.Create(CultureInfo.InvariantCulture, $"takes {Units} to buy them{(Price > 0 ? $" at {Price / 100m:0.00}" : "")}"),
            ItemAct.Release => string.Create(CultureInfo.InvariantCulture, $"puts {Units} back that were not bought"),
            ItemAct.ThumbUp => "votes up",
            ItemAct.ThumbDown => "votes down",
            ItemAct.ReadLine => string.Create(CultureInfo.InvariantCulture, $"is shown {Units} units at {Price / 100m:0.00}"),
            ItemAct.HasAtLeast => string.Create(CultureInfo.InvariantCulture, $"is told that there are {Units} or more"),
            _ => string.Create(CultureInfo.InvariantCulture, $"is told that there are fewer than {Units}"),
        };
        return Seen is { } seen ? $"{what}: {seen}" : what;
    }
}

/// <summary>The votes on all items of a seller, as every call must find them.</summary>
internal readonly record struct RatingState(long Up, long Down) : ISequential<RatingState, RatingCall>
{
    public bool TryApply(RatingCall call, out RatingState next)
    {
        next = call.Vote switch
        {
            Thumb.Up => this with { Up = Up + 1 },
            Thumb.Down => this with { Down = Down + 1 },
            _ => this,
        };
        return call.Seen is not { } seen || seen == next;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"+{Up} -{Down}");
}

/// <summary>A call's part in the history of a seller's rating: a vote, or what was seen.</summary>
internal readonly record struct RatingCall(Thumb? Vote, RatingState? Seen = null)
{
    public override string ToString() => (Vote, Seen) switch
    {
        (Thumb.Up, _) => "votes up",
        (Thumb.Down, _) => "votes down",
        (_, { } seen) => $"reads: {seen}",
        _ => "reads",
    };
}
