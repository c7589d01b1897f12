using System.Runtime.InteropServices;

namespace Agora.Trading;

/// <summary>The terminal of this process.</summary>
internal sealed class SystemTerminal : ITerminal
{
    public bool HasKeyboard => !Console.IsInputRedirected;

    public bool HasScreen => !Console.IsOutputRedirected;

    public bool KnowsEscapes { get; } =
        Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } terminal && terminal != "dumb";

    // https://no-color.org: set to a value that is not empty.
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
        var kill = PosixSignalRegistration.Create(
            PosixSignal.SIGTERM,
            signal =>
            {
                signal.Cancel = true;
                cancel();
            }
        );
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
