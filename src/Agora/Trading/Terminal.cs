using System.Runtime.InteropServices;

namespace Agora.Trading;

/// <summary>The keyboard. Tests put a scripted one in its place.</summary>
internal interface ITerminal
{
    /// <summary>A person can be asked: keys come from a keyboard.</summary>
    bool HasKeyboard { get; }

    /// <summary>What is written is seen at once.</summary>
    bool HasScreen { get; }

    /// <summary>The screen knows escape sequences, so that a line can be edited on it and titles stand out.</summary>
    bool KnowsEscapes { get; }

    /// <summary>Colours are wanted there.</summary>
    bool WantsColours { get; }

    /// <summary>Columns of the screen.</summary>
    int Width { get; }

    /// <summary>The next key, not shown.</summary>
    ConsoleKeyInfo ReadKey();

    /// <summary>The next line; null at the end of the input.</summary>
    string? ReadLine();

    /// <summary>While this lives, Ctrl-C is a key to be read instead of the program's end.</summary>
    IDisposable TakeControlC();

    /// <summary>
    /// While this lives, Ctrl-C, or a polite kill, runs <paramref name="cancel"/> instead of ending the program.
    /// </summary>
    IDisposable OnControlC(Action cancel);
}

/// <summary>Who trades: their keyboard, and where their logins are kept.</summary>
internal sealed record User(ITerminal Terminal, string LoginFile)
{
    /// <summary>Names another file for the logins.</summary>
    public const string LoginFileVariable = "AGORA_LOGIN_FILE";

    public static User Current => new(new SystemTerminal(), DefaultLoginFile());

    /// <summary>
    /// Asks for a value on <paramref name="screen"/>; what is secret is not shown while it is typed. Null where nobody
    /// can be asked.
    /// </summary>
    /// <exception cref="OperationCanceledException">The person would rather not.</exception>
    public async Task<string?> AskAsync(string question, bool secret, TextWriter screen, CancellationToken cancel)
    {
        if (!Terminal.HasKeyboard)
        {
            return null;
        }
        if (Terminal is { HasScreen: true, KnowsEscapes: true } && !secret)
        {
            return new LineEditor(Terminal, screen, _ => []).ReadLine(question, isQuestion: true);
        }
        screen.Write(Printable.Of(question));
        screen.Flush();
        // Reading a line does not end with Ctrl-C; this does.
        return secret ? ReadSecret(screen) : await Task.Run(Terminal.ReadLine, cancel).WaitAsync(cancel);
    }

    private string? ReadSecret(TextWriter screen)
    {
        var typed = "";
        using var keys = Terminal.TakeControlC();
        while (true)
        {
            var key = Terminal.ReadKey();
            switch (key)
            {
                case { Key: ConsoleKey.Enter }:
                    screen.WriteLine();
                    return typed;
                case { Key: ConsoleKey.C or ConsoleKey.D, Modifiers: ConsoleModifiers.Control }:
                    screen.WriteLine();
                    throw new OperationCanceledException();
                case { Key: ConsoleKey.U, Modifiers: ConsoleModifiers.Control }:
                    typed = "";
                    break;
                case { Key: ConsoleKey.Backspace }:
                    typed = typed.Length == 0 ? "" : typed[..Cells.Previous(typed, typed.Length)];
                    break;
                case { KeyChar: var letter }
                    when !char.IsControl(letter) && !key.Modifiers.HasFlag(ConsoleModifiers.Alt):
                    typed += letter;
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

    public bool KnowsEscapes { get; } =
        Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } terminal && terminal != "dumb";

    // https://no-color.org: set to anything but nothing.
    public bool WantsColours => KnowsEscapes && Environment.GetEnvironmentVariable("NO_COLOR") is not { Length: > 0 };

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
        var kill = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            cancel();
        });
        return new Undo(() =>
        {
            Console.CancelKeyPress -= Handle;
            kill.Dispose();
        });
    }

    private sealed class Undo(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
