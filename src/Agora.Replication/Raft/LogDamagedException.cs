namespace Agora.Replication.Raft;

/// <summary>
/// A file of the log, or the ballot, does not hold what was written to it, or does not belong to the others.
/// </summary>
internal sealed class LogDamagedException(string file, string what) : IOException($"{file}: {what}")
{
    public string File { get; } = file;

    /// <summary>Without a full stop.</summary>
    public string What { get; } = what;
}
