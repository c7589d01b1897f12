using System.CommandLine;
using Agora.Cluster;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// <c>agora stop</c>, <c>agora kill</c> and <c>agora start</c>: one process of a marketplace that is up.
/// </summary>
internal static class ProcessCommands
{
    private static readonly string[] s_roles = ["products/leader", "products/follower", "customers/sequencer"];

    public static Command CreateStop() =>
        Create("stop", "Stop a process in order, and keep it down", restart: null)
            .WithExamples("agora stop products/3");

    public static Command CreateKill() =>
        Create(
                "kill",
                "Kill a process (kill -9), and keep it down",
                new Option<bool>("--restart") { Description = "Let the supervisor restart it, as after a crash" }
            )
            .WithExamples("agora kill products/leader", "agora kill buyer-server/0 --restart");

    public static Command CreateStart() =>
        Create("start", "Start a process that was stopped or killed", restart: null)
            .WithExamples("agora start products/3");

    private static Command Create(string name, string description, Option<bool>? restart)
    {
        Argument<string> process = new("PROCESS")
        {
            // Without it, help would show every process that completion knows.
            HelpName = "PROCESS",
            Description =
                "COMPONENT/REPLICA as status shows it, e.g. buyer-server/0; "
                + "or by role: products/leader, products/follower, customers/sequencer",
        };
        var data = SharedOptions.Data();
        process.CompletionSources.Add(context => Names(context.ParseResult.GetValue(data)));
        Command command = new(name, description) { process, data };
        if (restart is not null)
        {
            command.Add(restart);
        }

        command.SetAction(
            async (parse, cancellationToken) =>
            {
                DataDirectory directory = new(parse.GetValue(data)!);
                var target = parse.GetValue(process)!;
                if (target.Split('/') is not [{ Length: > 0 }, { Length: > 0 }])
                {
                    throw new CommandFailedException(
                        $"'{target}' names no process; write COMPONENT/REPLICA, e.g. products/3 or products/leader"
                    );
                }

                using ControlClient control = new(directory);
                var answer =
                    await control.CommandAsync(
                        name,
                        target,
                        restart is not null && parse.GetValue(restart),
                        cancellationToken
                    ) ?? throw new CommandFailedException($"nothing is up on {directory.Root}; 'agora up' starts it");
                if (!answer.Done)
                {
                    throw new CommandFailedException(answer.Message);
                }

                Console.WriteLine($"agora: {answer.Message}");
                return 0;
            }
        );
        return command;
    }

    /// <summary>
    /// The names that the command accepts: the processes of the cluster file that was last started from the directory,
    /// and the roles.
    /// </summary>
    internal static string[] Names(string? data)
    {
        try
        {
            var last = new DataDirectory(data ?? DataDirectory.DefaultName).ClusterFile;
            var cluster = File.Exists(last) ? ClusterFile.Load(last) : ClusterFile.Resolve(null);
            return [.. cluster.Processes().Where(ComponentHost.CanRun).Select(p => p.Name), .. s_roles];
        }
        catch (Exception e) when (e is ClusterFileException or IOException or UnauthorizedAccessException)
        {
            // The user is still typing. The command itself will report that the file is wrong.
            return s_roles;
        }
    }
}
