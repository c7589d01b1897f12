namespace Agora.Trading;

/// <summary>The person who trades: their terminal, and the file that keeps their logins.</summary>
internal sealed record User(ITerminal Terminal, string LoginFile)
{
    /// <summary>The environment variable that names another file for the logins.</summary>
    public const string LoginFileVariable = "AGORA_LOGIN_FILE";

    public static User Current => new(new SystemTerminal(), DefaultLoginFile());

    /// <summary>
    /// Asks for a value on <paramref name="screen"/>. A secret is not shown while it is typed. Null if there is no
    /// keyboard.
    /// </summary>
    /// <exception cref="OperationCanceledException">The person pressed Ctrl-C.</exception>
    public async Task<string?> AskAsync(
        string question,
        bool secret,
        TextWriter screen,
        CancellationToken cancellationToken
    )
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
        return secret ? ReadSecret(screen) : await ReadLineAsync(cancellationToken);
    }

    /// <summary>
    /// The next line of standard input; null at its end. Reading a line does not end with Ctrl-C; waiting for it does.
    /// </summary>
    public Task<string?> ReadLineAsync(CancellationToken cancellationToken) =>
        Task.Run(Terminal.ReadLine, cancellationToken).WaitAsync(cancellationToken);

    /// <summary>Writes lines, laid out for the screen if there is one.</summary>
    public void Write(TextWriter output, Layout layout)
    {
        // Without a screen the width does not matter.
        const int WithoutScreen = 240;
        var isStyled = Terminal is { HasScreen: true, WantsColours: true };
        foreach (var line in layout(Terminal.HasScreen ? Terminal.Width : WithoutScreen, isStyled))
        {
            output.WriteLine(line);
        }
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

        // The XDG base directory specification puts data there that outlasts a program but is no configuration.
        var state =
            Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } given && Path.IsPathRooted(given)
                ? given
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        return Path.Combine(state, "agora", "logins.json");
    }
}
