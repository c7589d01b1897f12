using System.CommandLine;
using System.Diagnostics;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary><c>agora down</c>.</summary>
internal static class DownCommand
{
    // Three tiers, each bounded, and some time more for a busy machine.
    private static readonly TimeSpan s_bound = (3 * SupervisedProcess.DefaultStopBound) + TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        var data = SharedOptions.Data();
        Command command = new("down", "Stop the marketplace in order, and wait until it has stopped") { data };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                DataDirectory directory = new(parse.GetValue(data)!);
                using ControlClient control = new(directory);
                if (await control.DownAsync(cancellationToken) is null && directory.Holder() is null)
                {
                    Console.WriteLine($"agora: nothing is up on {directory.Root}");
                    return 0;
                }

                var askedAt = Stopwatch.GetTimestamp();
                while (directory.Holder() is { } pid)
                {
                    if (Stopwatch.GetElapsedTime(askedAt) > s_bound)
                    {
                        throw new CommandFailedException(
                            $"the supervisor (process {pid}) has not ended; see {directory.SupervisorLog}"
                        );
                    }

                    await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
                }

                Console.WriteLine("agora: stopped");
                return 0;
            }
        );
        return command.WithExamples("agora down", "agora down --data /tmp/shop");
    }
}
