namespace Agora.Trading;

/// <summary>Keyboard and screen. Tests replace them with a scripted terminal.</summary>
internal interface ITerminal
{
    /// <summary>Input comes from a keyboard, so a person can answer questions.</summary>
    bool HasKeyboard { get; }

    /// <summary>Output goes to a screen.</summary>
    bool HasScreen { get; }

    /// <summary>The screen knows escape sequences, which editing lines and styling titles need.</summary>
    bool KnowsEscapes { get; }

    /// <summary>The user wants colours.</summary>
    bool WantsColours { get; }

    /// <summary>The number of columns of the screen.</summary>
    int Width { get; }

    /// <summary>Reads the next key, without showing it.</summary>
    ConsoleKeyInfo ReadKey();

    /// <summary>Reads the next line; null at the end of the input.</summary>
    string? ReadLine();

    /// <summary>Until the result is disposed of, Ctrl-C is read as a key and does not end the program.</summary>
    IDisposable TakeControlC();

    /// <summary>
    /// Until the result is disposed of, Ctrl-C or SIGTERM runs <paramref name="cancel"/> and does not end the program.
    /// </summary>
    IDisposable OnControlC(Action cancel);
}
