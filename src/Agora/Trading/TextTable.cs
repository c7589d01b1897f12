using System.Text;

namespace Agora.Trading;

/// <summary>What a column does if the screen is too narrow for all columns.</summary>
internal enum Fit
{
    /// <summary>It stays as wide as its widest cell, for ids, prices and units.</summary>
    Whole,

    /// <summary>Its cells wrap, for names and keywords.</summary>
    Wrap,
}

/// <summary>A column of a <see cref="TextTable"/>.</summary>
/// <param name="Title">The title above its cells.</param>
/// <param name="Fit">What it does on a narrow screen.</param>
/// <param name="IsRight">Its cells are aligned to the right, as numbers are.</param>
internal sealed record Column(string Title, Fit Fit = Fit.Whole, bool IsRight = false);

/// <summary>
/// Rows under titles, laid out for a screen of any width. Nothing is ever cut off: on a narrow screen names wrap, and
/// if that is not enough, each row becomes a block of "title: value". Text of every script lines up, because widths are
/// counted in cells.
/// </summary>
internal sealed class TextTable(params Column[] columns)
{
    /// <summary>Cells between two columns.</summary>
    private const int Gap = 2;

    /// <summary>The smallest width of a column that wraps.</summary>
    private const int MinWrapped = 8;

    public const string Red = "31";

    private const string Bold = "1";

    private readonly List<(string[] Cells, string? Style)> _rows = [];

    /// <summary>
    /// Adds a row. Its style is the numbers of a terminal's escape sequence, used if the screen knows them.
    /// </summary>
    public void Add(string[] cells, string? style = null) => _rows.Add(([.. cells.Select(Printable.Of)], style));

    /// <summary>
    /// The lines, none of them wider than <paramref name="width"/> unless an id, a number or a single letter is.
    /// </summary>
    public IEnumerable<string> Lines(int width, bool isStyled)
    {
        int[] widths =
        [
            .. columns.Select((c, i) => _rows.Select(r => Cells.Width(r.Cells[i])).Append(Cells.Width(c.Title)).Max()),
        ];
        int[] min = [.. columns.Select((c, i) => c.Fit == Fit.Wrap ? Math.Min(widths[i], MinWrapped) : widths[i])];
        var room = width - Gap * (columns.Length - 1);
        if (min.Sum() > room)
        {
            return Blocks(width, isStyled);
        }

        // The widest column shrinks first, so that short texts stay on one line.
        widths = [.. widths.Select((w, i) => Math.Min(w, Math.Max(min[i], room)))];
        while (widths.Sum() > room)
        {
            var widest = Enumerable.Range(0, widths.Length).Where(i => widths[i] > min[i]).MaxBy(i => widths[i]);
            widths[widest]--;
        }

        return Rows(widths, isStyled);
    }

    private IEnumerable<string> Rows(int[] widths, bool isStyled)
    {
        foreach (var (cells, style) in _rows.Prepend(([.. columns.Select(c => c.Title)], Bold)))
        {
            IReadOnlyList<string>[] wrapped =
            [
                .. cells.Select((cell, i) => columns[i].Fit == Fit.Wrap ? Cells.Wrap(cell, widths[i]) : [cell]),
            ];
            for (var line = 0; line < wrapped.Max(w => w.Count); line++)
            {
                StringBuilder text = new();
                int used = 0,
                    wanted = 0;
                for (var i = 0; i < columns.Length; i++)
                {
                    var cell = line < wrapped[i].Count ? wrapped[i][line] : "";
                    if (cell.Length > 0)
                    {
                        var wide = Cells.Width(cell);
                        var before = wanted + (columns[i].IsRight ? widths[i] - wide : 0) - used;
                        text.Append(' ', Math.Max(0, before)).Append(cell);
                        used += Math.Max(0, before) + wide;
                    }

                    wanted += widths[i] + Gap;
                }

                yield return Styled(text.ToString(), isStyled ? style : null);
            }
        }
    }

    /// <summary>Each row as lines of "title: value", for a screen that is too narrow for columns.</summary>
    public IEnumerable<string> Blocks(int width, bool isStyled)
    {
        for (var row = 0; row < _rows.Count; row++)
        {
            if (row > 0)
            {
                yield return "";
            }

            var (cells, style) = _rows[row];
            for (var i = 0; i < columns.Length; i++)
            {
                if (cells[i].Length == 0)
                {
                    continue;
                }

                var field = $"{columns[i].Title}: ";
                var room = width - Cells.Width(field);
                if (columns[i].Fit == Fit.Whole || Cells.Width(cells[i]) <= room)
                {
                    yield return Styled(field + cells[i], isStyled ? style : null);
                    continue;
                }

                yield return Styled(field.TrimEnd(), isStyled ? style : null);
                foreach (var line in Cells.Wrap(cells[i], Math.Max(1, width - Gap)))
                {
                    string indent = new(' ', Math.Clamp(width - Cells.Width(line), 0, Gap));
                    yield return Styled(indent + line, isStyled ? style : null);
                }
            }
        }
    }

    private static string Styled(string text, string? style) =>
        style is null || text.Length == 0 ? text : $"\u001b[{style}m{text}\u001b[0m";
}
