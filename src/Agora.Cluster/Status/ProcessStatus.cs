using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>One process.</summary>
/// <param name="Name">E.g. <c>products/3</c>.</param>
/// <param name="Component">E.g. <c>products</c>.</param>
/// <param name="Replica">E.g. 3.</param>
/// <param name="Pid">Its process id; null if it is not up, or was not started by a supervisor on this host.</param>
/// <param name="State">One of <see cref="ProcessState"/>.</param>
/// <param name="Restarts">How often the supervisor has restarted it.</param>
/// <param name="Role">A database replica's role; null for servers, and if it does not answer.</param>
/// <param name="Applied">How far a database replica has applied.</param>
/// <param name="Lag">How far that is behind the highest position known in its group.</param>
/// <param name="MemoryBytes">Resident memory.</param>
/// <param name="Addresses">Where it listens, by protocol.</param>
/// <param name="LastExit">How it ended last; null if it never has, or if no supervisor here knows.</param>
/// <param name="StartedAt">When it was started, in UTC; null if it is down, or if no supervisor here knows.</param>
/// <param name="AnsweredAt">When its answer came on which the rest is based, in UTC; null if it did not answer.</param>
/// <param name="Database">A database replica's view of its group; null for servers, and if it does not answer.</param>
public sealed record ProcessStatus(
    string Name,
    string Component,
    int Replica,
    int? Pid,
    string State,
    int Restarts,
    string? Role,
    long? Applied,
    long? Lag,
    long? MemoryBytes,
    IReadOnlyDictionary<string, string> Addresses,
    ProcessExit? LastExit = null,
    DateTime? StartedAt = null,
    DateTime? AnsweredAt = null,
    DatabaseStatus? Database = null
)
{
    /// <summary>The file system under its directory; null if that is not known here.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DiskSpace? Disk { get; init; }

    /// <summary>When its certificate ends, in UTC; null if that is not known here.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTime? CertificateUntil { get; init; }

    /// <summary>
    /// The build of the program that it runs: version and commit; null if it does not say, as programs of an earlier
    /// version do not.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Build { get; init; }

    /// <summary>
    /// What a server has served since its start, by function. Only those who ask for it get it; it is no part of the
    /// JSON of <c>agora status</c>.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<FunctionCounts>? Functions { get; init; }

    /// <summary>
    /// How it ended last, if it is down or has restarted only a moment ago; null otherwise.
    /// </summary>
    public ProcessExit? Trouble(DateTimeOffset now) =>
        LastExit is { IsInOrder: false } exit && (State != ProcessState.Running || now.UtcDateTime - exit.At < s_recent)
            ? exit
            : null;

    // A process that dies again and again is up in between.
    private static readonly TimeSpan s_recent = TimeSpan.FromMinutes(1);
}
