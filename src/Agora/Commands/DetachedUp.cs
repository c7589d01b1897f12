using System.Diagnostics;
using System.Globalization;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// <c>agora up --detach</c>: starts <c>agora up</c> in the background and waits until it is ready, or has failed.
/// </summary>
internal static class DetachedUp
{
    /// <summary>A start that takes longer has a cause that more waiting does not fix.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(
        DataDirectory data,
        UpScreen screen,
        IEnumerable<string> upArguments,
        CancellationToken cancellationToken
    )
    {
        data.RefuseForeign();
        if (data.Holder() is { } holder)
        {
            throw data.AlreadyUp(holder);
        }

        data.PrepareLogs();
        var logStart = LogFiles.Length(data.SupervisorLog);
        using var supervisor = Start(data, upArguments);
        using ControlClient control = new(data);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ending.CancelAfter(s_timeout);
        var ready = screen.ShowStartAsync(control.StatusAsync, ending.Token);
        var exit = supervisor.WaitForExitAsync(ending.Token);
        if (await Task.WhenAny(ready, exit) == exit && supervisor.HasExited)
        {
            await ending.CancelAsync();
            await ready;
            throw new CommandFailedException(
                LogFiles.LastError(data.SupervisorLog, logStart)
                    ?? string.Create(
                        CultureInfo.InvariantCulture,
                        $"the supervisor ended with exit code {supervisor.ExitCode}; see {data.SupervisorLog}"
                    )
            );
        }

        if (await ready)
        {
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"It runs in the background (process {supervisor.Id}); 'agora down' ends it."
                )
            );
            return 0;
        }

        var why = cancellationToken.IsCancellationRequested
            ? "it is still starting"
            : string.Create(CultureInfo.InvariantCulture, $"not ready after {s_timeout.TotalSeconds} s");
        throw new CommandFailedException(
            $"{why}, and continues in the background; 'agora status' shows what is missing, {data.Logs} says why, "
                + "'agora down' ends it"
        );
    }

    private static Process Start(DataDirectory data, IEnumerable<string> upArguments)
    {
        ProcessStartInfo start = new(HostLimits.Shell) { UseShellExecute = false };
        foreach (
            var word in (string[])
                [
                    "-c",
                    "umask 077; exec \"$0\" \"$@\" >>\"$AGORA_LOG\" 2>&1 </dev/null",
                    .. ChildCommand.Self(),
                    "up",
                    "--background",
                    .. upArguments,
                ]
        )
        {
            start.ArgumentList.Add(word);
        }

        start.Environment["AGORA_LOG"] = data.SupervisorLog;
        return Process.Start(start)!;
    }
}
