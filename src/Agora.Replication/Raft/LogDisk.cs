using Agora.Replication.Telemetry;
using Microsoft.Win32.SafeHandles;
using RotatingSequencer.Journal;

namespace Agora.Replication.Raft;

/// <summary>How the files of log and ballot get to the disk; tests put themselves in between.</summary>
/// <remarks>
/// After a sync that failed the kernel may take the pages for clean, though they never reached the disk: it reports the
/// error once, reads go on to show what was written, and the next sync succeeds without writing it. So nothing that is
/// read at a start proves that it is on disk. The end of the log and the ballot, which may be in that state, are
/// written again at every start before anything of them is claimed: writing makes the pages dirty, and the sync that
/// follows then writes them. Names are not in that state: where a file system cannot write its own journal, it takes no
/// more changes at all.
/// </remarks>
internal class LogDisk
{
    public static LogDisk System { get; } = new();

    /// <summary>Writes into a file; nothing is on disk before <see cref="Sync"/>.</summary>
    public virtual void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> bytes, long offset) =>
        RandomAccess.Write(file, bytes, offset);

    /// <summary>Returns when the file's content is on disk.</summary>
    /// <exception cref="IOException">It may not be, whatever a second try says. The process must end.</exception>
    public virtual void Sync(SafeFileHandle file, string path)
    {
        var began = CommandMetrics.SyncBegins();
        DiskSync.SyncData(file, path);
        CommandMetrics.Synced(began);
    }

    /// <summary>Returns when the names in a directory are on disk.</summary>
    public virtual void SyncDirectory(string directory) => DiskSync.SyncDirectory(directory);
}
