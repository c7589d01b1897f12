using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Agora.Commands;

/// <summary>Completes an unfinished command line.</summary>
internal static class Completion
{
    /// <summary>Stands for file names, which the shell completes.</summary>
    public const string Files = ":files";

    /// <summary>The commands, options and values that the line's last word may become, in order.</summary>
    public static IEnumerable<string> Of(RootCommand root, string line, string word)
    {
        var parse = CommandLine.Parse(root, line);
        // A command has a short name, and may have its function's name as an alias. The short one is enough.
        var aliases = parse.CommandResult.Command.Subcommands.SelectMany(c => c.Aliases).ToHashSet();
        return parse
            .GetCompletions(line.Length)
            .Select(completion => completion.Label)
            // Options only once a dash has been typed.
            .Where(name => name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            .Where(name => (name[0] == '-') == word.StartsWith('-') && !aliases.Contains(name))
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal);
    }

    /// <summary><c>agora completion</c>: prints the script for a shell, and answers that script.</summary>
    public static Command Create(RootCommand root)
    {
        Argument<string> shell = new("SHELL") { Description = "bash or zsh" };
        shell.AcceptOnlyFromAmong("bash", "zsh");
        Command script = new(
            "completion",
            "Print a script by which bash or zsh completes commands, options and processes"
        )
        {
            shell,
        };
        script.SetAction(parse =>
            parse.InvocationConfiguration.Output.Write(parse.GetValue(shell) == "bash" ? Bash : Zsh)
        );
        script.WithExamples(
            "source <(agora completion bash)                                  in this shell",
            "agora completion bash > ~/.local/share/bash-completion/completions/agora     in every bash",
            "agora completion zsh > \"${fpath[1]}/_agora\"                      in every zsh"
        );

        Argument<string[]> words = new("WORDS") { Arity = ArgumentArity.ZeroOrMore };
        Command complete = new("words", "What the last of the words may become, one a line") { words };
        complete.Hidden = true;
        complete.SetAction(parse =>
        {
            foreach (var name in OfWords(root, parse.GetValue(words) ?? []))
            {
                parse.InvocationConfiguration.Output.WriteLine(name);
            }
        });
        script.Add(complete);
        return script;
    }

    /// <summary>
    /// Makes <c>[suggest:POSITION]</c>, the question of dotnet-suggest, answer the same, for every position.
    /// </summary>
    public static void AnswerSuggest(RootCommand root)
    {
        foreach (var directive in root.Directives.OfType<SuggestDirective>())
        {
            directive.Action = new Suggest(root, directive);
        }
    }

    private static IEnumerable<string> OfWords(RootCommand root, string[] words)
    {
        var (before, word) = words.Length > 0 ? (words[..^1], words[^1]) : ([], "");
        var parse = CommandLine.Parse(root, before);
        if (parse.UnmatchedTokens.Count > 0)
        {
            return [];
        }

        var last = before is [.., var previous] ? previous : "";
        var option = Options(parse).FirstOrDefault(o => o.Name == last || o.Aliases.Contains(last));
        if (option?.HelpName is "FILE" or "DIR")
        {
            return [Files];
        }
        // As a line, because the parser accepts an unfinished word only at the end of a line.
        return Of(root, string.Concat(before.Select(w => $"\"{Plain(w)}\" ")) + Plain(word), Plain(word));

        static string Plain(string word) => word.Replace("\"", "", StringComparison.Ordinal);
    }

    private static IEnumerable<Option> Options(ParseResult parse)
    {
        for (var command = parse.CommandResult; command is not null; command = command.Parent as CommandResult)
        {
            foreach (var option in command.Command.Options)
            {
                yield return option;
            }
        }
    }

    private sealed class Suggest(RootCommand root, SuggestDirective directive) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            var line = parseResult.Tokens is [.., var last] ? last.Value : "";
            var given = parseResult.GetResult(directive)?.Values is [var value, ..] ? value : "";
            var end = int.TryParse(given, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var position)
                ? position
                : line.Length;
            line = line[..Math.Clamp(end, 0, line.Length)];
            var word = line[(line.LastIndexOf(' ') + 1)..];
            foreach (var name in Of(root, line, word))
            {
                parseResult.InvocationConfiguration.Output.WriteLine(name);
            }

            return ExitStatus.Done;
        }
    }

    private const string Bash = """
        # bash completion for agora
        _agora() {
            local line words=("${COMP_WORDS[@]:1:COMP_CWORD}")
            COMPREPLY=()
            while IFS= read -r line; do
                if [ "$line" = ":files" ]; then
                    compopt -o default 2>/dev/null
                else
                    COMPREPLY+=("$line")
                fi
            done < <("$1" completion words -- "${words[@]}" 2>/dev/null)
        }
        complete -F _agora agora

        """;

    private const string Zsh = """
        #compdef agora
        # zsh completion for agora
        _agora() {
            local -a found
            found=("${(@f)$("${words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
            if [[ "${found[1]}" == ":files" ]]; then
                _files
            else
                compadd -- ${found:#}
            fi
        }
        if [ "${funcstack[1]}" = "_agora" ]; then
            _agora "$@"
        else
            compdef _agora agora
        fi

        """;
}
