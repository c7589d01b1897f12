using System.CommandLine;
using System.CommandLine.Parsing;

namespace Agora.Trading;

/// <summary>
/// Commands one after another, without the program's name before each. With a keyboard and a screen, lines can be edited, completed and
/// called back; otherwise they are read as they come, so that a file of commands can be run.
/// </summary>
internal sealed class Prompt(RootCommand commands, ITerminal terminal, InvocationConfiguration console, Func<string> label)
{
    private static readonly string[] s_own = ["exit", "help", "quit"];

    /// <summary>
    /// Runs until the input ends or someone leaves. At a keyboard the exit status is 0; of a file, that of the last command that failed.
    /// </summary>
    public async Task<int> RunAsync(string greeting, CancellationToken cancel)
    {
        var atKeyboard = terminal.HasKeyboard && terminal.HasScreen;
        var editor = atKeyboard ? new LineEditor(terminal, console.Output, Complete) : null;
        if (atKeyboard)
        {
            console.Output.WriteLine(greeting);
        }
        var status = 0;
        while (!cancel.IsCancellationRequested && (editor is null ? terminal.ReadLine() : editor.ReadLine(label())) is { } line)
        {
            string[] words = [.. CommandLineParser.SplitCommandLine(line)];
            switch (words)
            {
                case []:
                case [['#', ..], ..]:
                    continue;
                case ["exit" or "quit", ..]:
                    return atKeyboard ? 0 : status;
                case ["help", .. var rest]:
                    words = [.. rest, "--help"];
                    break;
            }
            if (await RunAsync(words, cancel) is var ended and not 0)
            {
                status = ended;
            }
        }
        return atKeyboard ? 0 : status;
    }

    private async Task<int> RunAsync(string[] words, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var key = terminal.OnControlC(stop.Cancel);
        try
        {
            var parsed = commands.Parse(words);
            if (parsed.Errors.Count > 0 && !words.Contains("--help"))
            {
                // Without the whole help, which would push away what was there.
                foreach (var error in parsed.Errors)
                {
                    console.Error.WriteLine(error.Message);
                }
                console.Error.WriteLine($"See: help {(parsed.CommandResult.Command is RootCommand ? "" : words[0])}".TrimEnd());
                return 1;
            }
            return await parsed.InvokeAsync(console, stop.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            console.Error.WriteLine("Stopped. What was asked may have happened all the same.");
            return 130;
        }
    }

    /// <summary>What the word that ends at the end of <paramref name="line"/> may become: names of commands, options and their values.</summary>
    private string[] Complete(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var word = line.EndsWith(' ') || words.Length == 0 ? "" : words[^1];
        var isFirst = words.Length == 0 || (words.Length == 1 && word.Length > 0);
        if (words is ["help", ..] && !isFirst)
        {
            line = line[(line.IndexOf("help", StringComparison.Ordinal) + 4)..].TrimStart();
        }
        var found = commands.Parse(line).GetCompletions(line.Length).Select(completion => completion.Label);
        return
        [
            .. found.Concat(isFirst ? s_own : [])
                // Options only once a dash has been typed; the slashes of help's Windows spellings never.
                .Where(name => name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
                .Where(name => name[0] switch { '-' => word.StartsWith('-'), '/' => false, _ => true })
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal),
        ];
    }
}
