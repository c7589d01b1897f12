using System.Globalization;
using System.Text;

namespace Agora.Trading;

/// <summary>
/// Reads a line that can be edited, completed with Tab and recalled with the arrow keys, with the keys that shells use.
/// The cursor is always between grapheme clusters, and the screen is counted in cells, so letters of any language can
/// be edited. The history is kept in memory only, because lines may hold secrets.
/// </summary>
internal sealed class LineEditor(ITerminal terminal, TextWriter screen, Func<string, string[]> complete)
{
    private const int MaxHistory = 500;

    private readonly List<string> _history = [];
    private readonly StringBuilder _text = new();
    private string _label = "";
    private int _cursor;

    // The first half of a character that the keyboard sends in two halves.
    private char _half;

    /// <summary>Reads the next line; null if the person leaves with Ctrl-D.</summary>
    /// <param name="label">The text before the line.</param>
    /// <param name="isQuestion">Ctrl-C ends the question, and the line does not go into the history.</param>
    /// <exception cref="OperationCanceledException">Ctrl-C at a question.</exception>
    public string? ReadLine(string label, bool isQuestion = false)
    {
        using var keys = terminal.TakeControlC();
        _label = Printable.Of(label);
        Set("");
        // The position after the last entry means the new line, which is kept while older ones are shown.
        var place = _history.Count;
        var unfinished = "";
        Draw();
        while (true)
        {
            var key = terminal.ReadKey();
            switch (key)
            {
                case { Key: ConsoleKey.Enter }:
                    screen.WriteLine();
                    if (!isQuestion)
                    {
                        Remember();
                    }

                    return _text.ToString();
                case { Key: ConsoleKey.D, Modifiers: ConsoleModifiers.Control } when _text.Length == 0:
                    screen.WriteLine();
                    return null;
                case { Key: ConsoleKey.C, Modifiers: ConsoleModifiers.Control }:
                    screen.WriteLine("^C");
                    if (isQuestion)
                    {
                        throw new OperationCanceledException();
                    }

                    Set("");
                    place = _history.Count;
                    break;
                case { Key: ConsoleKey.UpArrow }
                or { Key: ConsoleKey.P, Modifiers: ConsoleModifiers.Control } when place > 0:
                    unfinished = place == _history.Count ? _text.ToString() : unfinished;
                    Set(_history[--place]);
                    break;
                case { Key: ConsoleKey.DownArrow }
                or { Key: ConsoleKey.N, Modifiers: ConsoleModifiers.Control } when place < _history.Count:
                    Set(++place == _history.Count ? unfinished : _history[place]);
                    break;
                case { Key: ConsoleKey.Tab }:
                    Complete();
                    break;
                default:
                    Edit(key);
                    break;
            }

            Draw();
        }
    }

