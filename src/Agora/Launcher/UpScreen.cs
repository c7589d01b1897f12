using System.Diagnostics;
using System.Globalization;
using Agora.Contracts.Cluster;
using Spectre.Console;

namespace Agora.Launcher;

/// <summary>What <c>agora up</c> shows: a picture that moves on a terminal, plain lines elsewhere.</summary>
internal sealed class UpScreen(IReadOnlyList<ClusterProcess> processes, DataDirectory data, bool background = false)
{
    // In the background somebody else looks: the command that waits for it.
    private readonly TimeSpan _interval = TimeSpan.FromMilliseconds(background ? 2000 : 400);

    private readonly bool _live = AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private readonly DateTime _since = TimeProvider.System.GetUtcNow().UtcDateTime;

    /// <summary>What is to be said besides, once everything is ready.</summary>
    public string? Note { get; init; }

    /// <summary>Also why processes died since; where the supervisor itself does not say it here.</summary>
    public bool ShowsTroubles { get; init; }

    /// <summary>Says something that happened. On a terminal it goes above the moving picture.</summary>
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
            // A log on a full disk: what is up stays up all the same.
        }
    }

    /// <summary>Shows how the start goes on until everything is up and served; false when cancelled before.</summary>
    public async Task<bool> ShowStartAsync(Func<CancellationToken, Task<ClusterStatus?>> ask, CancellationToken cancellationToken)
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
                await AnsiConsole.Live(Picture(null)).AutoClear(true).StartAsync(async live =>
                    await WatchAsync(ask, status => live.UpdateTarget(Picture(status)), cancellationToken));
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
        HashSet<string> told = [];
        return WatchAsync(ask, status =>
        {
            // Once each: whoever waits for a start sees why it does not come.
            foreach (string trouble in Troubles(status).Where(told.Add))
            {
                Say(trouble);
            }
            foreach (IGrouping<string, ProcessStatus> component in status.Processes.GroupBy(p => p.Component))
            {
                if (component.All(p => p.State == ProcessState.Running) && told.Add(component.Key))
                {
                    Say(string.Create(CultureInfo.InvariantCulture, $"{component.Key}: {component.Count()} of {component.Count()} up after {Elapsed():0.0} s"));
                }
            }
        }, cancellationToken);
    }

    private async Task WatchAsync(Func<CancellationToken, Task<ClusterStatus?>> ask, Action<ClusterStatus> show, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await AskAsync(ask, cancellationToken) is { } status)
            {
                show(status);

                // What belongs on other hosts is started there; it counts only through what is served.
                if (status.Ready && status.Processes.All(p => p.State is ProcessState.Running or ProcessState.Unreachable))
                {
                    return;
                }
            }
            await Task.Delay(_interval, cancellationToken);
        }
    }

    // On a machine that is busy starting all of them an answer may take longer than its bound: the next one may not.
    private static async Task<ClusterStatus?> AskAsync(Func<CancellationToken, Task<ClusterStatus?>> ask, CancellationToken cancellationToken)
    {
        try
        {
            return await ask(cancellationToken);
        }
        catch (Exception e) when (e is SupervisorSilentException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }

    private Grid Picture(ClusterStatus? status)
    {
        Grid grid = new Grid().AddColumn().AddColumn().AddColumn();
        foreach (IGrouping<string, ClusterProcess> component in processes.GroupBy(p => p.Component))
        {
            string[] states = [.. component.Select(c => status?.Processes.FirstOrDefault(p => p.Name == c.Name)?.State ?? ProcessState.Stopped)];
            int up = states.Count(s => s == ProcessState.Running);
            grid.AddRow(
                new Text(component.Key),
                new Markup(string.Concat(states.Select(s => s switch
                {
                    ProcessState.Running => "[green]●[/]",
                    ProcessState.Restarting => "[red]●[/]",
                    ProcessState.Starting => "[yellow]●[/]",
                    _ => "[grey]○[/]",
                }))),
                new Text(string.Create(CultureInfo.InvariantCulture, $"{up} of {states.Length} up")));
        }
        foreach (string trouble in status is null ? [] : Troubles(status))
        {
            grid.AddRow(new Text(""), new Text(""), new Text(trouble));
        }
        bool allUp = status?.Processes.All(p => p.State == ProcessState.Running) == true;
        grid.AddRow(new Text(string.Create(CultureInfo.InvariantCulture, $"{Elapsed():0.0} s")), new Text(""), new Text(!allUp ? "" : status!.Missing is [var first, ..] ? $"waits: {first}" : "until every function is served"));
        return grid;
    }

    private IEnumerable<string> Troubles(ClusterStatus status) => ShowsTroubles
        ? status.Processes.Where(p => p.State != ProcessState.Running && p.LastExit is { IsInOrder: false } exit && exit.At >= _since)
            .Select(p => $"{p.Name} {p.LastExit}")
        : [];

    private void ShowAddresses()
    {
        Say(string.Create(CultureInfo.InvariantCulture, $"ready after {Elapsed():0.0} s"));
        foreach (IGrouping<string, ClusterProcess> component in processes.GroupBy(p => p.Component))
        {
            foreach (IGrouping<string, ClusterEndpoint> protocol in component.SelectMany(p => p.Endpoints).GroupBy(e => e.Name))
            {
                string scheme = protocol.Key is "http" or "https" ? $"{protocol.Key}://" : $"{protocol.Key} ";
                Console.WriteLine($"  {component.Key,-14} {string.Join("  ", protocol.Select(e => scheme + e.Address))}");
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
