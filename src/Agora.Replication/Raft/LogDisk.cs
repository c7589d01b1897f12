using Microsoft.Win32.SafeHandles;
using RotatingSequencer.Journal;

namespace Agora.Replication.Raft;

/// <summary>How the log's files get to the disk; tests put themselves in between.</summary>
internal class LogDisk
{
    public static LogDisk System { get; } = new();

    /// <summary>Returns when the file's content is on disk.</summary>
    /// <exception cref="IOException">It may not be, whatever a second try says. The process must end.</exception>
    public virtual void Sync(SafeFileHandle file, string path) => DiskSync.SyncData(file, path);

    /// <summary>Returns when the names in a directory are on disk.</summary>
    public virtual void SyncDirectory(string directory) => DiskSync.SyncDirectory(directory);
}
