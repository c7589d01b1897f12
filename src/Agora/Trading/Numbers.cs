using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Agora.Trading;

/// <summary>
/// Numbers on a command line. They are written in one way only, with a point and without separators, whatever the
/// country: what another country reads otherwise is refused.
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
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            && seconds is > 0 and <= MaxSeconds)
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
        // A minus is let through: that fewer than none cannot be is for the server to say, which names the field.
        if (T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            && text[0] != '+')
        {
            return number;
        }
        result.AddError($"\"{text}\" is not a whole number up to {T.MaxValue}.");
        return null;
    }
}
