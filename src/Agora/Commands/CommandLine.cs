using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Agora.Client;
using Agora.Launcher;
using Agora.Rest;
using Agora.Telemetry;

namespace Agora.Commands;

/// <summary>
/// Parses and runs a command line, at the shell and at the prompt alike. Errors go to standard error, in one form for
/// people and one for programs. They never print the help to standard output.
/// </summary>
internal static class CommandLine
{
    // An argument that begins with @ is a value like any other. As the name of a response file, it would send the
    // file's content to a server.
    private static readonly ParserConfiguration s_parser = new() { ResponseFileTokenReplacer = null };

    public static ParseResult Parse(Command root, IReadOnlyList<string> arguments) => root.Parse(arguments, s_parser);

    public static ParseResult Parse(Command root, string line) => root.Parse(line, s_parser);

    /// <summary>Runs a command, and reports its failure.</summary>
    public static async Task<int> RunAsync(
        RootCommand root,
        IReadOnlyList<string> arguments,
        InvocationConfiguration console,
        bool isJson = false,
        CancellationToken cancellationToken = default
    )
    {
        // The program's name alone shows the help.
        var parse = Parse(root, arguments.Count > 0 ? arguments : ["--help"]);
        ErrorWriter errors = new(console.Error, isJson || WantsJson(parse, arguments));
        try
        {
            if (parse.Action is ParseErrorAction)
            {
                return WriteErrors(parse, root, errors);
            }

            using var trace = ClientTrace.Begin(parse);
            return await parse.InvokeAsync(console, cancellationToken);
        }
        catch (AgoraException e)
        {
            errors.Write(e);
            return e.IsTransient ? ExitStatus.NotServed : ExitStatus.Refused;
        }
        catch (OutputException e)
        {
            // A reader that ends early has what it wants: that is not a fault.
            if (!e.HasNoReader)
            {
                errors.Write(ErrorWriter.Local, e.Message);
            }

            return ExitStatus.Refused;
        }
        catch (OperationCanceledException)
        {
            if (errors.IsJson)
            {
                errors.Write(ErrorWriter.Interrupted, "Stopped.");
            }

            return ExitStatus.Stopped;
        }
        catch (Exception e) when (FailureMessage.Of(e) is { } why)
        {
            errors.Write(ErrorWriter.Local, why);
            return ExitStatus.Refused;
        }
        catch (Exception e)
        {
            // A bug of ours: everything that helps to find it, and last the line that a supervisor repeats.
            if (!errors.IsJson)
            {
                await console.Error.WriteLineAsync(e.ToString());
            }

            errors.Write(ErrorCodes.Internal, $"{e.GetType().Name}: {e.Message}");
            return ExitStatus.Fault;
        }
    }

    /// <summary>The option is given, even if the rest of the line is wrong.</summary>
    private static bool WantsJson(ParseResult parse, IReadOnlyList<string> arguments)
    {
        for (var command = parse.CommandResult; command is not null; command = command.Parent as CommandResult)
        {
            if (
                command.Command.Options.FirstOrDefault(o => o.Name == "--json") is Option<bool> json
                && parse.GetResult(json) is { Implicit: false } given
            )
            {
                return given.Errors.Any() || given.GetValueOrDefault<bool>();
            }
        }

        return arguments.TakeWhile(argument => argument != "--").Contains("--json");
    }

    private static int WriteErrors(ParseResult parse, RootCommand root, ErrorWriter errors)
    {
        string[] messages = [.. parse.Errors.Select(e => OnOneLine(e.Message)).Distinct()];
        if (errors.IsJson)
        {
            errors.Write(ErrorWriter.InvalidCommand, string.Join(" ", messages));
            return ExitStatus.Refused;
        }

        foreach (var message in messages)
        {
            errors.Line(message);
        }

        var command = parse.CommandResult.Command;
        foreach (var wrong in parse.UnmatchedTokens.Take(1))
        {
            string[] near =
            [
                .. command.Subcommands.Where(c => !c.Hidden && Distance(c.Name, wrong) <= 2).Select(c => c.Name),
            ];
            if (near.Length > 0)
            {
                errors.Line($"Did you mean {string.Join(" or ", near)}?");
            }
        }

        var path = Path(parse);
        // At the prompt, help is a command.
        errors.Line(root.HelpName is "" ? $"See: help {path}".TrimEnd() : $"See: {$"agora {path}".TrimEnd()} --help");
        return ExitStatus.Refused;
    }

    // The parser lists the values that an argument may have one a line, each behind a tab.
    private static string OnOneLine(string message) =>
        message.Split(Environment.NewLine + '\t') is [var what, .. { Length: > 0 } values]
            ? $"{what} {string.Join(", ", values)}"
            : message;

    private static string Path(ParseResult parse)
    {
        var names = "";
        for (var result = parse.CommandResult; result.Parent is CommandResult parent; result = parent)
        {
            names = $"{result.Command.Name} {names}";
        }

        return names.TrimEnd();
    }

    /// <summary>The edit distance: letters to insert, remove or replace.</summary>
    private static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[to.Length];
    }
}
