using Agora.Contracts.Cluster;
using Agora.Lab;

namespace Agora.Evaluation.Chaos;

/// <summary>
/// What goes wrong in a round, and when: a function of the seed and nothing else. Within what the marketplace promises, it keeps these bounds:
/// <list type="bullet">
/// <item>a minority of the products replicas is bad at once, the leader among them or not;</item>
/// <item>one customers replica is bad at a time, and for less than <see cref="LongestPauseOfCustomers"/>: writes pause until it is back;</item>
/// <item>of either kind of server at least one is well;</item>
/// <item>where all processes are killed at once, nothing else is bad; they are brought back at once;</item>
/// <item>the network loses 5% at most.</item>
/// </list>
/// The payment service may be bad for as long as it likes. Beyond the promises only one bound is left: nothing is hit twice at the same time.
/// </summary>
internal static class FaultPlan
{
    /// <summary>Within the promises, a customers replica is not kept away for longer.</summary>
    public static readonly TimeSpan LongestPauseOfCustomers = TimeSpan.FromSeconds(6);

    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(2);

    // All processes are killed at once in two of three such stretches.
    private static readonly TimeSpan s_stretch = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_ofStretch = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan s_longRound = TimeSpan.FromSeconds(150);
    private const int Attempts = 12;

    private static readonly string[] s_groups = [Components.Products, Components.Products, Components.Customers, Components.SellerServer, Components.BuyerServer];

