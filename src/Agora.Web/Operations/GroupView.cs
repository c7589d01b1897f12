using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>
/// A database's group at one moment: who leads or whose turn it is, how far it is, what it had to repair.
/// </summary>
public sealed record GroupView
{
    private const string LeaderRole = "leader";

    /// <summary>The component.</summary>
    public required string Name { get; init; }

    /// <summary>Its replicas take turns, instead of having a leader.</summary>
    public required bool TakesTurns { get; init; }

    /// <summary>By replica number.</summary>
    public required IReadOnlyList<ReplicaView> Replicas { get; init; }

    /// <summary>The replica that leads or assigns the next number; null if that is not known now.</summary>
    public ReplicaView? Acting => Replicas.FirstOrDefault(r => r.IsActing);

    /// <summary>The highest term that any replica has reached; null if the engine has none.</summary>
    public long? Term { get; init; }

    /// <summary>The highest position that any replica has heard of; null if none answers.</summary>
    public long? Known { get; init; }

    /// <summary>A majority holds everything up to here; null if none answers.</summary>
    public long? Committed { get; init; }

    /// <summary>Commands a second; null if that is not known yet.</summary>
    public double? NumbersPerSecond { get; init; }

    /// <summary>Sums over the replicas, since each one's start.</summary>
    public long RepairsAsked { get; init; }

    /// <inheritdoc cref="RepairsAsked"/>
    public long RepairsAnswered { get; init; }

    /// <inheritdoc cref="RepairsAsked"/>
    public long Resyncs { get; init; }

    /// <summary>The group of one database in a picture. Only answers that are fresh at a time say anything.</summary>
    public static GroupView Of(Picture picture, string component, DateTime now)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ProcessStatus[] processes = [.. picture.Status.Processes.Where(p => p.Component == component)];
        ProcessStatus[] fresh = [.. processes.Where(p => p.Database is not null && IsFresh(p, now))];
        DatabaseStatus[] databases = [.. fresh.Select(p => p.Database!)];
        var takesTurns =
            databases.Length > 0
                ? databases[0].Engine != DatabaseStatus.Raft
                : processes.Any(p => p.Addresses.ContainsKey("udp"));
        var acting = takesTurns ? NextSequencer(processes.Length, fresh) : Leader(fresh);
        return new GroupView
        {
            Name = component,
            TakesTurns = takesTurns,
            Replicas =
            [
                .. processes
                    .OrderBy(p => p.Replica)
                    .Select(p => new ReplicaView(p, Mark.Of(p), IsFresh(p, now), p.Replica == acting)),
            ],
            Term = databases.Max(d => d.Term),
            Known = databases.Length == 0 ? null : databases.Max(d => d.Known),
            Committed = databases.Length == 0 ? null : databases.Max(d => d.Committed),
            NumbersPerSecond =
                databases.Length > 0 && picture.NumbersPerSecond.TryGetValue(component, out var speed) ? speed : null,
            RepairsAsked = databases.Sum(d => d.RepairsAsked),
            RepairsAnswered = databases.Sum(d => d.RepairsAnswered),
            Resyncs = databases.Sum(d => d.Resyncs),
        };
    }

    /// <summary>What a process said of itself is shown as a fact for two seconds.</summary>
    public static bool IsFresh(ProcessStatus process, DateTime now)
    {
        ArgumentNullException.ThrowIfNull(process);
        return process.AnsweredAt is { } at && now - at <= Picture.MaxAge;
    }

    // One that was cut off may not know yet that another was elected. Its term is lower.
    private static int? Leader(IEnumerable<ProcessStatus> fresh) =>
        fresh.Where(p => p.Role == LeaderRole).MaxBy(p => p.Database!.Term)?.Replica;

    // Member k mod n assigns number k, so the highest number that was assigned says whose turn is next. One that has
    // not heard of it yet may still think that it is its own.
    private static int? NextSequencer(int members, ProcessStatus[] fresh) =>
        fresh.Length == 0 || members == 0 ? null : (int)((fresh.Max(p => p.Database!.Known) + 1) % members);
}
