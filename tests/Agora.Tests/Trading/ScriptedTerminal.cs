using Agora.Trading;

namespace Agora.Tests.Trading;

/// <summary>A terminal without keyboard or screen, unless a test gives it keys or lines.</summary>
internal sealed class ScriptedTerminal : ITerminal
{
    public static readonly ConsoleKeyInfo Enter = new('\r', ConsoleKey.Enter, false, false, false);
    public static readonly ConsoleKeyInfo Tab = new('\t', ConsoleKey.Tab, false, false, false);

    public bool HasKeyboard { get; init; }

    public bool HasScreen { get; init; }

    public bool KnowsEscapes { get; init; } = true;

    public bool WantsColours { get; init; }

    public int Width { get; init; } = 80;

    /// <summary>What Ctrl-C does at the moment; null if it would end the program.</summary>
    public Action? ControlC { get; private set; }

    public Queue<ConsoleKeyInfo> Keys { get; } = new();

    public Queue<string> Lines { get; } = new();

    public static ConsoleKeyInfo Control(ConsoleKey key) =>
        new((char)(key - ConsoleKey.A + 1), key, false, false, true);

    public static ConsoleKeyInfo Alt(ConsoleKey key) => new(char.ToLowerInvariant((char)key), key, false, true, false);

    public static ConsoleKeyInfo Key(ConsoleKey key) => new('\0', key, false, false, false);

    public ScriptedTerminal Types(params object[] keys)
    {
        foreach (var key in keys)
        {
            if (key is ConsoleKeyInfo info)
            {
                Keys.Enqueue(info);
                continue;
            }

            // Keyboards and pasting send UTF-16: an emoji is two keys.
            foreach (var c in (string)key)
            {
                Keys.Enqueue(
                    new ConsoleKeyInfo(
                        c,
                        char.IsAsciiLetter(c) ? ConsoleKey.A + (char.ToUpperInvariant(c) - 'A') : ConsoleKey.None,
                        false,
                        false,
                        false
                    )
                );
            }
        }

        return this;
    }

    public ConsoleKeyInfo ReadKey() => Keys.Dequeue();

    /// <summary>Runs before a line is read.</summary>
    public Action OnReadLine { get; init; } = () => { };

    public string? ReadLine()
    {
        OnReadLine();
        return Lines.TryDequeue(out var line) ? line : null;
    }

    public IDisposable TakeControlC() => new Then(() => { });

    public IDisposable OnControlC(Action cancel)
    {
        ControlC = cancel;
        return new Then(() => ControlC = null);
    }

    private sealed class Then(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
