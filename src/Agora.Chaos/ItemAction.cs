namespace Agora.Chaos;

/// <summary>What calls do to an item, or learn about it.</summary>
internal enum ItemAction
{
    /// <summary>A call that shows the whole item.</summary>
    Read,

    /// <summary>ChangeItemPrice.</summary>
    ChangePrice,

    /// <summary>UpdateUnitsForSale.</summary>
    Withdraw,

    /// <summary>A purchase takes units off sale, at the given price where that is known.</summary>
    Reserve,

    /// <summary>A purchase that failed puts its units back.</summary>
    Release,

    /// <summary>ProvideFeedback with a thumb up.</summary>
    ThumbUp,

    /// <summary>ProvideFeedback with a thumb down.</summary>
    ThumbDown,

    /// <summary>AddItemToCart succeeded with this many units in the cart.</summary>
    HasAtLeast,

    /// <summary>A call was refused for too few units, or a search did not show the item.</summary>
    HasFewer,

    /// <summary>A cart's line shows how many units there are and what one costs.</summary>
    ReadLine,
}
