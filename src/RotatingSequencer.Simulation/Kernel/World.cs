using System.Buffers.Binary;

namespace RotatingSequencer.Simulation;

/// <summary>
/// One run from one seed: a storm of submissions and faults; then all faults end, and the group must settle and fall
/// silent.
/// </summary>
internal sealed partial class World
{
    /// <summary>
    /// Simulated time in which a group without faults must settle, besides one hop for each number that it still has to
    /// assign.
    /// </summary>
    private const long SettlesWithin = 5_000_000;

    private const long Silence = 10_000_000;
    private const long MaxEvents = 20_000_000;

    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private long _order;
    private long _payloads;
    private bool _calm;

    public World(int seed, Trace? trace, Defect defect = Defect.None)
        : this(new Random(seed), null, trace, defect) { }

    /// <summary>A run in which disks lie often.</summary>
    public static World OfLyingDisks(int seed, Trace? trace)
    {
        Random random = new(seed);
        return new World(random, Setup.DrawLying(random), trace, Defect.None);
    }

    private World(Random random, Setup? setup, Trace? trace, Defect defect)
    {
        Defect = defect;
        Random = random;
        Setup = setup ?? Setup.Draw(random);
        Trace = trace;
        if (trace is not null)
        {
            trace.Clock = () => Now;
        }

        Observer = new RuleObserver(Setup);
        Network = new Network(this);
        Members = [.. Enumerable.Range(0, Setup.Members).Select(id => new SimulatedMember(this, id))];
        _seconds = new SimulatedMember?[Setup.Members];
        _routes = new Route[Setup.Members];
    }

    /// <summary>The epoch of a group that has formed before the run begins.</summary>
    public static Wire.Epoch FormedEpoch(int members)
    {
        Wire.Epoch epoch = new(members) { Number = Wire.Epoch.NumberAbove(0, 0) };
        for (var m = 0; m < members; m++)
        {
            epoch.Incarnations[m] = FormedIncarnation(m);
        }

        return epoch;
    }

    public static long FormedIncarnation(int member) => 1_001 + (2 * member);

    public static long FormedLife(int member) => 2_001 + (2 * member);

    public static IReadOnlyList<long> FormedLives(int members) => [.. Enumerable.Range(0, members).Select(FormedLife)];

    /// <summary>A group in which only what a script says happens.</summary>
    public static World Scripted(int members) => new(new Random(0), Setup.Scripted(members), null, Defect.None);

    public Setup Setup { get; }

    public Defect Defect { get; }

    public Random Random { get; }

    public Trace? Trace { get; }

    public RuleObserver Observer { get; }

    public Network Network { get; }

    public SimulatedMember[] Members { get; }

    public Statistics Statistics { get; } = new();

    /// <summary>Keeps what happens from now on, for pictures; and ends the run when it is full.</summary>
    public Recording? Recording { get; set; }

    /// <summary>What a script or a person does to each recorded datagram.</summary>
    public Func<SentDatagram, DatagramFate> FateOf { get; set; } = _ => DatagramFate.Usual;

    /// <summary>Microseconds since the beginning.</summary>
    public long Now { get; private set; }

    public void At(long time, Action action) => _events.Enqueue(action, (Math.Max(time, Now), _order++));

    public void Run()
    {
        PlanStorm();
        RunUntil(Setup.Storm);
        Calm();
        Settle(SettlesWithin);
        // Time for the last claims, and for old datagrams that are replayed.
        RunUntil(Now + 3_000_000 + (2 * Setup.Storm));
        CheckSilence();
        LoneRequest();
        LostTail();
        Flood();
        foreach (var member in Members)
        {
            member.CountCore();
        }

        Statistics.Runs = 1;
        Statistics.Epochs = Observer.History.Epoch?.Number / Wire.Epoch.Coordinators ?? 0;
        Statistics.SimulatedSeconds = Now / 1_000_000;
        Statistics.Numbers = Observer.History.Numbers;
        Statistics.Applications = (long)Observer.History.Ordered * Setup.Members;
    }

    /// <summary>A client hands a member a small request.</summary>
    public void Submit(int member) => Members[member].Submit(Payload(20));

    /// <summary>Lets happen what is due up to a time, or until the recording is full.</summary>
    public void RunUntil(long time)
    {
        while (_events.TryPeek(out _, out var next) && next.At <= time && Recording is not { IsFull: true })
        {
            _events.TryDequeue(out var action, out _);
            Now = next.At;
            Statistics.Events++;
            BrokenRule.Unless(Statistics.Events < MaxEvents, "a run ends", $"after {MaxEvents} events it had not");
            action!();
        }

        Now = time;
    }

