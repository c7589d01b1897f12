using System.Globalization;

namespace Agora.Products;

/// <summary>
/// An item's id as text, "&lt;category&gt;-&lt;number&gt;". Each id has exactly one spelling (no sign, space or leading
/// zero), because callers compare ids as text.
/// </summary>
internal readonly record struct ItemId(int Category, long Number)
{
    public static bool TryParse(string text, out ItemId id)
    {
        id = default;
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (
            dash < 0
            || !int.TryParse(text.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var category)
            || !long.TryParse(text.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        )
        {
            return false;
        }

        id = new ItemId(category, number);
        return id.ToString() == text;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Category}-{Number}");
}
