using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>The marketplace at one moment, as the control room shows it.</summary>
/// <param name="TakenAt">When the processes were asked, in UTC.</param>
/// <param name="Status">The same as <c>agora status</c> shows.</param>
public sealed record Picture(DateTime TakenAt, ClusterStatus Status)
{
    /// <summary>No role that is older is shown as a fact.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(2);

    /// <summary>The last time when writes and reads were tried; null if that was not yet.</summary>
    public ServedCheck? Check { get; init; }

    /// <summary>How many commands a second each database orders, by component.</summary>
    public IReadOnlyDictionary<string, double> NumbersPerSecond { get; init; } = new Dictionary<string, double>();

    /// <summary>
    /// The share of the datagrams from one process to another that were lost of late, where enough were sent to know.
    /// </summary>
    public IReadOnlyDictionary<(string From, string To), double> Losses { get; init; } =
        new Dictionary<(string, string), double>();

    /// <summary>What the servers have answered in each stretch of time, oldest first.</summary>
    public IReadOnlyList<FunctionSample> Samples { get; init; } = [];

    /// <summary>What has happened, oldest first.</summary>
    public IReadOnlyList<MarketplaceEvent> Events { get; init; } = [];

    /// <summary>The lab's network; null if the marketplace is not in the lab.</summary>
    public LabPicture? Lab { get; init; }

    /// <summary>Of each demonstration the run that goes on, or the last one.</summary>
    public IReadOnlyList<DemonstrationPicture> Demonstrations { get; init; } = [];

    /// <summary>Why nobody can do anything from here; null if those who may act can.</summary>
    public string? CannotAct { get; init; }
}
