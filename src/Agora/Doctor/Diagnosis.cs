using System.Globalization;
using Agora.Cluster;

namespace Agora.Doctor;

/// <summary>
/// Turns what a marketplace says of itself, twice within seconds, into findings. A pure function: it asks nobody.
/// </summary>
/// <remarks>
/// Counts of processes begin at their start, so what happens now shows only as the difference of two looks. What needs
/// a difference is left out for a process that was not there both times.
/// </remarks>
internal sealed class Diagnosis
{
    private readonly ClusterStatus _before;
    private readonly ClusterStatus _after;
    private readonly DateTime _now;
    private readonly List<Finding> _found = [];

    private Diagnosis(ClusterStatus before, ClusterStatus after, DateTimeOffset now) =>
        (_before, _after, _now) = (before, after, now.UtcDateTime);

    /// <summary>What is wrong, the worst first.</summary>
    /// <param name="before">The first look.</param>
    /// <param name="after">The second look.</param>
    /// <param name="now">The time of the second look.</param>
    public static IReadOnlyList<Finding> Of(ClusterStatus before, ClusterStatus after, DateTimeOffset now)
    {
        Diagnosis diagnosis = new(before, after, now);
        if (after.Processes.All(p => p.State is ProcessState.Stopped or ProcessState.Unreachable))
        {
            return
            [
                new(
                    Finding.Critical,
                    "the marketplace",
                    "does not run: no process answers",
                    "'agora up' starts it; name its files with --data or --cluster if it is up elsewhere"
                ),
            ];
        }

        diagnosis.Processes();
        diagnosis.Groups();
        GroundRules.Look(after, diagnosis._now, diagnosis._found);
        NetworkRules.Look(before, after, diagnosis._found);
        diagnosis.Builds();
        diagnosis.Rest();
        return [.. diagnosis._found.OrderBy(f => f.Severity == Finding.Critical ? 0 : 1)];
    }

    private void Processes()
    {
        foreach (var process in _after.Processes)
        {
            var name = process.Name;
            var died = process.LastExit is { IsInOrder: false } exit ? exit : null;
            switch (process.State)
            {
                case ProcessState.Running when IsDyingAgainAndAgain(process):
                    Warn(
                        name,
                        Text($"has died {process.Restarts} times, {Ago(died!.At)} last: it {died}"),
                        $"Correct what it says; its log is {LogOf(name)} in the data directory"
                    );
                    break;
                case ProcessState.Running or ProcessState.Stopping:
                    break;
                case ProcessState.Stopped or ProcessState.Killed:
                    Warn(
                        name,
                        process.State == ProcessState.Stopped ? "is stopped" : "was killed and left dead",
                        $"'agora start {name}' starts it"
                    );
                    break;
                case ProcessState.Restarting:
                    Fail(
                        name,
                        Text($"does not stay up ({process.Restarts} restarts){(died is null ? "" : $": it {died}")}"),
                        $"Correct what it says; its log is {LogOf(name)} in the data directory"
                    );
                    break;
                case ProcessState.Starting:
                    if (process.StartedAt is { } started && _now - started > Thresholds.LongStart)
                    {
                        Warn(
                            name,
                            $"was started {Ago(started)} and has not answered yet",
                            $"Look into {LogOf(name)} in the data directory"
                        );
                    }

                    break;
                case ProcessState.Unresponsive:
                    Warn(
                        name,
                        "exists, but does not answer",
                        $"If it is not frozen on purpose, 'agora kill {name} --restart' starts it anew"
                    );
                    break;
                default:
                    Warn(
                        name,
                        $"does not answer at {string.Join(", ", process.Addresses.Values)}",
                        "See on its host whether it runs, and whether a firewall is in between"
                    );
                    break;
            }
        }
    }

    private bool IsDyingAgainAndAgain(ProcessStatus process) =>
        process.Restarts >= Thresholds.ManyDeaths
        && process.LastExit is { IsInOrder: false } exit
        && _now - exit.At < Thresholds.RecentDeath;

