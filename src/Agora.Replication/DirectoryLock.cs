using Agora.Cluster;

namespace Agora.Replication;

/// <summary>
/// A replica's directory belongs to one process: two would apply the log twice, and promise twice. The lock ends with
/// the process, however that ends.
/// </summary>
internal static class DirectoryLock
{
    /// <summary>The file's name.</summary>
    public const string FileName = "lock";

    /// <summary>Takes the lock of a directory; disposing it gives it back.</summary>
    /// <exception cref="FixableException">Another process has it, or the directory cannot be used.</exception>
    public static FileStream Take(string directory)
    {
        var file = Path.Combine(directory, FileName);
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw FileFault.Of(Path.GetFullPath(file), e);
        }
    }
}
