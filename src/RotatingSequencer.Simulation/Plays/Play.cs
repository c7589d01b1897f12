namespace RotatingSequencer.Simulation.Plays;

/// <summary>
/// A run of a group, cut into steps: a pure function of its <see cref="PlayAddress"/>. The very core that ships runs
/// in
/// it, and the simulation's observer checks every rule.
/// </summary>
public sealed class Play
{
    /// <summary>When a told scenario begins: the members have measured their round trips, and are silent.</summary>
    private const long WarmUp = 1_100_000;

    /// <summary>How long a told scenario goes on, after which only heartbeats follow.</summary>
    private const long ToldLength = 120_000;

    private const int MaxMoments = 1_500;
    private const int MaxDatagrams = 5_000;

    /// <summary>How long a person stops a member, in usual delays of a datagram.</summary>
    private const int PauseHops = 15;

    private readonly List<PlayStep> _told;
    private readonly List<PlayStep> _free;

    private Play(PlayAddress address, Scenario scenario, World world, Recording recording)
    {
        Scenario = scenario;
        Setup = world.Setup;
        Recording = recording;
        var accepted = address.Interventions.Where(IsPossible).ToList();
        Interventions = accepted;
        Refuses = accepted.Count < address.Interventions.Count;
        Broken = Run(world);
        _free = FreeSteps();
        _told = accepted.Count == 0 && Broken is null ? ToldSteps() : [];
    }

    /// <summary>What is played.</summary>
    public Scenario Scenario { get; }

    /// <summary>How many members the group has.</summary>
    public int Members => Setup.Members;

    /// <summary>Whether members have a journal. Without one they must not die.</summary>
    public bool HasJournal => Setup.Journal;

    /// <summary>What a person does in it.</summary>
    public IReadOnlyList<Intervention> Interventions { get; }

    /// <summary>Whether an intervention was left out, because there is no such member or it must not die.</summary>
    public bool Refuses { get; }

    /// <summary>A rule that was broken: a bug of the protocol, which nobody has found before.</summary>
    public string? Broken { get; }

    /// <summary>Whether the steps are those of the told scenario, and not what happens moment by moment.</summary>
    public bool IsTold => _told.Count > 0;

    /// <summary>The steps, from 0.</summary>
    public IReadOnlyList<PlayStep> Steps => IsTold ? _told : _free;

    /// <summary>The group as the scenario or the seed has it, in words.</summary>
    public string Group => $"{Members} members, {(HasJournal ? "with" : "without")} a journal";

    internal Setup Setup { get; }

    internal Recording Recording { get; }

    /// <summary>Plays what an address says; null when there is no such scenario.</summary>
    public static Play? Of(PlayAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (Scenarios.Find(address.Scenario) is not { } scenario)
        {
            return null;
        }

        var world = scenario == Scenarios.OfSeed ? new World(address.Seed, null) : Begin(scenario);
        var recording = new Recording(world, MaxMoments, MaxDatagrams);
        world.Recording = recording;
        return new Play(address, scenario, world, recording);
    }

    /// <summary>The step of an address; the last one if it names a later one.</summary>
    public PlayStep StepOf(PlayAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return Steps[Math.Min(address.Step, Steps.Count - 1)];
    }

    /// <summary>
    /// The step at which something is shown that a person does to a message: the one in which it is sent. Up to then
    /// the other play is the same as this one.
    /// </summary>
    public int StepWithout(int message) =>
        1 + LastFreeStep(step => step.End < Recording.Datagrams[message].Moment.Index);

    /// <summary>The step at which something is shown that a person does to a member at a time.</summary>
    public int StepAfter(long time) => 1 + LastFreeStep(step => step.End < 0 || Recording.Moments[step.End].At < time);

    /// <summary>The last moment that a step shows, which is the beginning at step 0.</summary>
    internal Moment MomentOf(PlayStep step) => step.End < 0 ? Recording.First : Recording.Moments[step.End];

    /// <summary>The moments of a step.</summary>
    internal IEnumerable<Moment> MomentsOf(PlayStep step)
    {
        var first = step.Index == 0 ? 0 : Steps[step.Index - 1].End + 1;
        for (var i = first; i <= step.End; i++)
        {
            yield return Recording.Moments[i];
        }
    }

