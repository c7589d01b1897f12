using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Agora.Replication.Raft;

/// <summary>How the log's files get to the disk; tests put themselves in between.</summary>
internal partial class LogDisk
{
    public static LogDisk System { get; } = new();

    /// <summary>Returns when the file's content is on disk.</summary>
    /// <exception cref="IOException">It may not be, whatever a repeat says: the kernel forgets. The process must end.</exception>
    public virtual void Sync(SafeFileHandle file, string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file);
        }
        else if (FDataSync(file) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            throw new IOException($"{path} cannot be synced: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }
    }

    /// <summary>Returns when the names in a directory are on disk.</summary>
    public virtual void SyncDirectory(string directory)
    {
        if (OperatingSystem.IsLinux())
        {
            // .NET opens no directories.
            var descriptor = Open(directory, 0);
            var result = descriptor < 0 ? -1 : FSync(descriptor);
            var error = Marshal.GetLastPInvokeError();
            _ = descriptor < 0 ? 0 : Close(descriptor);
            if (result != 0)
            {
                throw new IOException($"{directory} cannot be synced: {Marshal.GetPInvokeErrorMessage(error)}", error);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
