using System.Globalization;
using System.Text;
using Wcwidth;

namespace Agora.Trading;

/// <summary>
/// Text as a terminal sees it: a row of cells. A letter, as a reader sees it, is a grapheme cluster of one or more
/// characters. It takes two cells in CJK and emoji, one in most other scripts, and none if it only marks the letter
/// before it.
/// </summary>
internal static class Cells
{
    private const int EmojiPresentation = 0xfe0f;
    private const int Joiner = 0x200d;

    public static int Width(string text)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0)
        {
            return text.Length;
        }

        var width = 0;
        foreach (var cluster in Clusters(text))
        {
            width += OfCluster(cluster);
        }

        return width;
    }

    public static IEnumerable<string> Clusters(string text)
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Next(text, start);
            yield return text[start..end];
        }
    }

    /// <summary>Where the cluster ends that begins at <paramref name="start"/>.</summary>
    public static int Next(string text, int start) =>
        start >= text.Length ? text.Length : start + StringInfo.GetNextTextElementLength(text.AsSpan(start));

    /// <summary>Where the cluster begins that ends at <paramref name="end"/> or after it.</summary>
    public static int Previous(string text, int end)
    {
        var start = 0;
        while (Next(text, start) is var next && next < end)
        {
            start = next;
        }

        return start;
    }

    /// <summary>
    /// The text on lines of at most so many cells, broken between words if possible. A cluster that is wider gets its
    /// own line.
    /// </summary>
    public static IReadOnlyList<string> Wrap(string text, int width)
    {
        if (Width(text) <= width)
        {
            return [text];
        }

        List<string> lines = [];
        StringBuilder line = new();
        var used = 0;
        void End()
        {
            lines.Add(line.ToString());
            line.Clear();
            used = 0;
        }

        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var wide = Width(word);
            if (used > 0 && used + 1 + wide > width)
            {
                End();
            }

            if (used > 0)
            {
                line.Append(' ');
                used++;
            }

            if (wide <= width - used)
            {
                line.Append(word);
                used += wide;
                continue;
            }

            foreach (var cluster in Clusters(word))
            {
                var cells = OfCluster(cluster);
                if (used > 0 && used + cells > width)
                {
                    End();
                }

                line.Append(cluster);
                used += cells;
            }
        }

        if (line.Length > 0 || lines.Count == 0)
        {
            End();
        }

        return lines;
    }

    private static int OfCluster(string cluster)
    {
        var width = 0;
        var isEmoji = false;
        var flags = 0;
        foreach (var rune in cluster.EnumerateRunes())
        {
            width += Math.Max(0, UnicodeCalculator.GetWidth(rune.Value));
            isEmoji |= rune.Value is EmojiPresentation or (>= 0x1f3fb and <= 0x1f3ff);
            flags += rune.Value is >= 0x1f1e6 and <= 0x1f1ff ? 1 : 0;
        }

        // Several emoji that are drawn as one, or a symbol that a selector turns into an emoji.
        var isJoined = width > 2 && cluster.Contains((char)Joiner, StringComparison.Ordinal);
        return isEmoji || isJoined || flags == 2 ? 2 : width;
    }
}
