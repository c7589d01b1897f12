using Agora.Cluster;
using Agora.Lab;

namespace Agora.Chaos;

/// <summary>
/// What goes wrong in a round, and when: a function of the seed and nothing else. Within what the marketplace promises,
/// a plan keeps these bounds:
/// <list type="bullet">
/// <item>a minority of the products replicas is bad at once, the leader among them or not;</item>
/// <item>one customers replica is bad at a time, and for at most <see cref="MaxCustomersFault"/>: writes pause until it
/// is back;</item>
/// <item>at least one server of each kind is well;</item>
/// <item>one replica of each database at a time has another disk than it had, and only where a majority of others can
/// give it back what it lost;</item>
/// <item>where all processes are killed at once, nothing else is bad, and the supervisor restarts them at once;</item>
/// <item>the network loses at most 5%.</item>
/// </list>
/// The payment service may be bad at any time for any length. Such a plan of <see cref="MinCompleteLength"/> or more
/// has every kind of fault at least once. Beyond the promises two bounds are left: nothing is hit twice at the same
/// time, and one disk of a database at a time.
/// </summary>
internal static class FaultPlan
{
    /// <summary>The longest fault of a customers replica within the promises.</summary>
    public static readonly TimeSpan MaxCustomersFault = TimeSpan.FromSeconds(6);

    /// <summary>A plan of this length or more within the promises has every kind of fault.</summary>
    public static readonly TimeSpan MinCompleteLength = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(2);

    // All processes are killed at once in two of three such periods.
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_minPeriod = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan s_longRound = TimeSpan.FromSeconds(150);
    private const int MaxAttempts = 12;

    // Where only some kinds are wanted, most draws are of others.
    private const int MaxAttemptsForSomeKinds = 400;

    // Far more than a round of two minutes needs: it has room for each kind at many moments.
    private const int MaxAttemptsForKind = 2_000;

    private static readonly string[] s_groups =
    [
        Components.Products,
        Components.Products,
        Components.Customers,
        Components.SellerServer,
        Components.BuyerServer,
    ];

    /// <summary>The faults of one round, by time.</summary>
    /// <param name="seed">Decides everything.</param>
    /// <param name="round">The round's number.</param>
    /// <param name="length">How long it is.</param>
    /// <param name="beyond">More than is promised.</param>
    /// <param name="counts">The marketplace's replicas.</param>
    /// <param name="only">The kinds of faults; null for all.</param>
    public static IReadOnlyList<Fault> Of(
        long seed,
        int round,
        TimeSpan length,
        bool beyond,
        ReplicaCounts counts,
        IReadOnlyCollection<ChaosFaultKind>? only = null
    )
    {
        bool IsWanted(ChaosFaultKind kind) => only?.Contains(kind) ?? true;
        List<Fault> plan = [];
        SeededRandom random = new(seed, round, 77);
        var isComplete = !beyond && length >= MinCompleteLength;
        for (
            var begin = TimeSpan.Zero;
            begin + s_minPeriod <= length && IsWanted(ChaosFaultKind.KillEverything);
            begin += s_period
        )
        {
            var at = begin + Seconds(ref random, 10, 40);
            if (random.Below(3) > 0 || (isComplete && begin + s_period + s_minPeriod > length && plan.Count == 0))
            {
                plan.Add(new(at, TimeSpan.Zero, ChaosFaultKind.KillEverything, []));
            }
        }

        // Now and then the first leave no room for the others. Then all but the deaths of everything are drawn anew.
        var first = plan.Count;
        for (var attempt = 0; isComplete && attempt < MaxAttempts; attempt++)
        {
            plan.RemoveRange(first, plan.Count - first);
            AddOneOfEachKind(plan, length, counts, only, ref random);
            if (MissingKinds(plan, counts, only).Count == 0)
            {
                break;
            }
        }

        for (var at = s_warmUp; at < length; at += Seconds(ref random, 0.5, 5))
        {
            for (var attempt = 0; attempt < (only is null ? MaxAttempts : MaxAttemptsForSomeKinds); attempt++)
            {
                var fault =
                    beyond && random.Below(3) == 0
                        ? DrawBeyond(at, counts, ref random)
                        : Draw(at, length, counts, ref random);
                if (IsWanted(fault.Kind) && Fits(plan, fault, length, beyond, counts))
                {
                    plan.Add(fault);
                    break;
                }
            }
        }

        return [.. plan.OrderBy(f => f.At)];
    }

