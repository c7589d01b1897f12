namespace RotatingSequencer.Simulation;

/// <content>
/// Two processes under one id, each with a copy of the member's disk. Both send. Which of them hears what comes to the
/// member's address is as networks have it: the one that took the address last, either at random, or both; and it
/// changes.
/// </content>
internal sealed partial class World
{
    /// <summary>By member, its second process.</summary>
    private readonly SimulatedMember?[] _seconds;

    private readonly Route[] _routes;

    private enum Route
    {
        First,
        Second,
        Either,
        Both,
    }

    /// <summary>A process of a member; one of both at random, if there are two.</summary>
    public SimulatedMember ProcessOf(int member) =>
        _seconds[member] is { } second && Random.Chance(0.5) ? second : Members[member];

    /// <summary>A datagram arrives at a member's address.</summary>
    public void Arrive(int member, byte[] datagram, SentDatagram? record)
    {
        var first = Members[member];
        if (_seconds[member] is not { } second)
        {
            first.Arrives(datagram, record);
            return;
        }

        var route = _routes[member];
        if (route == Route.Either)
        {
            route = Random.Chance(0.5) ? Route.First : Route.Second;
        }

        if (route != Route.Second)
        {
            first.Arrives(datagram, record);
        }

        if (route != Route.First)
        {
            second.Arrives(datagram);
        }
    }

    /// <summary>
    /// A process has learned that another one has its member's place. If that is still there, this one is not started
    /// again, or is, by somebody who does not know.
    /// </summary>
    public void IsReplaced(SimulatedMember process)
    {
        BrokenRule.Unless(
            Setup.SecondProcesses > 0,
            "a member is replaced only by another process of it",
            $"member {process.Id} is"
        );
        Statistics.ProcessesReplaced++;
        if (_seconds[process.Id] is null)
        {
            Observer.Loses(process.Id);
            process.StartLater();
        }
        else if (Random.Chance(0.5))
        {
            process.StartLater();
        }
        else
        {
            EndOneOf(process.Id, process);
        }
    }

    private void BeginSecondProcess()
    {
        var first = Members[Random.Next(Setup.Members)];
        if (!first.IsUp || !MayLie(first))
        {
            return;
        }

        Statistics.SecondProcesses++;
        var second = first.BeginSecond(earlier: Random.Chance(0.5));
        Trace?.Add($"m{first.Id} has a second process, {second.Process}, with a copy of the disk of {first.Process}");
        Observer.BeginsSecond(second.Process, first.Process);
        _seconds[first.Id] = second;
        _routes[first.Id] = Route.Second;
        second.Start();
        At(Now + (Random.Next(1, 5) * (Outage() + RoundTrips())), () => EndOneOf(first.Id, second, first));
    }

    /// <summary>As long as a start takes: the second process is to be heard, and the first to learn it.</summary>
    private long RoundTrips() => 10 * (Setup.Delay + Setup.Jitter + Math.Min(Setup.Sync, 1_000));

    private void ChangeRoutes()
    {
        for (var m = 0; m < Setup.Members; m++)
        {
            _routes[m] = (Route)Random.Next(4);
        }
    }

    /// <summary>One of these two processes dies for good, if they are still the two; the other may die as well, and
    /// comes back.</summary>
    private void EndOneOf(int member, SimulatedMember second, SimulatedMember first)
    {
        if (_seconds[member] == second && Members[member] == first)
        {
            EndOneOf(member, Random.Chance(0.5) ? second : first);
            if (!_calm && Random.Chance(0.6))
            {
                Members[member].Crash(Random.Chance(Setup.PowerLoss));
            }
        }
    }

    /// <summary>Of a member's two processes one dies for good; the other is the member from now on.</summary>
    private void EndOneOf(int member, SimulatedMember ends)
    {
        var stays = ends == Members[member] ? _seconds[member]! : Members[member];
        Trace?.Add($"m{member} goes on as process {stays.Process}; {ends.Process} is over");
        ends.EndForGood();
        Observer.EndsSecond(ends.Process, stays.Process);
        Members[member] = stays;
        _seconds[member] = null;
    }

    private void EndSecondProcesses()
    {
        for (var m = 0; m < Setup.Members; m++)
        {
            if (_seconds[m] is { } second)
            {
                EndOneOf(m, second, Members[m]);
            }
        }
    }
}
