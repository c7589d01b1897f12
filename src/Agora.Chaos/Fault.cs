using System.Globalization;
using Agora.Cluster;
using Agora.Lab;

namespace Agora.Chaos;

/// <summary>One fault of a plan.</summary>
/// <param name="At">When it begins, from the beginning of the round.</param>
/// <param name="Length">How long it lasts; zero for a kill after which the supervisor restarts the process. With
/// <see cref="ChaosFaultKind.OlderCopy"/>: how old the copy is that is put back; the replica runs meanwhile.</param>
/// <param name="Kind">What is done.</param>
/// <param name="Targets">The processes by name, or <see cref="Leader"/>. With a bad network, whose links are bad; empty
/// for all links.</param>
/// <param name="From">With <see cref="ChaosFaultKind.CutFrom"/>: the processes that the targets are cut off
/// from. With <see cref="ChaosFaultKind.OtherCopy"/>: the replica whose directory is copied.</param>
/// <param name="Network">With <see cref="ChaosFaultKind.BadNetwork"/>: how bad the network is.</param>
/// <param name="Ahead">With <see cref="ChaosFaultKind.Clock"/>: how far ahead the clock is, or behind.</param>
/// <param name="Pick">With <see cref="ChaosFaultKind.FlippedByte"/>: a random number that picks file and byte.</param>
internal sealed record Fault(
    TimeSpan At,
    TimeSpan Length,
    ChaosFaultKind Kind,
    IReadOnlyList<string> Targets,
    IReadOnlyList<string>? From = null,
    LinkConditions? Network = null,
    TimeSpan Ahead = default,
    ulong Pick = 0
)
{
    /// <summary>Stands for the replica that leads the products database when the fault begins.</summary>
    public const string Leader = Components.Products + "/leader";

    /// <summary>The name that the network has for everything that is no process of the marketplace.</summary>
    public const string Clients = "clients";

    public TimeSpan End => At + Length;

    /// <summary>Until when its targets cannot be relied on: a killed process has to start and to catch up.</summary>
    public TimeSpan BadUntil =>
        End
        + Kind switch
        {
            ChaosFaultKind.KillEverything => TimeSpan.FromSeconds(25),
            _ when Kind.IsOfDisk() => TimeSpan.FromSeconds(15),
            ChaosFaultKind.Kill or ChaosFaultKind.KillAndHold => TimeSpan.FromSeconds(12),
            ChaosFaultKind.BadNetwork => TimeSpan.Zero,
            _ => TimeSpan.FromSeconds(4),
        };

    /// <summary>All processes are its targets.</summary>
    public bool HitsEverything => Kind == ChaosFaultKind.KillEverything;

    public static string ComponentOf(string process) => process.Split('/')[0];

    public override string ToString()
    {
        var targets =
            HitsEverything ? "all processes at once"
            : Targets.Count == 0 ? "every link"
            : string.Join(", ", Targets);
        var seconds = string.Create(CultureInfo.InvariantCulture, $"{Length.TotalSeconds:0.0} s");
        return Kind switch
        {
            ChaosFaultKind.Kill or ChaosFaultKind.KillEverything => $"kill {targets}",
            ChaosFaultKind.KillAndHold => $"kill {targets}, dead for {seconds}",
            ChaosFaultKind.Freeze => $"freeze {targets} for {seconds}",
            ChaosFaultKind.Cut => $"cut {targets} off for {seconds}",
            ChaosFaultKind.CutFrom => $"cut {targets} off from {string.Join(", ", From!)} for {seconds}",
            ChaosFaultKind.Clock => string.Create(
                CultureInfo.InvariantCulture,
                $"set the clock of {targets} {Math.Abs(Ahead.TotalSeconds):0} s "
                    + $"{(Ahead > TimeSpan.Zero ? "ahead" : "back")} for {seconds}"
            ),
            ChaosFaultKind.LostDisk => $"lose the disk of {targets}, dead for {seconds}",
            ChaosFaultKind.FlippedByte => $"flip a byte on the disk of {targets}, dead for {seconds}",
            ChaosFaultKind.OlderCopy => $"put back the disk of {targets} as it was {seconds} before",
            ChaosFaultKind.OtherCopy => $"give {targets} the disk of {From![0]}, dead for {seconds}",
            ChaosFaultKind.BlockOutgoing => $"let nothing out of {targets} for {seconds}",
            _ => $"{targets}{(Targets.Count == 0 ? "" : "'s links")}: {Network} for {seconds}",
        };
    }
}
