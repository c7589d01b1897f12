using System.Globalization;
using Agora.Cluster;

namespace Agora.Replication.Raft;

/// <summary>When the group holds elections, in milliseconds.</summary>
/// <remarks>
/// Each replica draws its election timeout from a span of its own. The library lets a replica stand for election only
/// when a majority has missed the leader's heartbeats, each by its own timeout (pre-vote). A candidate that fails waits
/// for its whole timeout again. So of five replicas the third of the remaining four is elected, and the pause lasts
/// longest where the third and the fourth stand together and share the votes. With timeouts drawn from one span, two
/// come as close as chance has it; spans of their own keep them apart. What is random within a span keeps two that met
/// from meeting again, where messages take longer than the distance between them.
/// </remarks>
/// <param name="Heartbeat">How often a leader sends heartbeats; each one costs every member a wake-up, which is most of
/// what an idle group does.</param>
/// <param name="Shortest">The first replica's shortest election timeout.</param>
/// <param name="Longest">The last replica's shortest election timeout; the others' are in even steps between. Each is
/// up to one step longer, at random.</param>
internal readonly record struct ElectionTimes(int Heartbeat, int Shortest, int Longest)
{
    public const string Setting = "Agora:RaftElection";

    /// <summary>Chosen by measurement: docs/products-database.md.</summary>
    public static ElectionTimes Default => new(200, 600, 1000);

    /// <summary>Where a replica's span begins; it ends where the next one's does.</summary>
    public int Of(int replica, int members) => Shortest + ((Longest - Shortest) * replica / Math.Max(1, members - 1));

    /// <summary>
    /// Reads the setting, where there is one: the three numbers with commas between them, the same for every replica.
    /// </summary>
    /// <exception cref="IOException">It is anything else.</exception>
    public static ElectionTimes Parse(string? setting)
    {
        if (setting is null)
        {
            return Default;
        }

        int[] parts =
        [
            .. setting
                .Split(',')
                .Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) ? ms : 0),
        ];
        return
            parts is [> 0 and var heartbeat, var shortest, var longest]
            && shortest >= 2 * heartbeat
            && longest > shortest
            ? new ElectionTimes(heartbeat, shortest, longest)
            : throw new FixableException(
                Setting,
                $"is '{setting}'",
                "Write heartbeat, shortest and longest election timeout in milliseconds, such as 200,600,1000, "
                    + "the shortest twice the heartbeat or more"
            );
    }
}
