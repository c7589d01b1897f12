using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;

namespace Agora.Commands;

/// <summary>Examples below a command's <c>--help</c>.</summary>
internal static class Examples
{
    private static readonly ConditionalWeakTable<Command, string[]> s_examples = [];

    /// <summary>Adds lines that are shown under "Examples:".</summary>
    public static T WithExamples<T>(this T command, params string[] lines)
        where T : Command
    {
        s_examples.AddOrUpdate(command, lines);
        return command;
    }

    /// <summary>Makes the help of a root command and all below it show its examples.</summary>
    public static void ShowInHelp(RootCommand root)
    {
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((SynchronousCommandLineAction)help.Action!);
    }

    private sealed class HelpWithExamples(SynchronousCommandLineAction help) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = help.Invoke(parseResult);
            if (s_examples.TryGetValue(parseResult.CommandResult.Command, out string[]? lines))
            {
                TextWriter output = parseResult.InvocationConfiguration.Output;
                output.WriteLine("Examples:");
                foreach (string line in lines)
                {
                    output.WriteLine($"  {line}");
                }
                output.WriteLine();
            }
            return code;
        }
    }
}
