using System.Globalization;

namespace Agora.Servers;

/// <summary>
/// Whole numbers as ids, paths and queries spell them: ASCII digits and nothing else, without leading zeros, so that
/// each number has one spelling. .NET's parsers accept more, such as a zero byte at the end.
/// </summary>
internal static class Digits
{
    public static bool TryParse(ReadOnlySpan<char> text, long max, out long number)
    {
        number = 0;
        return text.Length is >= 1 and <= 19
            && !text.ContainsAnyExceptInRange('0', '9')
            && (text[0] != '0' || text.Length == 1)
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number)
            && number <= max;
    }
}