    /// <summary>The kinds of fault that a plan could have and does not.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="counts">The marketplace's replicas.</param>
    /// <param name="only">The kinds that are wanted; null for all.</param>
    public static IReadOnlyList<ChaosFaultKind> MissingKinds(
        IReadOnlyList<Fault> plan,
        ReplicaCounts counts,
        IReadOnlyCollection<ChaosFaultKind>? only = null
    ) =>
        [
            .. (only ?? Enum.GetValues<ChaosFaultKind>())
                .Except(plan.Select(f => f.Kind))
                .Where(kind =>
                    (kind != ChaosFaultKind.Clock && !kind.IsOfDisk())
                    || OthersDecide(Components.Customers, counts)
                    || OthersDecide(Components.Products, counts)
                ),
        ];

    // A database in which the others are a majority without one replica. Two clocks that differ do not say which is
    // wrong, and a group of two has nobody who could give back what one has lost.
    private static bool OthersDecide(string component, ReplicaCounts counts) =>
        component is Components.Customers or Components.Products && counts.Count(component) > 2;

    // These come first, while there is room: what the rest of the plan adds must leave them as they are.
    private static void AddOneOfEachKind(
        List<Fault> plan,
        TimeSpan length,
        ReplicaCounts counts,
        IReadOnlyCollection<ChaosFaultKind>? only,
        ref SeededRandom random
    )
    {
        // Those of disks keep others away for longest.
        foreach (var kind in MissingKinds(plan, counts, only).OrderByDescending(kind => kind.IsOfDisk()))
        {
            for (var attempt = 0; attempt < MaxAttemptsForKind; attempt++)
            {
                var at = Seconds(ref random, s_warmUp.TotalSeconds, length.TotalSeconds);
                var fault = Draw(at, length, counts, ref random);
                if (fault.Kind == kind && Fits(plan, fault, length, beyond: false, counts))
                {
                    plan.Add(fault);
                    break;
                }
            }
        }
    }

    private static bool Fits(List<Fault> plan, Fault fault, TimeSpan length, bool beyond, ReplicaCounts counts) =>
        fault.End <= length
        && plan.All(other => MayMeet(other, fault))
        && (beyond || IsWithinPromises(plan, fault, counts));

    /// <summary>
    /// Whether both faults may be active at the same time. In either mode they may not where the end of one would undo
    /// the other.
    /// </summary>
    private static bool MayMeet(Fault one, Fault other) =>
        one.BadUntil < other.At
        || other.BadUntil < one.At
        || !(
            one.HitsEverything
            || other.HitsEverything
            || AreOfOneDatabasesDisks(one, other)
            || (
                one.Kind == ChaosFaultKind.BadNetwork
                    ? other.Kind == ChaosFaultKind.BadNetwork
                    : other.Kind != ChaosFaultKind.BadNetwork && one.Targets.Intersect(other.Targets).Any()
            )
        );

    private static bool AreOfOneDatabasesDisks(Fault one, Fault other) =>
        one.Kind.IsOfDisk()
        && other.Kind.IsOfDisk()
        && Fault.ComponentOf(one.Targets[0]) == Fault.ComponentOf(other.Targets[0]);

