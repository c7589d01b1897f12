using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>What a supervisor knows of its own process without asking it.</summary>
/// <param name="Pid">Its process id while it is up.</param>
/// <param name="State">Its state if it does not answer.</param>
/// <param name="Restarts">How often it was restarted.</param>
/// <param name="MemoryBytes">Resident memory while it is up.</param>
/// <param name="LastExit">How it ended last; null if it never has.</param>
/// <param name="StartedAt">When it was started, while it is up.</param>
internal readonly record struct LocalView(
    int? Pid,
    string State,
    int Restarts,
    long? MemoryBytes,
    ProcessExit? LastExit,
    DateTime? StartedAt = null
)
{
    /// <summary>The file system under the data directory.</summary>
    public DiskSpace? Disk { get; init; }

    /// <summary>When the process's certificate ends, in UTC.</summary>
    public DateTime? CertificateUntil { get; init; }

    /// <summary>The process exists and should be up.</summary>
    public bool IsUp => Pid is not null && State is ProcessState.Starting or ProcessState.Unresponsive;
}
