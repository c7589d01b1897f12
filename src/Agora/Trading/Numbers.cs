using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Agora.Trading;

/// <summary>
/// Parses numbers on a command line. There is one form only, with a decimal point and without separators, whatever the
/// country. A number that another country reads differently is refused.
/// </summary>
internal static class Numbers
{
    public static int Int(ArgumentResult result) => Whole<int>(result).GetValueOrDefault();

    public static int? OptionalInt(ArgumentResult result) => Whole<int>(result);

    public static long Long(ArgumentResult result) => Whole<long>(result).GetValueOrDefault();

    /// <summary>An amount of money.</summary>
    public static decimal? Money(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount))
        {
            return amount;
        }

        result.AddError($"\"{text}\" is not an amount of money: write it like 12.50.");
        return null;
    }

    /// <summary>A time in seconds.</summary>
    public static double? Seconds(ArgumentResult result)
    {
        const double MaxSeconds = 3600;
        var text = result.Tokens[0].Value;
        if (
            double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            && seconds is > 0 and <= MaxSeconds
        )
        {
            return seconds;
        }

        result.AddError($"\"{text}\" is not more than 0 and at most {MaxSeconds} seconds: write it like 30 or 0.5.");
        return null;
    }

    private static T? Whole<T>(ArgumentResult result)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (result.Tokens.Count == 0)
        {
            return null;
        }

        var text = result.Tokens[0].Value;
        // A minus sign is allowed here. The server refuses negative numbers, and names the field.
        if (
            T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            && text[0] != '+'
        )
        {
            return number;
        }

        result.AddError($"\"{text}\" is not a whole number up to {T.MaxValue}.");
        return null;
    }
}
