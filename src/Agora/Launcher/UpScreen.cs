using System.Diagnostics;
using System.Globalization;
using Agora.Cluster;
using Spectre.Console;

namespace Agora.Launcher;

/// <summary>Shows the progress of <c>agora up</c>: a moving picture on a terminal, plain lines elsewhere.</summary>
internal sealed class UpScreen(IReadOnlyList<ClusterProcess> processes, DataDirectory data, bool background = false)
{
    // In the background nobody watches this screen: the command that waits for the start has its own.
    private readonly TimeSpan _interval = TimeSpan.FromMilliseconds(background ? 2000 : 400);

    private readonly bool _live = AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private readonly DateTime _since = TimeProvider.System.GetUtcNow().UtcDateTime;

    /// <summary>A last line, shown once everything is ready.</summary>
    public string? Note { get; init; }

    /// <summary>
    /// Also shows why processes have died. The supervisor's own screen does not need it: the supervisor reports it
    /// there.
    /// </summary>
    public bool ShowsTroubles { get; init; }

    /// <summary>Writes a line. On a terminal it goes above the moving picture.</summary>
    public void Say(string message)
    {
        try
        {
            if (_live)
            {
                AnsiConsole.MarkupLineInterpolated($"[grey]agora:[/] {message}");
            }
            else
            {
                Console.WriteLine($"agora: {message}");
            }
        }
        catch (IOException)
        {
            // The log is on a full disk. The processes stay up all the same.
        }
    }

    /// <summary>Shows the progress until everything is up and served; false if it is cancelled before.</summary>
    public async Task<bool> ShowStartAsync(
        Func<CancellationToken, Task<ClusterStatus?>> ask,
        CancellationToken cancellationToken
    )
    {
        Say($"starting {processes.Count} processes, data in {data.Root}");
        try
        {
            if (!_live)
            {
                await ShowLinesAsync(ask, cancellationToken);
            }
            else
            {
                await AnsiConsole
                    .Live(Picture(null))
                    .AutoClear(true)
                    .StartAsync(async live =>
                        await WatchAsync(ask, status => live.UpdateTarget(Picture(status)), cancellationToken)
                    );
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }

        ShowAddresses();
        return true;
    }

    private Task ShowLinesAsync(Func<CancellationToken, Task<ClusterStatus?>> ask, CancellationToken cancellationToken)
    {
        HashSet<string> shown = [];
        return WatchAsync(
            ask,
            status =>
            {
                // Each trouble once, so that the user sees why the start takes long.
                foreach (var trouble in Troubles(status).Where(shown.Add))
                {
                    Say(trouble);
                }

                foreach (var component in status.Processes.GroupBy(p => p.Component))
                {
                    if (component.All(p => p.State == ProcessState.Running) && shown.Add(component.Key))
                    {
                        Say(
                            string.Create(
                                CultureInfo.InvariantCulture,
                                $"{component.Key}: {component.Count()} of {component.Count()} up "
                                    + $"after {Elapsed():0.0} s"
                            )
                        );
                    }
                }
            },
            cancellationToken
        );
    }

    private async Task WatchAsync(
        Func<CancellationToken, Task<ClusterStatus?>> ask,
        Action<ClusterStatus> show,
        CancellationToken cancellationToken
    )
    {
        while (true)
        {
            if (await AskAsync(ask, cancellationToken) is { } status)
            {
                show(status);

                // Processes of other hosts are started there. They matter here only through what is served.
                if (
                    status.Ready
                    && status.Processes.All(p => p.State is ProcessState.Running or ProcessState.Unreachable)
                )
                {
                    return;
                }
            }

            await Task.Delay(_interval, cancellationToken);
        }
    }

    // While the machine is busy with the start an answer may exceed its bound; then the next one may not.
    private static async Task<ClusterStatus?> AskAsync(
        Func<CancellationToken, Task<ClusterStatus?>> ask,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await ask(cancellationToken);
        }
        catch (Exception e)
            when (e is SupervisorSilentException
                || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            )
        {
            return null;
        }
    }

    private Grid Picture(ClusterStatus? status)
    {
        var grid = new Grid().AddColumn().AddColumn().AddColumn();
        foreach (var component in processes.GroupBy(p => p.Component))
        {
            string[] states =
            [
                .. component.Select(c =>
                    status?.Processes.FirstOrDefault(p => p.Name == c.Name)?.State ?? ProcessState.Stopped
                ),
            ];
            var up = states.Count(s => s == ProcessState.Running);
            grid.AddRow(
                new Text(component.Key),
                new Markup(
                    string.Concat(
                        states.Select(s =>
                            s switch
                            {
                                ProcessState.Running => "[green]●[/]",
                                ProcessState.Restarting => "[red]●[/]",
                                ProcessState.Starting => "[yellow]●[/]",
                                _ => "[grey]○[/]",
                            }
                        )
                    )
                ),
                new Text(string.Create(CultureInfo.InvariantCulture, $"{up} of {states.Length} up"))
            );
        }

        foreach (var trouble in status is null ? [] : Troubles(status))
        {
            grid.AddRow(new Text(""), new Text(""), new Text(trouble));
        }

        var allUp = status?.Processes.All(p => p.State == ProcessState.Running) == true;
        grid.AddRow(
            new Text(string.Create(CultureInfo.InvariantCulture, $"{Elapsed():0.0} s")),
            new Text(""),
            new Text(
                !allUp ? ""
                : status!.Missing is [var first, ..] ? $"waits: {first}"
                : "waits until every function is served"
            )
        );
        return grid;
    }

    private IEnumerable<string> Troubles(ClusterStatus status) =>
        ShowsTroubles
            ? status
                .Processes.Where(p =>
                    p.State != ProcessState.Running && p.LastExit is { IsInOrder: false } exit && exit.At >= _since
                )
                .Select(p => $"{p.Name} {p.LastExit}")
            : [];

    private void ShowAddresses()
    {
        Say(string.Create(CultureInfo.InvariantCulture, $"ready after {Elapsed():0.0} s"));
        foreach (var component in processes.GroupBy(p => p.Component))
        {
            foreach (var protocol in component.SelectMany(p => p.Endpoints).GroupBy(e => e.Name))
            {
                var scheme = protocol.Key is "http" or "https" ? $"{protocol.Key}://" : $"{protocol.Key} ";
                Console.WriteLine(
                    $"  {component.Key, -14} {string.Join("  ", protocol.Select(e => scheme + e.Address))}"
                );
            }
        }

        Console.WriteLine("Trade with 'agora seller' and 'agora buyer'; look with 'agora status'.");
        if (Note is not null)
        {
            Console.WriteLine(Note);
        }
    }

    private double Elapsed() => Stopwatch.GetElapsedTime(_startedAt).TotalSeconds;
}
