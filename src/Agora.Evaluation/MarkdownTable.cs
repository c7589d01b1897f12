using System.Text;

namespace Agora.Evaluation;

/// <summary>A table in Markdown, padded so that people can read it unrendered.</summary>
internal sealed class MarkdownTable(string[] head, int leftColumns)
{
    private readonly List<string[]> _rows = [head];

    public void Add(params string[] row) => _rows.Add(row);

    public override string ToString()
    {
        int[] widths = [.. Enumerable.Range(0, head.Length).Select(i => Math.Max(3, _rows.Max(row => row[i].Length)))];
        StringBuilder text = new();
        foreach (var row in _rows)
        {
            text.Append('|');
            for (var i = 0; i < row.Length; i++)
            {
                text.Append(' ')
                    .Append(i < leftColumns ? row[i].PadRight(widths[i]) : row[i].PadLeft(widths[i]))
                    .Append(" |");
            }

            text.AppendLine();
            if (ReferenceEquals(row, head))
            {
                text.Append('|')
                    .AppendJoin(
                        '|',
                        widths.Select(
                            (width, i) =>
                                i < leftColumns ? new string('-', width + 2) : new string('-', width + 1) + ":"
                        )
                    )
                    .AppendLine("|");
            }
        }

        return text.ToString();
    }
}
