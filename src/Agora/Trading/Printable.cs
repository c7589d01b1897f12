using System.Globalization;
using System.Text;

namespace Agora.Trading;

/// <summary>
/// Makes foreign text safe for a terminal. Characters that control the terminal, change the direction of writing, or
/// are invisible are escaped, as in \u202e. Text of any language and emoji stay as they are.
/// </summary>
internal static class Printable
{
    private const int NonJoiner = 0x200c;
    private const int Joiner = 0x200d;

    // Unicode's Default_Ignorable_Code_Point, without the category Format, which is escaped anyway.
    private static readonly (int First, int Last)[] s_ignorable =
    [
        (0x034f, 0x034f),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180b, 0x180f),
        (0x2065, 0x2065),
        (0x3164, 0x3164),
        (0xfe00, 0xfe0f),
        (0xffa0, 0xffa0),
        (0xfff0, 0xfff8),
        (0xe0000, 0xe0fff),
    ];

    public static string Of(string text)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0)
        {
            return text;
        }

        StringBuilder shown = new(text.Length + 16);
        Rune? before = null;
        for (var i = 0; i < text.Length; )
        {
            if (!Rune.TryGetRuneAt(text, i, out var rune))
            {
                // Half of a surrogate pair.
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
                before = null;
                i++;
                continue;
            }

            i += rune.Utf16SequenceLength;
            Rune? after = i < text.Length && Rune.TryGetRuneAt(text, i, out var next) ? next : null;
            if (IsVisible(rune) || Shapes(rune, before, after))
            {
                shown.Append(rune.ToString());
                before = rune;
            }
            else
            {
                shown.Append(rune.IsBmp ? $"\\u{rune.Value:x4}" : $"\\U{rune.Value:x8}");
                before = null;
            }
        }

        return shown.ToString();
    }

    private static bool IsVisible(Rune rune) =>
        Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => false,
            // Signs of Arabic, Syriac and Kaithi that enclose numbers are visible.
            UnicodeCategory.Format => rune.Value
                is (>= 0x600 and <= 0x605)
                    or 0x6dd
                    or 0x70f
                    or 0x890
                    or 0x891
                    or 0x8e2
                    or 0x110bd
                    or 0x110cd,
            _ => !s_ignorable.Any(range => rune.Value >= range.First && rune.Value <= range.Last),
        };

    /// <summary>
    /// The character is invisible, but shapes its neighbours: within emoji, and within words of Persian and of the
    /// scripts of India.
    /// </summary>
    private static bool Shapes(Rune rune, Rune? before, Rune? after) =>
        rune.Value switch
        {
            Joiner or NonJoiner => before is { IsAscii: false }
                && after is { IsAscii: false } following
                && IsVisible(following),
            0xfe0e or 0xfe0f => before is { } symbol
                && IsVisible(symbol)
                && (!symbol.IsAscii || Rune.IsDigit(symbol) || symbol.Value is '#' or '*'),
            _ => false,
        };
}
