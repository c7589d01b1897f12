using System.CommandLine;
using System.CommandLine.Parsing;
using Agora.Commands;

namespace Agora.Trading;

/// <summary>
/// Runs commands one after another, without the program's name before each. With a keyboard and a screen, lines can be
/// edited, completed and recalled. Otherwise lines are read as they come, so that a file of commands can be run.
/// </summary>
internal sealed class Prompt(
    RootCommand commands,
    ITerminal terminal,
    InvocationConfiguration console,
    bool isJson,
    Func<string> label
)
{
    private static readonly string[] s_own = ["exit", "help", "quit"];

    /// <summary>
    /// Runs until the input ends or the person leaves. At a keyboard the exit status is 0; for a file it is that of the
    /// last command that failed.
    /// </summary>
    public async Task<int> RunAsync(string greeting, CancellationToken cancellationToken)
    {
        var atKeyboard = terminal.HasKeyboard && terminal.HasScreen;
        // A terminal without escape sequences edits lines itself.
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
        while (!cancellationToken.IsCancellationRequested && Next() is { } line)
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

            var ended = await CommandLine.RunAsync(commands, words, console, isJson, cancellationToken);
            if (ended != ExitStatus.Done)
            {
                status = ended;
            }
        }

        return atKeyboard ? 0 : status;
    }

    /// <summary>
    /// The commands, options and values that the last word of <paramref name="line"/> may become.
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
