using System.Globalization;

namespace Agora.Web.Shop;

/// <summary>Amounts of money as pages show and read them. The marketplace has one currency, without a name.</summary>
internal static class Money
{
    private const int MaxLength = 20;

    /// <summary>Such as <c>1,249.00</c>.</summary>
    public static string Text(decimal amount) => amount.ToString("N2", CultureInfo.InvariantCulture);

    /// <summary>Such as <c>1249.00</c>: what a field holds.</summary>
    public static string Field(decimal amount) => amount.ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>Reads what a person wrote: <c>12</c>, <c>12.5</c>, <c>12,50</c> or <c>1,249.00</c>.</summary>
    public static decimal? Parse(string text)
    {
        text = text.Trim();
        if (text.Length is 0 or > MaxLength)
        {
            return null;
        }

        // One comma with at most two digits behind it is a decimal comma; any other groups thousands.
        var comma = text.LastIndexOf(',');
        if (comma >= 0 && !text.Contains('.', StringComparison.Ordinal) && text.Length - comma - 1 is 1 or 2)
        {
            text = $"{text[..comma]}.{text[(comma + 1)..]}";
        }

        return decimal.TryParse(
            text,
            NumberStyles.AllowDecimalPoint | NumberStyles.AllowThousands,
            CultureInfo.InvariantCulture,
            out var amount
        )
            ? amount
            : null;
    }
}
