namespace Agora.Chaos;

/// <summary>An item that all users may call for, and what all users have seen of it.</summary>
internal sealed class ListedItem(
    ListedSeller seller,
    string id,
    string name,
    int category,
    ItemState initial,
    TimeProvider time
)
{
    public ListedSeller Seller => seller;

    public string Id => id;

    public string Name => name;

    public int Category => category;

    public ObjectHistory<ItemState, ItemCall> History { get; } = new($"Item {id}", initial, time);

    /// <summary>
    /// A user has seen units not long ago. This is a hint, so that buyers seldom ask for what is sold out.
    /// </summary>
    public bool IsInStock { get; set; } = initial.Units > 0;
}
