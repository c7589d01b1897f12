using System.Text;

namespace Agora.Trading;

/// <summary>
/// Reads a line that can be edited, completed with Tab and called back with the arrows, by the keys that shells have taught. The
/// history lives in memory only: lines may hold secrets.
/// </summary>
internal sealed class LineEditor(ITerminal terminal, TextWriter screen, Func<string, string[]> complete)
{
    private const int LongestHistory = 500;

    private readonly List<string> _history = [];
    private readonly StringBuilder _text = new();
    private string _label = "";
    private int _cursor;

    /// <summary>The next line; null when the person leaves with Ctrl-D.</summary>
    public string? ReadLine(string label)
    {
        using var keys = terminal.TakeControlC();
        _label = label;
        Set("");
        // One past the last: the line being written, kept while older ones are looked at.
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
                    Remember();
                    return _text.ToString();
                case { Key: ConsoleKey.D, Modifiers: ConsoleModifiers.Control } when _text.Length == 0:
                    screen.WriteLine();
                    return null;
                case { Key: ConsoleKey.C, Modifiers: ConsoleModifiers.Control }:
                    screen.WriteLine("^C");
                    Set("");
                    place = _history.Count;
                    break;
                case { Key: ConsoleKey.UpArrow } or { Key: ConsoleKey.P, Modifiers: ConsoleModifiers.Control } when place > 0:
                    unfinished = place == _history.Count ? _text.ToString() : unfinished;
                    Set(_history[--place]);
                    break;
                case { Key: ConsoleKey.DownArrow } or { Key: ConsoleKey.N, Modifiers: ConsoleModifiers.Control }
                    when place < _history.Count:
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
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow or ConsoleKey.B when control || key.Key == ConsoleKey.LeftArrow:
                _cursor = Math.Max(0, _cursor - 1);
                break;
            case ConsoleKey.RightArrow or ConsoleKey.F when control || key.Key == ConsoleKey.RightArrow:
                _cursor = Math.Min(_text.Length, _cursor + 1);
                break;
            case ConsoleKey.Home or ConsoleKey.A when control || key.Key == ConsoleKey.Home:
                _cursor = 0;
                break;
            case ConsoleKey.End or ConsoleKey.E when control || key.Key == ConsoleKey.End:
                _cursor = _text.Length;
                break;
            case ConsoleKey.Backspace when _cursor > 0:
                _text.Remove(--_cursor, 1);
                break;
            case ConsoleKey.Delete or ConsoleKey.D when (control || key.Key == ConsoleKey.Delete) && _cursor < _text.Length:
                _text.Remove(_cursor, 1);
                break;
            case ConsoleKey.K when control:
                _text.Length = _cursor;
                break;
            case ConsoleKey.U when control:
                _text.Remove(0, _cursor);
                _cursor = 0;
                break;
            case ConsoleKey.W when control:
                var start = WordStart();
                _text.Remove(start, _cursor - start);
                _cursor = start;
                break;
            case ConsoleKey.L when control:
                screen.Write("\u001b[H\u001b[2J");
                break;
            default:
                if (!char.IsControl(key.KeyChar))
                {
                    _text.Insert(_cursor++, key.KeyChar);
                }
                break;
        }
    }

    private int WordStart()
    {
        var start = _cursor;
        while (start > 0 && _text[start - 1] == ' ')
        {
            start--;
        }
        while (start > 0 && _text[start - 1] != ' ')
        {
            start--;
        }
        return start;
    }

    /// <summary>Writes as much of the word as is certain; where that is nothing more, shows what it may become.</summary>
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
        if (_history.Count == LongestHistory)
        {
            _history.RemoveAt(0);
        }
        _history.Add(line);
    }

    private void Set(string text)
    {
        _text.Clear().Append(text);
        _cursor = text.Length;
    }

    /// <summary>Writes the line anew, in one go; of a line longer than the screen is wide, the part around the cursor.</summary>
    private void Draw()
    {
        var room = Math.Max(10, terminal.Width - _label.Length - 1);
        var first = Math.Max(0, _cursor - room);
        var seen = _text.ToString(first, Math.Min(room, _text.Length - first));
        var back = first + seen.Length - _cursor;
        screen.Write($"\r{_label}{seen}\u001b[K" + (back > 0 ? $"\u001b[{back}D" : ""));
        screen.Flush();
    }
}