    /// <summary>The faults of one round, by time.</summary>
    public static IReadOnlyList<Fault> Of(long seed, int round, TimeSpan length, bool beyond, Cast cast)
    {
        List<Fault> plan = [];
        Dice dice = new(seed, round, 77);
        for (var begin = TimeSpan.Zero; begin + s_ofStretch <= length; begin += s_stretch)
        {
            var at = begin + Seconds(ref dice, 10, 40);
            if (dice.Below(3) > 0)
            {
                plan.Add(new(at, TimeSpan.Zero, FaultKind.Kill, []) { IsEverything = true });
            }
        }
        for (var at = s_warmUp; at < length; at += Seconds(ref dice, 0.5, 5))
        {
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                var fault = beyond && dice.Below(3) == 0 ? DrawBeyond(at, cast, ref dice) : Draw(at, length, cast, ref dice);
                if (fault.End <= length && plan.All(other => MayMeet(other, fault)) && (beyond || IsWithin(plan, fault, cast)))
                {
                    plan.Add(fault);
                    break;
                }
            }
        }
        return [.. plan.OrderBy(f => f.At)];
    }

    /// <summary>What no two faults do at the same time, in either mode, since the end of the one would undo the other.</summary>
    private static bool MayMeet(Fault one, Fault other) =>
        one.BadUntil < other.At || other.BadUntil < one.At || !(one.IsEverything || other.IsEverything
            || (one.Kind == FaultKind.Weather ? other.Kind == FaultKind.Weather : other.Kind != FaultKind.Weather && one.Targets.Intersect(other.Targets).Any()));

    private static bool IsWithin(List<Fault> plan, Fault fault, Cast cast)
    {
        // With it the number of bad processes is highest where it or another fault begins.
        Fault[] near = [.. plan.Where(f => f.BadUntil >= fault.At && f.At <= fault.BadUntil), fault];
        return near.Select(f => f.At).Where(t => t >= fault.At && t <= fault.BadUntil).All(t => near
            .Where(f => f.Kind != FaultKind.Weather && !f.IsEverything && f.At <= t && t <= f.BadUntil)
            .SelectMany(f => f.Targets).Distinct().GroupBy(Fault.ComponentOf).All(bad => bad.Count() <= cast.MostBad(bad.Key)));
    }

    // Within the promises.
    private static Fault Draw(TimeSpan at, TimeSpan round, Cast cast, ref Dice dice)
    {
        switch (dice.Below(20))
        {
            case 0 or 1 or 2:
                return Weather(at, ref dice, worst: 0.05);
            case 3 or 4:
                // In long rounds now and then for longer than anybody waits: purchases fail then, and are settled later.
                var away = dice.Below(4) == 0 && round >= s_longRound ? Seconds(ref dice, 50, 65) : Seconds(ref dice, 1, 12);
                return new(at, away, dice.Of([FaultKind.Down, FaultKind.Freeze, FaultKind.Cut]), [Components.Payments + "/0"]);
        }
        var component = dice.Of(s_groups);
        var most = Math.Max(1, cast.MostBad(component));
        var targets = Some(component, component == Components.Customers ? 1 : 1 + dice.Below(most), cast, ref dice);
        var longest = component == Components.Customers ? LongestPauseOfCustomers.TotalSeconds : 20;
        var length = Seconds(ref dice, 1, longest);
        return dice.Below(7) switch
        {
            0 or 1 => new(at, TimeSpan.Zero, FaultKind.Kill, targets),
            2 => new(at, length, FaultKind.Down, targets),
            3 => new(at, Seconds(ref dice, 0.5, Math.Min(8, longest)), FaultKind.Freeze, targets),
            4 => new(at, length, FaultKind.Cut, targets),
            5 => new(at, length, FaultKind.Mute, targets),
            _ => new(at, length, FaultKind.CutFrom, targets, [Other(component, targets, cast, ref dice)]),
        };
    }

    // More than is promised: majorities, whole components, long.
    private static Fault DrawBeyond(TimeSpan at, Cast cast, ref Dice dice)
    {
        if (dice.Below(8) == 0)
        {
            return Weather(at, ref dice, worst: 0.25);
        }
        var component = dice.Of(s_groups);
        var all = cast.Count(component);
        var least = Math.Min(all, cast.MostBad(component) + 1);
        var targets = Some(component, least + dice.Below(all - least + 1), cast, ref dice);
        var length = Seconds(ref dice, 5, 40);
        return dice.Below(6) switch
        {
            0 => new(at, TimeSpan.Zero, FaultKind.Kill, targets),
            1 or 2 => new(at, length, FaultKind.Down, targets),
            3 => new(at, Seconds(ref dice, 2, 20), FaultKind.Freeze, targets),
            4 => new(at, length, FaultKind.Mute, targets),
            _ => new(at, length, FaultKind.Cut, targets),
        };
    }

    // Any number of replicas of a component; with the products, the leader is often one.
    private static List<string> Some(string component, int count, Cast cast, ref Dice dice)
    {
        List<string> all = [.. Enumerable.Range(0, cast.Count(component)).Select(i => FormattableString.Invariant($"{component}/{i}"))];
        List<string> some = [];
        while (some.Count < count && all.Count > 0)
        {
            var one = dice.Of(all);
            all.Remove(one);
            some.Add(one);
        }
        if (component == Components.Products && count < cast.Products && dice.Below(2) == 0)
        {
            some[0] = Fault.Leader;
        }
        return some;
    }

    // Who is cut off from whom: another of its kind, for a server a database or the payment service, for a database a server.
    private static string Other(string component, List<string> targets, Cast cast, ref Dice dice)
    {
        string[] kinds = component switch
        {
            Components.SellerServer => [Components.Products, Components.Customers, Fault.Clients],
            Components.BuyerServer => [Components.Products, Components.Customers, Components.Payments, Fault.Clients],
            _ => [component, component, Components.BuyerServer, Components.SellerServer],
        };
        var kind = dice.Of(kinds);
        if (kind == Fault.Clients)
        {
            return kind;
        }
        string[] others = [.. Enumerable.Range(0, cast.Count(kind)).Select(i => FormattableString.Invariant($"{kind}/{i}")).Where(o => !targets.Contains(o))];
        return others.Length == 0 ? Components.Payments + "/0" : dice.Of(others);
    }

    private static Fault Weather(TimeSpan at, ref Dice dice, double worst)
    {
        double Share(double most, ref Dice dice) => dice.Below(2) == 0 ? 0 : Math.Round(most * (1 + dice.Below(100)) / 100, 4);
        LinkConditions weather = new()
        {
            Loss = Math.Round(worst * (1 + dice.Below(100)) / 100, 4),
            Delay = TimeSpan.FromMilliseconds(dice.Below(3) == 0 ? 0 : dice.Below(20)),
            Jitter = TimeSpan.FromMilliseconds(dice.Below(2) == 0 ? 0 : dice.Below(10)),
            Duplication = Share(0.05, ref dice),
            Reordering = Share(0.05, ref dice),
            Resets = Share(0.002, ref dice),
            Stalls = Share(0.004, ref dice),
        };
        IReadOnlyList<string> whose = dice.Below(2) == 0 ? [] : [dice.Of([Components.Products, Components.Customers, Components.SellerServer, Components.BuyerServer])];
        return new(at, Seconds(ref dice, 4, 25), FaultKind.Weather, whose, Weather: weather);
    }

    private static TimeSpan Seconds(ref Dice dice, double from, double to) => TimeSpan.FromMilliseconds(Math.Round((from * 1000) + (dice.Below(1000) * (to - from))));
}
