using System.CommandLine;
using Agora.Commands;
using Agora.Trading;

namespace Agora.Client.Tests;

/// <summary>
/// <c>agora seller</c> and <c>agora buyer</c> as a person or a program runs them: one call a command, a login file
/// between them.
/// </summary>
internal sealed class Cli : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agora-cli-").FullName;

    public string LoginFile => Path.Combine(_directory, "state", "logins.json");

    public ScriptedTerminal Terminal { get; set; } = new();

    public sealed record Result(int Status, string Output, string Error);

    public async Task<Result> RunAsync(params string[] arguments)
    {
        var user = new User(Terminal, LoginFile);
        var root = new RootCommand { SellerCommand.Create(user), BuyerCommand.Create(user) };
        root.HelpName = "agora";
        Examples.ShowInHelp(root);
        using var output = new StringWriter();
        using var error = new StringWriter();
        var status = await CommandLine.RunAsync(
            root, arguments,
            new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        return new Result(status, output.ToString(), error.ToString());
    }

    public Task<Result> BuyerAsync(ScriptedServer server, params string[] arguments) => RunAsync(["buyer", "--server", server.Address.ToString(), .. arguments]);

    public Task<Result> SellerAsync(ScriptedServer server, params string[] arguments) => RunAsync(["seller", "--server", server.Address.ToString(), .. arguments]);

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}

/// <summary>Nobody at the keyboard, unless keys or lines are given.</summary>
internal sealed class ScriptedTerminal : ITerminal
{
    public static readonly ConsoleKeyInfo Enter = new('\r', ConsoleKey.Enter, false, false, false);
    public static readonly ConsoleKeyInfo Tab = new('\t', ConsoleKey.Tab, false, false, false);

    public bool HasKeyboard { get; init; }

    public bool HasScreen { get; init; }

    public bool KnowsEscapes { get; init; } = true;

    public bool WantsColours { get; init; }

    public int Width { get; init; } = 80;

    /// <summary>What Ctrl-C does at the moment; null where it would end the program.</summary>
    public Action? ControlC { get; private set; }

    public Queue<ConsoleKeyInfo> Keys { get; } = new();

    public Queue<string> Lines { get; } = new();

    public static ConsoleKeyInfo Control(ConsoleKey key) => new((char)(key - ConsoleKey.A + 1), key, false, false, true);

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
            // A keyboard, and pasting, sends UTF-16: of an emoji, two keys.
            foreach (var c in (string)key)
            {
                Keys.Enqueue(new ConsoleKeyInfo(c, char.IsAsciiLetter(c) ? ConsoleKey.A + (char.ToUpperInvariant(c) - 'A') : ConsoleKey.None, false, false, false));
            }
        }
        return this;
    }

    public ConsoleKeyInfo ReadKey() => Keys.Dequeue();

    public string? ReadLine() => Lines.TryDequeue(out var line) ? line : null;

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
