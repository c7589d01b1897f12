using Agora.Rest;

namespace Agora.Chaos;

/// <summary>What a buyer's cart must hold, by all that the buyer's own calls have done.</summary>
internal sealed class ExpectedCart
{
    private readonly Dictionary<string, int> _units = [];

    public ExpectedCart() { }

    public ExpectedCart(IReadOnlyDictionary<string, int> units) => _units = new(units);

    /// <summary>
    /// What the cart costs by the last answer, which its buyer agrees to pay; null where no answer has said so.
    /// </summary>
    public decimal? Total { get; set; }

    /// <summary>How many items it holds.</summary>
    public int Count => _units.Count;

    public IReadOnlyDictionary<string, int> Units => _units;

    /// <summary>How many units of an item it holds.</summary>
    public int this[string item]
    {
        get => _units.GetValueOrDefault(item);
        set => _units[item] = value;
    }

    public void Remove(string item, int units) => Remove(_units, item, units);

    /// <summary>Takes units of an item out of a cart or a saved cart.</summary>
    public static void Remove(Dictionary<string, int> cart, string item, int units)
    {
        if (cart.TryGetValue(item, out var held) && (cart[item] = held - units) <= 0)
        {
            cart.Remove(item);
        }
    }

    /// <summary>The cart is as shown, and costs what its lines cost.</summary>
    public bool Matches(Cart cart) =>
        Matches(cart.Lines) && cart.Total == cart.Lines.Sum(line => line.Quantity * line.UnitPrice);

    /// <summary>The cart holds these lines and no other.</summary>
    public bool Matches(IReadOnlyList<CartLine> lines) =>
        lines.Count == Count && lines.All(line => this[line.ItemId] == line.Quantity);

    /// <summary>A receipt is for this cart, and charges what its lines cost.</summary>
    public bool Matches(Receipt receipt) =>
        receipt.Lines.Count == Count
        && receipt.Lines.All(line => this[line.ItemId] == line.Quantity)
        && receipt.Total == receipt.Lines.Sum(l => l.Quantity * l.UnitPrice);

    public override string ToString() => Text(_units);

    public static string Text(IReadOnlyList<CartLine> lines) =>
        Text(lines.ToDictionary(l => l.ItemId, l => l.Quantity));

    public static string Text(Receipt receipt)
    {
        var lines = receipt.Lines.Select(l =>
            FormattableString.Invariant($"{l.Quantity} of {l.ItemId} at {l.UnitPrice}")
        );
        return FormattableString.Invariant($"{string.Join(", ", lines)}: {receipt.Total}");
    }

    private static string Text(Dictionary<string, int> units) =>
        units.Count == 0
            ? "nothing"
            : string.Join(
                ", ",
                units
                    .OrderBy(l => l.Key, StringComparer.Ordinal)
                    .Select(l => FormattableString.Invariant($"{l.Value} of {l.Key}"))
            );
}