    private static bool IsWithinPromises(List<Fault> plan, Fault fault, ReplicaCounts counts)
    {
        // The number of bad processes grows only where a fault begins, so those moments are all that must be checked.
        Fault[] near = [.. plan.Where(f => f.BadUntil >= fault.At && f.At <= fault.BadUntil), fault];
        return near.Select(f => f.At)
            .Where(t => t >= fault.At && t <= fault.BadUntil)
            .All(t =>
                near.Where(f =>
                        f.Kind != ChaosFaultKind.BadNetwork && !f.HitsEverything && f.At <= t && t <= f.BadUntil
                    )
                    .SelectMany(f => f.Targets)
                    .Distinct()
                    .GroupBy(Fault.ComponentOf)
                    .All(bad => bad.Count() <= counts.MaxBad(bad.Key))
            );
    }

    // Within the promises.
    private static Fault Draw(TimeSpan at, TimeSpan round, ReplicaCounts counts, ref SeededRandom random)
    {
        switch (random.Below(20))
        {
            case 0 or 1 or 2:
                return BadNetwork(at, ref random, maxLoss: 0.05);
            case 3 or 4:
                // In long rounds now and then for longer than any user waits: then purchases fail, and are settled
                // later.
                var away =
                    random.Below(4) == 0 && round >= s_longRound
                        ? Seconds(ref random, 50, 65)
                        : Seconds(ref random, 1, 12);
                return new(
                    at,
                    away,
                    random.Of([ChaosFaultKind.KillAndHold, ChaosFaultKind.Freeze, ChaosFaultKind.Cut]),
                    [Components.Payments + "/0"]
                );
        }

        var component = random.Of(s_groups);
        var maxTargets = Math.Max(1, counts.MaxBad(component));
        var targets = DrawReplicas(
            component,
            component == Components.Customers ? 1 : 1 + random.Below(maxTargets),
            counts,
            ref random
        );
        var maxSeconds = component == Components.Customers ? MaxCustomersFault.TotalSeconds : 20;
        var length = Seconds(ref random, 1, maxSeconds);
        return random.Below(9) switch
        {
            8 when OthersDecide(component, counts) => OfDisk(at, targets[0], counts, ref random),
            7 when OthersDecide(component, counts) => new(
                at,
                length,
                ChaosFaultKind.Clock,
                targets[..1],
                Ahead: Seconds(ref random, 60, 7200) * (random.Below(2) == 0 ? 1 : -1)
            ),
            0 or 1 or 7 or 8 => new(at, TimeSpan.Zero, ChaosFaultKind.Kill, targets),
            2 => new(at, length, ChaosFaultKind.KillAndHold, targets),
            3 => new(at, Seconds(ref random, 0.5, Math.Min(8, maxSeconds)), ChaosFaultKind.Freeze, targets),
            4 => new(at, length, ChaosFaultKind.Cut, targets),
            5 => new(at, length, ChaosFaultKind.BlockOutgoing, targets),
            _ => new(at, length, ChaosFaultKind.CutFrom, targets, [DrawOther(component, targets, counts, ref random)]),
        };
    }

    private static Fault OfDisk(TimeSpan at, string target, ReplicaCounts counts, ref SeededRandom random)
    {
        var component = Fault.ComponentOf(target);
        var dead = Seconds(ref random, 0.5, 5);
        return random.Below(4) switch
        {
            0 => new(at, dead, ChaosFaultKind.LostDisk, [target]),
            1 => new(at, dead, ChaosFaultKind.FlippedByte, [target], Pick: random.Next()),
            2 => new(at, Seconds(ref random, 3, 15), ChaosFaultKind.OlderCopy, [target]),
            _ => new(
                at,
                dead,
                ChaosFaultKind.OtherCopy,
                [target],
                [
                    random.Of([
                        .. Enumerable
                            .Range(0, counts.Count(component))
                            .Select(i => FormattableString.Invariant($"{component}/{i}"))
                            .Where(o => o != target),
                    ]),
                ]
            ),
        };
    }

