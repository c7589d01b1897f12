using System.Globalization;
using Agora.Contracts.Faults;

namespace Agora.Replication.Raft;

/// <summary>When the group holds elections, in milliseconds.</summary>
/// <remarks>
/// Each replica has a span of time of its own, from which it draws. The library lets nobody stand for election before a majority, each by its own time, has heard
/// nothing of a leader for too long, and whoever stands in vain waits for its whole time again. So of five the third of those that are left is elected, and the
/// pause lasts longest where the third and the fourth stand together and share the votes. With times drawn from one span they come as close as they like; spans of their own
/// keep them apart, and what is drawn within them sees to it that two who met do not meet again, where messages take longer than the distance.
/// </remarks>
/// <param name="Heartbeat">How often a leader lets the others know that it is there; each one costs every member a wake-up, which is most of what an idle group does.</param>
/// <param name="Shortest">How long the first replica hears nothing before it stands for election;</param>
/// <param name="Longest">how long the last one; those between them in even steps. Each waits up to one step longer, at random.</param>
internal readonly record struct ElectionTimes(int Heartbeat, int Shortest, int Longest)
{
    public const string Setting = "Agora:RaftElection";

    /// <summary>Chosen by measurement: docs/products-database.md.</summary>
    public static ElectionTimes Default => new(200, 600, 1000);

    /// <summary>Where a replica's span begins; it ends where the next one's does.</summary>
    public int Of(int replica, int members) => Shortest + ((Longest - Shortest) * replica / Math.Max(1, members - 1));

    /// <summary>Reads what the environment may say otherwise: the three numbers with commas between them, the same for every replica.</summary>
    /// <exception cref="IOException">It says something else.</exception>
    public static ElectionTimes Parse(string? setting)
    {
        if (setting is null)
        {
            return Default;
        }

        int[] parts = [.. setting.Split(',').Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) ? ms : 0)];
        return parts is [> 0 and var heartbeat, var shortest, var longest] && shortest >= 2 * heartbeat && longest > shortest
            ? new ElectionTimes(heartbeat, shortest, longest)
            : throw new FixableException(
                Setting, $"is '{setting}'",
                "Write heartbeat, shortest and longest election in milliseconds, such as 200,600,1000, the shortest twice the heartbeat or more");
    }
}

/// <summary>What may be set otherwise than the product has it, mostly by tests.</summary>
internal sealed record RaftSettings
{
    public ElectionTimes Election { get; init; } = ElectionTimes.Default;

    /// <summary>How often the background is looked after; every fifth time the state is flushed and the log cut.</summary>
    public TimeSpan WatchInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>What stays of the log, so that a replica that was away for a while needs no state: minutes of a full load.</summary>
    public long KeptBytes { get; init; } = 128 << 20;

    public RaftLogOptions Log { get; init; } = new();
}
