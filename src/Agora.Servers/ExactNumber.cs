using System.Globalization;

namespace Agora.Servers;

/// <summary>
/// A JSON number, read from its text without rounding. .NET's decimal rounds a number of more than 28 digits, and would
/// take 12.340000000000000000000000000001 for a price with two decimals.
/// </summary>
internal readonly record struct ExactNumber
{
    // The value is Digits * 10^Exponent. Digits neither begins nor ends with 0, and is empty for zero.
    private ExactNumber(bool isNegative, string digits, long exponent)
    {
        IsNegative = isNegative && digits.Length > 0;
        Digits = digits;
        Exponent = exponent;
    }

    public bool IsNegative { get; }

    public bool IsZero => Digits.Length == 0;

    private string Digits { get; }

    private long Exponent { get; }

    /// <param name="json">A number as JSON spells it.</param>
    public static ExactNumber Parse(string json)
    {
        var isNegative = json.StartsWith('-');
        var text = json.AsSpan(isNegative ? 1 : 0);
        var exponent = 0L;
        if (text.IndexOfAny('e', 'E') is >= 0 and var e)
        {
            // An exponent that an Int64 does not hold exceeds every bound anyway.
            if (
                !long.TryParse(
                    text[(e + 1)..],
                    NumberStyles.AllowLeadingSign,
                    CultureInfo.InvariantCulture,
                    out exponent
                )
            )
            {
                exponent = text[e + 1] == '-' ? long.MinValue / 2 : long.MaxValue / 2;
            }

            exponent = Math.Clamp(exponent, long.MinValue / 2, long.MaxValue / 2);
            text = text[..e];
        }

        var point = text.IndexOf('.');
        var digits = point < 0 ? text.ToString() : string.Concat(text[..point], text[(point + 1)..]);
        exponent -= point < 0 ? 0 : text.Length - point - 1;
        var significant = digits.TrimEnd('0');
        exponent += digits.Length - significant.Length;
        return new ExactNumber(isNegative, significant.TrimStart('0'), exponent);
    }

    /// <summary>
    /// The number times ten to the power of <paramref name="decimals"/>; null if that is not whole. A number that an
    /// Int64 does not hold becomes its smallest or largest value.
    /// </summary>
    public long? Scaled(int decimals)
    {
        if (IsZero)
        {
            return 0;
        }

        var zeros = Exponent + decimals;
        if (zeros < 0)
        {
            return null;
        }

        var max = IsNegative ? long.MinValue : long.MaxValue;
        if (Digits.Length + zeros > 18)
        {
            return max;
        }

        var number = long.Parse(Digits, NumberStyles.None, CultureInfo.InvariantCulture);
        for (; zeros > 0; zeros--)
        {
            number *= 10;
        }

        return IsNegative ? -number : number;
    }
}
