namespace Agora.Launcher;

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
internal sealed record ProcessStatus(
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
    ProcessExit? LastExit = null
)
{
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