    private void Edit(ConsoleKeyInfo key)
    {
        var control = key.Modifiers.HasFlag(ConsoleModifiers.Control);
        var alt = key.Modifiers.HasFlag(ConsoleModifiers.Alt);
        var text = _text.ToString();
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow when control || alt:
            case ConsoleKey.B when alt:
                _cursor = WordStart(text);
                break;
            case ConsoleKey.RightArrow when control || alt:
            case ConsoleKey.F when alt:
                _cursor = WordEnd(text);
                break;
            case ConsoleKey.LeftArrow:
            case ConsoleKey.B when control:
                _cursor = _cursor == 0 ? 0 : Cells.Previous(text, _cursor);
                break;
            case ConsoleKey.RightArrow:
            case ConsoleKey.F when control:
                _cursor = Cells.Next(text, _cursor);
                break;
            case ConsoleKey.Home:
            case ConsoleKey.A when control:
                _cursor = 0;
                break;
            case ConsoleKey.End:
            case ConsoleKey.E when control:
                _cursor = text.Length;
                break;
            case ConsoleKey.Backspace when alt:
            case ConsoleKey.W when control:
                Remove(WordStart(text), _cursor);
                break;
            case ConsoleKey.Backspace:
            case ConsoleKey.H when control:
                Remove(_cursor == 0 ? 0 : Cells.Previous(text, _cursor), _cursor);
                break;
            case ConsoleKey.D when alt:
                Remove(_cursor, WordEnd(text));
                break;
            case ConsoleKey.Delete:
            case ConsoleKey.D when control:
                Remove(_cursor, Cells.Next(text, _cursor));
                break;
            case ConsoleKey.K when control:
                Remove(_cursor, text.Length);
                break;
            case ConsoleKey.U when control:
                Remove(0, _cursor);
                break;
            case ConsoleKey.L when control:
                screen.Write("\u001b[H\u001b[2J");
                break;
            default:
                if (!char.IsControl(key.KeyChar) && !alt)
                {
                    Insert(key.KeyChar);
                }

                break;
        }
    }

    private void Insert(char typed)
    {
        if (char.IsHighSurrogate(typed))
        {
            _half = typed;
            return;
        }

        var whole = char.IsLowSurrogate(typed) ? (_half == '\0' ? "" : $"{_half}{typed}") : typed.ToString();
        _half = '\0';
        _text.Insert(_cursor, whole);
        _cursor += whole.Length;

        // A mark joins the letter before it; a joiner also joins the one after it.
        var text = _text.ToString();
        if (_cursor > 0 && Cells.Previous(text, _cursor) is var start && Cells.Next(text, start) > _cursor)
        {
            _cursor = Cells.Next(text, start);
        }
    }

    private void Remove(int start, int end)
    {
        _text.Remove(start, end - start);
        _cursor = start;

        // Two neighbours may have become one cluster.
        var text = _text.ToString();
        if (_cursor > 0 && Cells.Previous(text, _cursor) is var before && Cells.Next(text, before) > _cursor)
        {
            _cursor = before;
        }
    }

    private int WordStart(string text)
    {
        var start = _cursor;
        while (start > 0 && text[start - 1] == ' ')
        {
            start--;
        }

        while (start > 0 && text[start - 1] != ' ')
        {
            start--;
        }

        return start;
    }

    private int WordEnd(string text)
    {
        var end = _cursor;
        while (end < text.Length && text[end] == ' ')
        {
            end++;
        }

        while (end < text.Length && text[end] != ' ')
        {
            end++;
        }

        return end;
    }

    /// <summary>
    /// Completes the word as far as all matches agree; if nothing can be added, lists the matches.
    /// </summary>
    private void Complete()
    {
        var before = _text.ToString(0, _cursor);
        var found = complete(before);
        if (found.Length == 0)
        {
            return;
        }

        var start = before.LastIndexOf(' ') + 1;
        var word = before[start..];
        var certain = found.Length == 1 ? found[0] + " " : Shared(found);
        if (certain.Length > word.Length)
        {
            _text.Remove(start, word.Length).Insert(start, certain);
            _cursor = start + certain.Length;
        }
        else
        {
            screen.WriteLine();
            screen.WriteLine(string.Join("  ", found));
        }
    }

    private static string Shared(string[] names)
    {
        var shared = names[0];
        foreach (var name in names)
        {
            var length = 0;
            while (length < Math.Min(shared.Length, name.Length) && shared[length] == name[length])
            {
                length++;
            }

            shared = shared[..length];
        }

        return shared;
    }

    private void Remember()
    {
        var line = _text.ToString();
        if (string.IsNullOrWhiteSpace(line) || (_history.Count > 0 && _history[^1] == line))
        {
            return;
        }

        if (_history.Count == MaxHistory)
        {
            _history.RemoveAt(0);
        }

        _history.Add(line);
    }

    private void Set(string text)
    {
        _text.Clear().Append(text);
        _cursor = text.Length;
        _half = '\0';
    }

    /// <summary>
    /// Redraws the line in one write. If the line is wider than the screen, shows the part around the cursor.
    /// </summary>
    private void Draw()
    {
        // The last column stays free: some terminals move to the next line once it is written.
        var width = Math.Max(1, terminal.Width - 1);
        var label = Cells.Width(_label) <= width / 2 ? _label : "";
        var room = width - Cells.Width(label);
        var text = _text.ToString();
        string[] before = [.. Cells.Clusters(text[.._cursor]).Select(Printable.Of)];
        string[] after = [.. Cells.Clusters(text[_cursor..]).Select(Printable.Of)];

        var first = before.Length;
        var used = 0;
        while (first > 0 && used + Cells.Width(before[first - 1]) <= room)
        {
            used += Cells.Width(before[--first]);
        }

        var shown = new StringBuilder().Append('\r').Append(label).AppendJoin("", before[first..]);
        var back = 0;
        foreach (var cluster in after)
        {
            var cells = Cells.Width(cluster);
            if (used + back + cells > room)
            {
                break;
            }

            shown.Append(cluster);
            back += cells;
        }

        shown.Append("\u001b[K");
        if (back > 0)
        {
            shown.Append(CultureInfo.InvariantCulture, $"\u001b[{back}D");
        }

        screen.Write(shown);
        screen.Flush();
    }
}