    // More than is promised: majorities and whole components, for a long time.
    private static Fault DrawBeyond(TimeSpan at, ReplicaCounts counts, ref SeededRandom random)
    {
        if (random.Below(8) == 0)
        {
            return BadNetwork(at, ref random, maxLoss: 0.25);
        }

        var component = random.Of(s_groups);
        var all = counts.Count(component);
        var min = Math.Min(all, counts.MaxBad(component) + 1);
        var targets = DrawReplicas(component, min + random.Below(all - min + 1), counts, ref random);
        var length = Seconds(ref random, 5, 40);
        return random.Below(6) switch
        {
            0 => new(at, TimeSpan.Zero, ChaosFaultKind.Kill, targets),
            1 or 2 => new(at, length, ChaosFaultKind.KillAndHold, targets),
            3 => new(at, Seconds(ref random, 2, 20), ChaosFaultKind.Freeze, targets),
            4 => new(at, length, ChaosFaultKind.BlockOutgoing, targets),
            _ => new(at, length, ChaosFaultKind.Cut, targets),
        };
    }

    // Some replicas of a component. Of products replicas, the leader is often one.
    private static List<string> DrawReplicas(string component, int count, ReplicaCounts counts, ref SeededRandom random)
    {
        List<string> all =
        [
            .. Enumerable
                .Range(0, counts.Count(component))
                .Select(i => FormattableString.Invariant($"{component}/{i}")),
        ];
        List<string> some = [];
        while (some.Count < count && all.Count > 0)
        {
            var one = random.Of(all);
            all.Remove(one);
            some.Add(one);
        }

        if (component == Components.Products && count < counts.Products && random.Below(2) == 0)
        {
            some[0] = Fault.Leader;
        }

        return some;
    }

    // What the targets are cut off from. For a database this is a replica of its kind or a server; for a server it is a
    // database, the payment service or the clients.
    private static string DrawOther(
        string component,
        List<string> targets,
        ReplicaCounts counts,
        ref SeededRandom random
    )
    {
        string[] kinds = component switch
        {
            Components.SellerServer => [Components.Products, Components.Customers, Fault.Clients],
            Components.BuyerServer => [Components.Products, Components.Customers, Components.Payments, Fault.Clients],
            _ => [component, component, Components.BuyerServer, Components.SellerServer],
        };
        var kind = random.Of(kinds);
        if (kind == Fault.Clients)
        {
            return kind;
        }

        string[] others =
        [
            .. Enumerable
                .Range(0, counts.Count(kind))
                .Select(i => FormattableString.Invariant($"{kind}/{i}"))
                .Where(o => !targets.Contains(o)),
        ];
        return others.Length == 0 ? Components.Payments + "/0" : random.Of(others);
    }

    private static Fault BadNetwork(TimeSpan at, ref SeededRandom random, double maxLoss)
    {
        double Share(double max, ref SeededRandom random) =>
            random.Below(2) == 0 ? 0 : Math.Round(max * (1 + random.Below(100)) / 100, 4);
        LinkConditions network = new()
        {
            Loss = Math.Round(maxLoss * (1 + random.Below(100)) / 100, 4),
            Delay = TimeSpan.FromMilliseconds(random.Below(3) == 0 ? 0 : random.Below(20)),
            Jitter = TimeSpan.FromMilliseconds(random.Below(2) == 0 ? 0 : random.Below(10)),
            Duplication = Share(0.05, ref random),
            Reordering = Share(0.05, ref random),
            Resets = Share(0.002, ref random),
            Stalls = Share(0.004, ref random),
        };
        IReadOnlyList<string> targets =
            random.Below(2) == 0
                ? []
                :
                [
                    random.Of([
                        Components.Products,
                        Components.Customers,
                        Components.SellerServer,
                        Components.BuyerServer,
                    ]),
                ];
        return new(at, Seconds(ref random, 4, 25), ChaosFaultKind.BadNetwork, targets, Network: network);
    }

    private static TimeSpan Seconds(ref SeededRandom random, double from, double to) =>
        TimeSpan.FromMilliseconds(Math.Round((from * 1000) + (random.Below(1000) * (to - from))));
}
