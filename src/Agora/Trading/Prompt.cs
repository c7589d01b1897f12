using System.CommandLine;
using System.CommandLine.Parsing;
using Agora.Commands;

namespace Agora.Trading;

/// <summary>
/// Commands one after another, without the program's name before each. With a keyboard and a screen, lines can be
/// edited, completed and called back; otherwise they are read as they come, so that a file of commands can be run.
/// </summary>
internal sealed class Prompt(
    RootCommand commands, ITerminal terminal, InvocationConfiguration console, bool isJson, Func<string> label)
{
    private static readonly string[] s_own = ["exit", "help", "quit"];

    /// <summary>
    /// Runs until the input ends or someone leaves. At a keyboard the exit status is 0; of a file, that of the last
    /// command that failed.
    /// </summary>
    public async Task<int> RunAsync(string greeting, CancellationToken cancel)
    {
        var atKeyboard = terminal.HasKeyboard && terminal.HasScreen;
        // A terminal that knows no escape sequences edits lines itself.
        LineEditor? editor = atKeyboard && terminal.KnowsEscapes ? new(terminal, console.Output, Complete) : null;
        if (atKeyboard && !isJson)
        {
            console.Output.WriteLine(greeting);
        }
        string? Next()
        {
            if (editor is not null)
            {
                return editor.ReadLine(label());
            }
            if (atKeyboard)
            {
                console.Output.Write(Printable.Of(label()));
                console.Output.Flush();
            }
            return terminal.ReadLine();
        }
        var status = 0;
        while (!cancel.IsCancellationRequested && Next() is { } line)
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
            var ended = await CommandLine.RunAsync(commands, words, console, isJson, cancel);
            if (ended != ExitStatus.Done)
            {
                status = ended;
            }
        }
        return atKeyboard ? 0 : status;
    }

    /// <summary>
    /// What the word that ends at the end of <paramref name="line"/> may become: names of commands, options and their
    /// values.
    /// </summary>
    private string[] Complete(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var word = line.EndsWith(' ') || words.Length == 0 ? "" : words[^1];
        var isFirst = words.Length == 0 || (words.Length == 1 && word.Length > 0);
        if (words is ["help", ..] && !isFirst)
        {
            line = line[(line.IndexOf("help", StringComparison.Ordinal) + 4)..].TrimStart();
        }
        var own = isFirst ? s_own.Where(name => name.StartsWith(word, StringComparison.Ordinal)) : [];
        return [.. Completion.Of(commands, line, word).Concat(own).Order(StringComparer.Ordinal)];
    }
}
