using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace RotatingSequencer.Journal;

/// <summary>
/// Waits for the disk. .NET itself has only the full fsync, which also waits for a file's times, and none for
/// directories.
/// </summary>
internal static partial class DiskSync
{
    /// <summary>Returns once the file's content is on disk.</summary>
    /// <exception cref="IOException">It may not be, whatever a second try says: the kernel reports an error
    /// once.</exception>
    public static void SyncData(SafeFileHandle file, string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file);
        }
        else if (NativeSyncData(file) != 0)
        {
            throw Failure(path);
        }
    }

    /// <summary>
    /// Returns once the names in a directory are on disk, so that a rename survives a loss of power. Elsewhere than on
    /// Linux a directory cannot be synced, and need not be.
    /// </summary>
    public static void SyncDirectory(string directory)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var descriptor = NativeOpen(directory, 0);
        if (descriptor < 0)
        {
            throw Failure(directory);
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        if (NativeSync(handle) != 0)
        {
            throw Failure(directory);
        }
    }

    private static IOException Failure(string path) =>
        new($"{path} could not be synced: {Marshal.GetLastPInvokeErrorMessage()}.", Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int NativeSyncData(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int NativeSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint NativeOpen(string path, int flags);
}
