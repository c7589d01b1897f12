using System.Globalization;

namespace Agora.Contracts.Payments;

/// <summary>
/// What makes a card well-formed, for the payment service and its callers. Each check returns what is wrong, or null;
/// never the value itself.
/// </summary>
public static class CardRules
{
    /// <summary>12 to 19 digits that pass the Luhn check.</summary>
    public static string? WrongNumber(string? number)
    {
        if (number is not { Length: >= 12 and <= 19 } || number.AsSpan().IndexOfAnyExceptInRange('0', '9') >= 0)
        {
            return "must have 12 to 19 digits";
        }
        // From the right, every second digit is doubled, and the digits of the product are added. The sum of a valid
        // number ends in 0.
        var sum = 0;
        for (var i = 0; i < number.Length; i++)
        {
            var digit = number[^(i + 1)] - '0';
            sum +=
                i % 2 == 0 ? digit
                : digit < 5 ? 2 * digit
                : 2 * digit - 9;
        }

        return sum % 10 == 0 ? null : "has a wrong check digit (Luhn): a digit is mistyped";
    }

    /// <summary>
    /// MM/YY, a month that is not past. A card is good to the end of its month everywhere on Earth, which is 12 hours
    /// after the end of the month in UTC.
    /// </summary>
    public static string? WrongExpiration(string? expiration, DateTimeOffset now)
    {
        if (
            expiration is not { Length: 5 }
            || expiration[2] != '/'
            || !int.TryParse(expiration.AsSpan(0, 2), NumberStyles.None, CultureInfo.InvariantCulture, out var month)
            || !int.TryParse(expiration.AsSpan(3, 2), NumberStyles.None, CultureInfo.InvariantCulture, out var year)
            || month is < 1 or > 12
        )
        {
            return "must be a month and a year, MM/YY";
        }

        var latest = now.UtcDateTime.AddHours(-12);
        return (2000 + year) * 12 + month < latest.Year * 12 + latest.Month ? "is past: the card has expired" : null;
    }

    /// <summary>3 or 4 digits.</summary>
    public static string? WrongSecurityCode(string? code) =>
        code is not { Length: 3 or 4 } || code.AsSpan().IndexOfAnyExceptInRange('0', '9') >= 0
            ? "must have 3 or 4 digits"
            : null;
}
