using System.Globalization;
using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>The status of a cluster; <c>agora status --json</c> prints it.</summary>
/// <param name="Ready">Every function of the marketplace is served.</param>
/// <param name="Processes">Every process of the cluster file.</param>
public sealed record ClusterStatus(bool Ready, IReadOnlyList<ProcessStatus> Processes)
{
    /// <summary>
    /// What is not served, and what it waits for, if that is known. Where the servers were not asked, it is only what
    /// the answers show without that, and empty does not mean that everything is served.
    /// </summary>
    public IReadOnlyList<string> Missing { get; init; } = [];

    /// <summary>
    /// Which processes do not run and what is not served, as a text for people; null if all run and everything is
    /// served.
    /// </summary>
    [JsonIgnore]
    public string? NotReadyReason
    {
        get
        {
            string[] reasons =
            [
                .. Processes.Where(p => p.State != ProcessState.Running).Select(p => $"{p.Name} is {p.State}"),
                .. Ready ? []
                : Missing.Count > 0 ? Missing
                : ["not every function is served"],
            ];
            return reasons.Length == 0 ? null : string.Join(", ", reasons);
        }
    }

    /// <summary>
    /// Which processes run which builds of the program, as a text for people; null if all that say theirs run the same.
    /// Several run during an upgrade, and where one was left half done.
    /// </summary>
    [JsonIgnore]
    public string? MixedBuilds
    {
        get
        {
            // Every database replica of the present version says its build. Of others nothing follows from silence.
            (string Build, string[] Names)[] builds =
            [
                .. Processes
                    .Where(p => p.Build is not null || p.Database is not null)
                    .GroupBy(p => p.Build ?? "an earlier version", p => p.Name)
                    .Select(g => (g.Key, g.ToArray()))
                    .OrderByDescending(b => b.Item2.Length),
            ];
            return builds.Length < 2 ? null : string.Join("; ", builds.Select(b => $"{b.Build} at {Some(b.Names)}"));
        }
    }

    private const int MaxNames = 4;

    private static string Some(string[] names) =>
        names.Length <= MaxNames
            ? string.Join(", ", names)
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{string.Join(", ", names.Take(MaxNames - 1))} and {names.Length - MaxNames + 1} more"
            );
}