    /// <summary>A group that has talked for a while, and has fallen silent.</summary>
    private static World Begin(Scenario scenario)
    {
        const long RoundsBegin = 1_000_000;
        const long Between = 3_000;
        const long RoundsEnd = 1_080_000;
        var world = World.Scripted(scenario.Members);
        foreach (var member in world.Members)
        {
            world.At(0, member.Start);
        }

        for (var i = 0; i < Scenarios.RoundsBefore * scenario.Members; i++)
        {
            var member = i % scenario.Members;
            world.At(RoundsBegin + (i * Between), () => world.Submit(member));
        }

        world.RunUntil(RoundsEnd);
        foreach (var member in world.Members)
        {
            member.CutJournal();
        }

        world.RunUntil(WarmUp);
        return world;
    }

    private bool IsPossible(Intervention intervention) =>
        intervention.IsToMessage
        || (intervention.Target < Members && (HasJournal || intervention.Kind == InterventionKind.Pause));

    private string? Run(World world)
    {
        var fates = Interventions
            .Where(i => i.IsToMessage)
            .GroupBy(i => i.Target)
            .ToDictionary(group => group.Key, group => FateOf(group.Last().Kind));
        var script = new ScenarioScript(world, Recording.Began);
        Scenario.Script(script);
        world.FateOf = datagram => fates.TryGetValue(datagram.Id, out var fate) ? fate : script.FateOf(datagram);
        foreach (var intervention in Interventions.Where(i => !i.IsToMessage))
        {
            var member = world.Members[intervention.Target];
            world.At(Recording.Began + intervention.At, () => Do(intervention.Kind, member));
        }

        try
        {
            if (Scenario == Scenarios.OfSeed)
            {
                world.PlanStorm();
                world.RunUntil(Setup.Storm);
            }
            else
            {
                world.RunUntil(Recording.Began + ToldLength);
            }

            return null;
        }
        catch (Exception e) when (e is BrokenRule or ProtocolViolationException or JournalLostException)
        {
            return e.Message;
        }
    }

    private void Do(InterventionKind kind, SimulatedMember member)
    {
        switch (kind)
        {
            case InterventionKind.Pause:
                member.Pause(PauseHops * Setup.Hop);
                break;
            case InterventionKind.Kill:
                member.Crash(powerLoss: false, staysDown: true);
                break;
            default:
                member.Start();
                break;
        }
    }

    private static DatagramFate FateOf(InterventionKind kind) =>
        kind switch
        {
            InterventionKind.Lose => DatagramFate.Lost,
            InterventionKind.Double => DatagramFate.Doubled,
            _ => DatagramFate.Late,
        };

    /// <summary>A step for each moment in which more than claims moves.</summary>
    private List<PlayStep> FreeSteps()
    {
        List<PlayStep> steps = [StepTo(0, Scenario.Beginning, -1)];
        var moments = Recording.Moments;
        for (var i = 0; i < moments.Count; i++)
        {
            if (!moments[i].IsQuiet || i == moments.Count - 1)
            {
                steps.Add(StepTo(steps.Count, Sentences.Of(moments[i], Members), i));
            }
        }

        return steps;
    }

    private List<PlayStep> ToldSteps()
    {
        if (Scenario.Told.Count == 0)
        {
            return [];
        }

        List<PlayStep> steps = [StepTo(0, Scenario.Beginning, -1)];
        var moments = Recording.Moments;
        var next = 0;
        foreach (var told in Scenario.Told)
        {
            while (next < moments.Count - 1 && !told.Ends(moments[next]))
            {
                next++;
            }

            steps.Add(StepTo(steps.Count, told.Sentence, next));
            next = Math.Min(next + 1, moments.Count - 1);
        }

        return steps;
    }

    private PlayStep StepTo(int index, string sentence, int end)
    {
        var moments = Recording.Moments;
        var ended = end < 0 ? 0 : moments[end].At;
        var next = end + 1 < moments.Count ? moments[end + 1].At : ended + Setup.Hop;
        return new(index, sentence, end, Math.Max(ended + 1, next - 1));
    }

    private int LastFreeStep(Func<PlayStep, bool> before)
    {
        var last = 0;
        for (var i = 1; i < _free.Count && before(_free[i]); i++)
        {
            last = i;
        }

        return last;
    }
}
