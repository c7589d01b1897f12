using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;

namespace Agora.Commands;

/// <summary>Adds examples, and the meaning of exit statuses, to a command's <c>--help</c>.</summary>
internal static class Examples
{
    private static readonly ConditionalWeakTable<Command, string[]> s_examples = [];
    private static readonly ConditionalWeakTable<Command, string[]> s_exitStatus = [];

    /// <summary>Adds lines that are shown under "Examples:".</summary>
    public static T WithExamples<T>(this T command, params string[] lines)
        where T : Command
    {
        s_examples.AddOrUpdate(command, lines);
        return command;
    }

    /// <summary>Lists the command's exit statuses under "Exit status:".</summary>
    public static T WithExitStatus<T>(this T command)
        where T : Command
    {
        s_exitStatus.AddOrUpdate(command, ExitStatus.Explained);
        return command;
    }

    /// <summary>Makes the help of a root command and its subcommands show the examples.</summary>
    public static void ShowInHelp(RootCommand root)
    {
        var standard = root.Options.OfType<HelpOption>().Single();
        root.Options.Remove(standard);
        HelpOption help = new("--help", "-h") { Description = standard.Description };
        help.Action = new HelpWithExamples((SynchronousCommandLineAction)help.Action!);
        root.Options.Add(help);
    }

    private sealed class HelpWithExamples(SynchronousCommandLineAction help) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var code = help.Invoke(parseResult);
            var output = parseResult.InvocationConfiguration.Output;
            Show(output, "Examples:", s_examples, parseResult.CommandResult.Command);
            Show(output, "Exit status:", s_exitStatus, parseResult.CommandResult.Command);
            return code;
        }

        private static void Show(
            TextWriter output,
            string title,
            ConditionalWeakTable<Command, string[]> all,
            Command command
        )
        {
            if (!all.TryGetValue(command, out var lines))
            {
                return;
            }

            output.WriteLine(title);
            foreach (var line in lines)
            {
                output.WriteLine($"  {line}");
            }

            output.WriteLine();
        }
    }
}
