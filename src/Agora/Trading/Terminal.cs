using System.Text;

namespace Agora.Trading;

/// <summary>The keyboard. Tests put a scripted one in its place.</summary>
internal interface ITerminal
{
    /// <summary>A person can be asked: keys come from a keyboard.</summary>
    bool HasKeyboard { get; }

    /// <summary>What is written is seen at once, so that a line can be edited on it.</summary>
    bool HasScreen { get; }

    /// <summary>Columns of the screen.</summary>
    int Width { get; }

    /// <summary>The next key, not shown.</summary>
    ConsoleKeyInfo ReadKey();

    /// <summary>The next line; null at the end of the input.</summary>
    string? ReadLine();

    /// <summary>While this lives, Ctrl-C is a key to be read instead of the program's end.</summary>
    IDisposable TakeControlC();

    /// <summary>While this lives, Ctrl-C runs <paramref name="cancel"/> instead of ending the program.</summary>
    IDisposable OnControlC(Action cancel);
}

/// <summary>Who trades: their keyboard, and where their logins are kept.</summary>
internal sealed record User(ITerminal Terminal, string LoginFile)
{
    /// <summary>Names another file for the logins.</summary>
    public const string LoginFileVariable = "AGORA_LOGIN_FILE";

    public static User Current => new(new SystemTerminal(), DefaultLoginFile());

    /// <summary>
    /// Asks for a value on <paramref name="screen"/>; what is secret is not shown while it is typed. Null where nobody can be asked.
    /// </summary>
    public string? Ask(string what, bool secret, TextWriter screen)
    {
        if (!Terminal.HasKeyboard)
        {
            return null;
        }
        screen.Write(what + ": ");
        screen.Flush();
        return secret ? ReadSecret(screen) : Terminal.ReadLine();
    }

    private string? ReadSecret(TextWriter screen)
    {
        var typed = new StringBuilder();
        using var keys = Terminal.TakeControlC();
        while (true)
        {
            var key = Terminal.ReadKey();
            switch (key)
            {
                case { Key: ConsoleKey.Enter }:
                    screen.WriteLine();
                    return typed.ToString();
                case { Key: ConsoleKey.C or ConsoleKey.D, Modifiers: ConsoleModifiers.Control }:
                    screen.WriteLine();
                    throw new OperationCanceledException();
                case { Key: ConsoleKey.Backspace }:
                    typed.Length = Math.Max(0, typed.Length - 1);
                    break;
                case { KeyChar: >= ' ' }:
                    typed.Append(key.KeyChar);
                    break;
            }
        }
    }

    private static string DefaultLoginFile()
    {
        if (Environment.GetEnvironmentVariable(LoginFileVariable) is { Length: > 0 } named)
        {
            return named;
        }
        // Where the XDG base directory specification puts what should outlast a program but is no configuration.
        var state = Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } given && Path.IsPathRooted(given)
            ? given
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        return Path.Combine(state, "agora", "logins.json");
    }
}

internal sealed class SystemTerminal : ITerminal
{
    public bool HasKeyboard => !Console.IsInputRedirected;

    public bool HasScreen => !Console.IsOutputRedirected;

    public int Width
    {
        get
        {
            var width = HasScreen ? Console.WindowWidth : 0;
            return width > 0 ? width : 80;
        }
    }

    public ConsoleKeyInfo ReadKey() => Console.ReadKey(intercept: true);

    public string? ReadLine() => Console.In.ReadLine();

    public IDisposable TakeControlC()
    {
        Console.TreatControlCAsInput = true;
        return new Undo(() => Console.TreatControlCAsInput = false);
    }

    public IDisposable OnControlC(Action cancel)
    {
        void Handle(object? sender, ConsoleCancelEventArgs e)
        {
            e.Cancel = true;
            cancel();
        }
        Console.CancelKeyPress += Handle;
        return new Undo(() => Console.CancelKeyPress -= Handle);
    }

    private sealed class Undo(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