    /// <summary>Starts the members, and lets submissions and faults happen at random, as the setup has
    /// them.</summary>
    public void PlanStorm()
    {
        foreach (var member in Members)
        {
            At(Random.Chance(0.8) ? Random.Next(1_000) : Random.NextInt64(Setup.Storm / 2), member.Start);
        }

        Repeat(
            Setup.Submissions,
            () =>
            {
                var member = Setup.Flooded >= 0 && Random.Chance(0.9) ? Setup.Flooded : Random.Next(Setup.Members);
                var count = Random.Chance(Setup.Bursts / 10) ? Random.Next(1, 50) : 1;
                for (; count > 0; count--)
                {
                    ProcessOf(member).Submit(Payload());
                }
            }
        );
        Repeat(Setup.Barriers, () => ProcessOf(Random.Next(Setup.Members)).ReadBarrier());
        Repeat(
            Setup.Pauses,
            () =>
            {
                Statistics.Pauses++;
                ProcessOf(Random.Next(Setup.Members)).Pause(Outage());
            }
        );
        Repeat(Setup.Crashes, () => ProcessOf(Random.Next(Setup.Members)).Crash(Random.Chance(Setup.PowerLoss)));
        Repeat(Setup.DiskFaults, () => Members[Random.Next(Setup.Members)].KeepCopy());
        Repeat(Setup.DiskFaults, LoseDisk);
        Repeat(Setup.SecondProcesses, () => Members[Random.Next(Setup.Members)].KeepCopy());
        Repeat(Setup.SecondProcesses, BeginSecondProcess);
        Repeat(4 * Setup.SecondProcesses, ChangeRoutes);
        Repeat(
            Setup.Cuts,
            () =>
            {
                var duration = Outage();
                if (Random.Chance(0.7))
                {
                    CutLink(Random.Next(Setup.Members), Random.Next(Setup.Members), duration);
                }
                else
                {
                    CutHalves(duration);
                }
            }
        );
    }

    /// <summary>
    /// No more disks at once than the group can do without; and none while the group forms, since then all are needed.
    /// </summary>
    private void LoseDisk()
    {
        var member = Members[Random.Next(Setup.Members)];
        if (MayLie(member))
        {
            member.LoseDisk();
        }
    }

    /// <summary>
    /// Whether a member's disk may begin to lie: the group can do without it and those that lie already.
    /// </summary>
    private bool MayLie(SimulatedMember member)
    {
        var lying = Members.Count(m => m != member && Observer.MayLack(m.Id));
        return _seconds[member.Id] is null
            && Members.All(m => m.HasJoined || Observer.MayLack(m.Id))
            && !Observer.IsAnyBehindACopy
            && lying < Setup.Members / 2;
    }

    private void CutLink(int from, int to, long duration)
    {
        Statistics.Cuts++;
        Trace?.Add($"cut {from} → {to} for {duration} µs");
        Network.Cut(from, to, duration);
        if (Random.Chance(0.5))
        {
            Network.Cut(to, from, duration);
        }
    }

    private void CutHalves(long duration)
    {
        Statistics.Halves++;
        var half = Random.Next(1 << Setup.Members);
        Trace?.Add($"cut halves {half:b} for {duration} µs");
        for (var from = 0; from < Setup.Members; from++)
        {
            for (var to = 0; to < Setup.Members; to++)
            {
                if (((half >> from) & 1) != ((half >> to) & 1))
                {
                    Network.Cut(from, to, duration);
                }
            }
        }
    }

    private void Calm()
    {
        Trace?.Add($"the faults stop");
        _calm = true;
        EndSecondProcesses();
        Network.Calm();
        foreach (var member in Members)
        {
            member.Calm();
        }
    }

    private void Settle(long within)
    {
        var began = Now;
        var hop = Setup.Delay + Setup.Jitter + (2 * Math.Min(Setup.Sync, 1_000)) + 100;
        // A small window opens only when all hold what fills it and have claimed it, which may take a while.
        var rounds = Setup.Window < 10 ? (3 * hop) + 10_000 : 0;
        var deadline =
            began
            + within
            + (((3 * hop) + rounds) * (10 + Observer.History.WithoutNumber + Members.Sum(m => m.Waiting)));
        while (!Members.All(m => m.IsSettled))
        {
            if (Now >= deadline)
            {
                throw new BrokenRule(
                    "without faults the group settles",
                    "it has not:\n" + string.Join('\n', Members.Select((m, i) => $"  m{i} {m.State}"))
                );
            }

            RunUntil(Now + 10_000);
        }

        Observer.CheckAllDelivered();
        Statistics.MaxSettlingMilliseconds = Math.Max(Statistics.MaxSettlingMilliseconds, (Now - began) / 1_000);
    }

