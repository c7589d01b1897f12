using Microsoft.Win32.SafeHandles;

namespace RotatingSequencer.Journal;

/// <summary>How the journal gets to the disk; tests put themselves in between.</summary>
internal class JournalDisk
{
    public static JournalDisk System { get; } = new();

    /// <summary>Returns once the file's content is on disk.</summary>
    /// <exception cref="IOException">It may not be, whatever a second try says.</exception>
    public virtual void SyncData(SafeFileHandle file, string path) => DiskSync.SyncData(file, path);

    /// <summary>Returns once the names in a directory are on disk.</summary>
    /// <exception cref="IOException">They may not be, whatever a second try says.</exception>
    public virtual void SyncDirectory(string directory) => DiskSync.SyncDirectory(directory);
}
