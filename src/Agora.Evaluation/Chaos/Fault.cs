using System.Globalization;
using Agora.Contracts.Cluster;
using Agora.Lab;

namespace Agora.Evaluation.Chaos;

/// <summary>What is done to processes or to the network.</summary>
internal enum FaultKind
{
    /// <summary>kill −9; the supervisor brings them back at once.</summary>
    Kill,

    /// <summary>kill −9; they stay dead for a while.</summary>
    Down,

    /// <summary>SIGSTOP, and SIGCONT after a while: alive, with all connections open, and silent.</summary>
    Freeze,

    /// <summary>Nothing passes between them and everybody else.</summary>
    Cut,

    /// <summary>Nothing passes between them and some others.</summary>
    CutFrom,

    /// <summary>Nothing that they send arrives.</summary>
    Mute,

    /// <summary>The network loses, delays, doubles and reorders, resets and stalls.</summary>
    Weather,
}

/// <summary>One fault of a plan.</summary>
/// <param name="At">When it begins, from the beginning of the round.</param>
/// <param name="Length">For how long it lasts; zero for a kill after which the supervisor brings them back.</param>
/// <param name="Kind">What is done.</param>
/// <param name="Targets">To whom: processes by name, or <see cref="Leader"/>; with weather whose links, and none for everybody's.</param>
/// <param name="From">With <see cref="FaultKind.CutFrom"/>: from whom.</param>
/// <param name="Weather">With <see cref="FaultKind.Weather"/>: how the network is.</param>
internal sealed record Fault(
    TimeSpan At, TimeSpan Length, FaultKind Kind, IReadOnlyList<string> Targets, IReadOnlyList<string>? From = null, LinkConditions? Weather = null)
{
    /// <summary>Whichever replica leads the products database at the time.</summary>
    public const string Leader = Components.Products + "/leader";

    /// <summary>What all who are a party to a network are called that are not processes.</summary>
    public const string Clients = "clients";

    public TimeSpan End => At + Length;

    /// <summary>Until when its targets cannot be counted on: a killed process has to start and catch up.</summary>
    public TimeSpan BadUntil => End + (Kind switch
    {
        _ when IsEverything => TimeSpan.FromSeconds(25),
        FaultKind.Kill or FaultKind.Down => TimeSpan.FromSeconds(12),
        FaultKind.Weather => TimeSpan.Zero,
        _ => TimeSpan.FromSeconds(4),
    });

    /// <summary>Every process at once.</summary>
    public bool IsEverything { get; init; }

    public static string ComponentOf(string process) => process.Split('/')[0];

    public override string ToString()
    {
        var who = IsEverything ? "all processes at once" : Targets.Count == 0 ? "every link" : string.Join(", ", Targets);
        var seconds = string.Create(CultureInfo.InvariantCulture, $"{Length.TotalSeconds:0.0} s");
        return Kind switch
        {
            FaultKind.Kill => $"kill {who}",
            FaultKind.Down => $"kill {who}, dead for {seconds}",
            FaultKind.Freeze => $"freeze {who} for {seconds}",
            FaultKind.Cut => $"cut {who} off for {seconds}",
            FaultKind.CutFrom => $"cut {who} off from {string.Join(", ", From!)} for {seconds}",
            FaultKind.Mute => $"let nothing out of {who} for {seconds}",
            _ => $"{who}{(Targets.Count == 0 ? "" : "'s links")}: {Weather} for {seconds}",
        };
    }
}

/// <summary>How many replicas there are of each component, as far as faults go.</summary>
internal sealed record Cast(int SellerServers, int BuyerServers, int Customers, int Products)
{
    public static Cast Of(ClusterFile file) =>
        new(file.SellerServers.Replicas.Count, file.BuyerServers.Replicas.Count, file.Customers.Replicas.Count, file.Products.Replicas.Count);

    public int Count(string component) => component switch
    {
        Components.SellerServer => SellerServers,
        Components.BuyerServer => BuyerServers,
        Components.Customers => Customers,
        Components.Products => Products,
        _ => 1,
    };

    /// <summary>How many of a component may be bad at once without breaking a promise: a minority of the products replicas, all servers but one.</summary>
    public int MostBad(string component) => component switch
    {
        Components.Products => (Products - 1) / 2,
        Components.Customers or Components.Payments => 1,
        _ => Count(component) - 1,
    };
}
