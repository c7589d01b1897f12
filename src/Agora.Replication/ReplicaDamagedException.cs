using Agora.Cluster;

namespace Agora.Replication;

/// <summary>
/// A file of a replica does not hold what was written to it, is of another replica, or does not belong to the others
/// beside it. The replica can prove no longer that it holds everything that it ever claimed.
/// </summary>
internal sealed class ReplicaDamagedException(string file, string what, Exception? inner = null)
    : IOException($"{file}: {what}", inner)
{
    public string File { get; } = file;

    /// <summary>Without a full stop.</summary>
    public string What { get; } = what;

    /// <summary>The damage for an operator.</summary>
    public FixableException With(string fix) => new(Path.GetFullPath(File), What, fix, this);
}