    private void Groups()
    {
        foreach (var group in _after.Processes.Where(p => IsDatabase(p.Component)).GroupBy(p => p.Component))
        {
            ProcessStatus[] replicas = [.. group];
            ProcessStatus[] present = [.. replicas.Where(p => p.Database is { Joining: null })];
            var majority = (replicas.Length / 2) + 1;
            var away = string.Join(", ", replicas.Except(present).Select(p => p.Name));
            var isRaft = replicas.Any(p => p.Database?.Engine == DatabaseStatus.Raft);
            if (present.Length < majority)
            {
                Fail(
                    group.Key,
                    Text($"has no majority: {present.Length} of {replicas.Length} replicas take part, without {away}"),
                    Text($"It serves nothing until {majority} take part. Bring those back, with their disks if you can")
                );
            }
            else if (!isRaft && present.Length < replicas.Length)
            {
                Fail(
                    group.Key,
                    $"orders nothing while {away} {(replicas.Length - present.Length == 1 ? "is" : "are")} away: "
                        + "writes and logins wait",
                    "Bring it back; if its host is lost, 'agora replace' makes a new replica in its place"
                );
            }
            else if (isRaft && present.All(p => p.Database!.Leader is null) && HadNoLeader(group.Key))
            {
                Fail(
                    group.Key,
                    "has no leader, though a majority of replicas is there",
                    "They do not reach each other: see the network between their hosts, and their clocks"
                );
            }

            foreach (var replica in replicas.Where(p => p.Database is not null))
            {
                Replica(replica);
            }
        }
    }

    private bool HadNoLeader(string component) =>
        _before.Processes.Where(p => p.Component == component).All(p => p.Database?.Leader is null);

    private void Replica(ProcessStatus replica)
    {
        var database = replica.Database!;
        if (database.Joining is { } joining)
        {
            Warn(
                replica.Name,
                joining.ToString(),
                "Wait while the bytes grow; if they do not, its log says what it waits for"
            );
        }
        else if (Earlier(replica) is { Applied: { } then, Lag: > 0 } earlier && replica.Lag > 0)
        {
            if (replica.Applied == then)
            {
                Warn(
                    replica.Name,
                    Text($"has stopped applying, {replica.Lag} positions behind the others"),
                    $"Look into {LogOf(replica.Name)} in the data directory; a restart goes on from its disk"
                );
            }
            else if (replica.Lag >= Thresholds.FarBehind && replica.Lag >= earlier.Lag)
            {
                Warn(
                    replica.Name,
                    Text($"is {replica.Lag} positions behind the others, and does not catch up"),
                    "See whether its disk or processor is busy with something else"
                );
            }
        }

        foreach (var problem in database.Problems)
        {
            Warn(
                replica.Name,
                "says: " + problem,
                GroundRules.IsAboutClock(problem) ? GroundRules.ClockAdvice : "Do what it says"
            );
        }
    }

    private void Builds()
    {
        if (_after.MixedBuilds is { } builds)
        {
            Warn(
                "the marketplace",
                $"runs several builds of the program: {builds}",
                "End the upgrade, or go back: docs/operations.md says in which order"
            );
        }
    }

    // What is not served, unless something found above explains it.
    private void Rest()
    {
        if (!_after.Ready && !_before.Ready && _found.TrueForAll(f => f.Severity != Finding.Critical))
        {
            var missing = _after.Missing.Count > 0 ? string.Join("; ", _after.Missing) : "not every function is served";
            Fail(
                "the marketplace",
                $"does not serve everything: {missing}",
                "'agora status --watch' shows what changes"
            );
        }
    }

    private ProcessStatus? Earlier(ProcessStatus process) =>
        _before.Processes.FirstOrDefault(p => p.Name == process.Name);

    private void Warn(string subject, string problem, string advice) =>
        _found.Add(new(Finding.Warning, subject, problem, advice));

    private void Fail(string subject, string problem, string advice) =>
        _found.Add(new(Finding.Critical, subject, problem, advice));

    private string Ago(DateTime at) =>
        (_now - at) is { TotalMinutes: < 2 } seconds
            ? Text($"{seconds.TotalSeconds:0} s ago")
            : Text($"{(_now - at).TotalMinutes:0} min ago");

    private static string LogOf(string process) => $"logs/{process.Replace('/', '-')}.log";

    internal static bool IsDatabase(string component) => component is Components.Customers or Components.Products;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
