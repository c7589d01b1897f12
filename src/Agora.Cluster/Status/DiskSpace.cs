namespace Agora.Cluster;

/// <summary>The space of a file system.</summary>
/// <param name="Free">Bytes that are left for this user.</param>
/// <param name="Size">Bytes of all.</param>
public sealed record DiskSpace(long Free, long Size)
{
    /// <summary>The space under a directory; null if it cannot be found out.</summary>
    public static DiskSpace? Of(string directory)
    {
        try
        {
            DriveInfo drive = new(Path.GetFullPath(directory));
            return new DiskSpace(drive.AvailableFreeSpace, drive.TotalSize);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
