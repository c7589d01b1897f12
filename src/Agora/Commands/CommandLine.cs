using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Agora.Client;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// How a command line is read and run, at the shell and at the prompt alike: what goes wrong is told on standard error,
/// in one form for people and one for programs, and never with the help on standard output.
/// </summary>
internal static class CommandLine
{
    // What begins with @ is a value like any other; a file's content would go where nobody sent it.
    private static readonly ParserConfiguration s_reading = new() { ResponseFileTokenReplacer = null };

    public static ParseResult Parse(Command root, IReadOnlyList<string> arguments) => root.Parse(arguments, s_reading);

    public static ParseResult Parse(Command root, string line) => root.Parse(line, s_reading);

    /// <summary>Runs a command, and tells why where it could not.</summary>
    public static async Task<int> RunAsync(
        RootCommand root, IReadOnlyList<string> arguments, InvocationConfiguration console, bool isJson = false,
        CancellationToken cancellationToken = default)
    {
        // Alone, the program's name asks what there is.
        var parse = Parse(root, arguments.Count > 0 ? arguments : ["--help"]);
        Complaint complaint = new(console.Error, isJson || WantsJson(parse, arguments));
        try
        {
            if (parse.Action is ParseErrorAction)
            {
                return TellErrors(parse, root, complaint);
            }
            return await parse.InvokeAsync(console, cancellationToken);
        }
        catch (AgoraException e)
        {
            complaint.Tell(e);
            return e.IsTransient ? ExitStatus.NotServed : ExitStatus.Refused;
        }
        catch (OutputException e)
        {
            complaint.Tell(Complaint.Local, e.Message);
            return ExitStatus.Refused;
        }
        catch (OperationCanceledException)
        {
            if (complaint.IsJson)
            {
                complaint.Tell(Complaint.Interrupted, "Stopped.");
            }
            return ExitStatus.Stopped;
        }
        catch (Exception e) when (Explanation.Of(e) is { } why)
        {
            complaint.Tell(Complaint.Local, why);
            return ExitStatus.Refused;
        }
        catch (Exception e)
        {
            // A fault of ours: everything that helps to find it, and last the line that a supervisor repeats.
            if (!complaint.IsJson)
            {
                await console.Error.WriteLineAsync(e.ToString());
            }
            complaint.Tell(ErrorCodes.Internal, $"{e.GetType().Name}: {e.Message}");
            return ExitStatus.Fault;
        }
    }

    /// <summary>The option was given, or would have been had the rest been right.</summary>
    private static bool WantsJson(ParseResult parse, IReadOnlyList<string> arguments)
    {
        for (var command = parse.CommandResult; command is not null; command = command.Parent as CommandResult)
        {
            if (command.Command.Options.FirstOrDefault(o => o.Name == "--json") is Option<bool> json
                && parse.GetResult(json) is { Implicit: false } given)
            {
                return given.Errors.Any() || given.GetValueOrDefault<bool>();
            }
        }
        return arguments.TakeWhile(argument => argument != "--").Contains("--json");
    }

    private static int TellErrors(ParseResult parse, RootCommand root, Complaint complaint)
    {
        string[] messages = [.. parse.Errors.Select(e => e.Message).Distinct()];
        if (complaint.IsJson)
        {
            complaint.Tell(Complaint.InvalidCommand, string.Join(" ", messages));
            return ExitStatus.Refused;
        }
        foreach (var message in messages)
        {
            complaint.Line(message);
        }
        var command = parse.CommandResult.Command;
        foreach (var wrong in parse.UnmatchedTokens.Take(1))
        {
            string[] near =
                [.. command.Subcommands.Where(c => !c.Hidden && Distance(c.Name, wrong) <= 2).Select(c => c.Name)];
            if (near.Length > 0)
            {
                complaint.Line($"Did you mean {string.Join(" or ", near)}?");
            }
        }
        var path = Path(parse);
        // At the prompt, help is a command.
        complaint.Line(
            root.HelpName is "" ? $"See: help {path}".TrimEnd() : $"See: {$"agora {path}".TrimEnd()} --help");
        return ExitStatus.Refused;
    }

    private static string Path(ParseResult parse)
    {
        var names = "";
        for (var result = parse.CommandResult; result.Parent is CommandResult parent; result = parent)
        {
            names = $"{result.Command.Name} {names}";
        }
        return names.TrimEnd();
    }

    /// <summary>Letters to insert, to take away or to replace.</summary>
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