    /// <summary>A settled group sends heartbeats, asks nothing, and rarely wakes up.</summary>
    private void CheckSilence()
    {
        Trace?.Add($"silence");
        var asked = Members.Sum(m => m.Counters!.Asked);
        var datagrams = Statistics.Datagrams;
        var steps = Members.Sum(m => m.Steps);
        if (Defect == Defect.NeverSilent)
        {
            At(Now + 1_000, Members[0].ReadBarrier);
        }

        RunUntil(Now + Silence);
        var heartbeats = (long)Setup.Members * (Setup.Members - 1) * ((Silence / 750_000) + 1);
        BrokenRule.Unless(asked == Members.Sum(m => m.Counters!.Asked), "a settled group asks nothing", $"it asked");
        BrokenRule.Unless(
            Statistics.Datagrams - datagrams <= heartbeats,
            "a settled group is silent but for heartbeats",
            $"it sent {Statistics.Datagrams - datagrams} datagrams"
        );
        BrokenRule.Unless(
            Members.Sum(m => m.Steps) - steps <= 2 * heartbeats + (30 * Setup.Members),
            "a settled group sleeps",
            $"it took {Members.Sum(m => m.Steps) - steps} steps"
        );
    }

    /// <summary>One request in an idle group, where nothing else carries the claims.</summary>
    private void LoneRequest()
    {
        Trace?.Add($"a lone request");
        Members[Random.Next(Setup.Members)].Submit(Payload());
        RunUntil(Now + 1);
        Settle(1_000_000);
    }

    /// <summary>
    /// The same, but some of the first datagrams are lost. Nothing follows that would show the loss, and a heartbeat
    /// would come too late. After a slow or unsteady network the members' timeouts are too long for this check.
    /// </summary>
    private void LostTail()
    {
        if (
            Setup.Delay + Setup.Jitter > 2_000
            || Setup.Scheduling > 1_000
            || Setup.Late + Setup.Slow + Setup.Pauses + Setup.Crashes + Setup.Cuts > 0
        )
        {
            return;
        }

        Trace?.Add($"a lone request, of which something is lost");
        Network.LoseNext(Random.Next(1, 2 * Setup.Members));
        Members[Random.Next(Setup.Members)].Submit(Payload());
        var deadline = Now + 300_000;
        RunUntil(Now + 1);
        while (
            Observer.History.WithoutNumber > 0
            || Members.Any(m => m.Delivered < Observer.History.Numbers - 1 || m.Waits)
        )
        {
            BrokenRule.Unless(
                Now < deadline,
                "what is lost last is delivered soon",
                $"it was not:\n{string.Join('\n', Members.Select(m => m.State))}"
            );
            RunUntil(Now + 1_000);
        }

        Network.LoseNext(0);
    }

    /// <summary>
    /// One member submits far more than the others, all at once. The observer checks that the others get their turn.
    /// </summary>
    private void Flood()
    {
        if (!Random.Chance(0.3))
        {
            return;
        }

        var flooder = Random.Next(Setup.Members);
        Trace?.Add($"m{flooder} floods the group");
        var body = Setup.LongestBody;
        for (var i = 0; i < 4 * Setup.Members; i++)
        {
            Members[flooder].Submit(Payload(Math.Max(8, body - 4)));
        }

        foreach (var member in Members)
        {
            member.Submit(Payload(8));
        }

        RunUntil(Now + 1);
        Settle(1_000_000);
    }

    private long Outage() => Random.Between(100, Setup.Outage);

    private byte[] Payload() =>
        Payload(Random.Chance(0.8) ? Random.Next(8, 60) : (int)Random.Between(8, Math.Max(8, Setup.MaxPayload)));

    /// <summary>No two are equal, so that none can be mistaken for another.</summary>
    private byte[] Payload(int length)
    {
        var payload = new byte[length];
        Random.NextBytes(payload);
        BinaryPrimitives.WriteInt64LittleEndian(payload, _payloads++);
        return payload;
    }

    private void Repeat(double rate, Action action)
    {
        if (rate > 0)
        {
            At(
                Now + Random.UntilNext(rate),
                () =>
                {
                    if (!_calm)
                    {
                        action();
                        Repeat(rate, action);
                    }
                }
            );
        }
    }
}
