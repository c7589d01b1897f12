namespace Agora.Cluster;

/// <summary>Explains why the system refuses a file, and how to fix it.</summary>
public static class FileFault
{
    // Error numbers; Linux's where systems differ.
    private const int NotPermitted = 1,
        IoError = 5,
        WouldBlock = 11,
        AccessDenied = 13,
        Exists = 17,
        NotADirectory = 20,
        TooManyOpenHere = 23,
        TooManyOpen = 24,
        NoSpace = 28,
        ReadOnly = 30,
        QuotaExceeded = 122;

    // SQLite's result codes.
    private const int SqlitePermission = 3,
        SqliteBusy = 5,
        SqliteReadOnly = 8,
        SqliteIoError = 10,
        SqliteFull = 13,
        SqliteCannotOpen = 14;

    // With less space SQLite cannot grow its files, but it does not always report this as the reason.
    private const long FullBelow = 64 << 10;

    /// <summary>A fix for an error of the system, for callers that know no better one.</summary>
    public static string Fix(Exception e) =>
        Code(e) switch
        {
            NoSpace or QuotaExceeded => "Make room there, then start it again",
            ReadOnly => "Mount it writable, or name another directory with --data",
            NotPermitted or AccessDenied =>
                $"Give it to the user that runs this, {Environment.UserName} (chown, chmod), "
                    + "or run this as the user that owns it",
            TooManyOpen or TooManyOpenHere =>
                "Allow more open files: 'ulimit -n 4096', or LimitNOFILE=4096 of the service",
            IoError => "The disk or its file system fails; 'dmesg' shows the kernel's messages about it",
            Exists or NotADirectory => "A file is where a directory belongs: move it away",
            WouldBlock => "Only one process at a time may use it: stop the other one",
            _ when e is FileNotFoundException or DirectoryNotFoundException => "Put it back, or name the right one",
            _ => "Fix that, then start it again",
        };

    /// <summary>The exception for a file that cannot be used, with the system's reason and the fix.</summary>
    /// <param name="file">The file or its directory; used if the system's message does not name one.</param>
    /// <param name="e">The system's exception.</param>
    public static FixableException Of(string file, Exception e) =>
        e is FixableException known ? known : Describe(NamedIn(e) ?? file, e);

    private static FixableException Describe(string file, Exception e) =>
        Code(e) switch
        {
            NoSpace => new(file, "No space left on device", Fix(e), e),
            QuotaExceeded => new(file, "The disk quota is used up", Fix(e), e),
            ReadOnly => new(file, "Read-only file system", Fix(e), e),
            NotPermitted or AccessDenied => new(file, "Permission denied", Fix(e), e),
            WouldBlock => new(file, $"is used by {FileHolder.Describe(file)}", Fix(e), e),
            Exists or NotADirectory => new(file, "Not a directory", Fix(e), e),
            _ when e is FileNotFoundException or DirectoryNotFoundException => new(file, "is missing", Fix(e), e),
            _ => new(file, e.Message.TrimEnd('.'), Fix(e), e),
        };

    /// <summary>The exception for an SQLite file that cannot be used.</summary>
    /// <param name="file">The database.</param>
    /// <param name="code">SQLite's primary result code.</param>
    /// <param name="e">The exception of SQLite's library.</param>
    /// <param name="whenDamaged">The fix if the file's content is damaged.</param>
    public static FixableException OfSqlite(string file, int code, Exception e, string whenDamaged)
    {
        ArgumentNullException.ThrowIfNull(e);
        return code switch
        {
            SqliteFull => new(file, "No space left on device", "Make room there, then start it again", e),
            SqliteIoError or SqliteCannotOpen when IsFull(file) => new(
                file,
                "No space left on device",
                "Make room there, then start it again",
                e
            ),
            SqliteBusy => new(
                file,
                $"is used by {FileHolder.Describe(file)}",
                "Only one process at a time may use it: stop the other one",
                e
            ),
            SqliteReadOnly or SqlitePermission or SqliteCannotOpen => new(
                file,
                $"cannot be opened for writing ({Words(e)})",
                $"It and its directory must belong to the user that runs this, {Environment.UserName}, "
                    + "on a file system that can be written",
                e
            ),
            SqliteIoError => new(
                file,
                Words(e),
                "The disk or its file system fails; 'dmesg' shows the kernel's messages about it",
                e
            ),
            _ => new(file, Words(e), whenDamaged, e),
        };
    }

    /// <summary>The file system that holds a file is full.</summary>
    public static bool IsFull(string file)
    {
        try
        {
            return new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(file))!).AvailableFreeSpace < FullBelow;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    // .NET quotes the path in its messages.
    private static string? NamedIn(Exception e) => e.Message.Split('\'') is [_, ['/', ..] path, ..] ? path : null;

    // The system's error number. .NET keeps it in the exception, or in the inner exception if access was refused.
    private static int Code(Exception e) =>
        e is UnauthorizedAccessException ? e.InnerException?.HResult ?? AccessDenied
        : IsAllocationFailure(e) ? NoSpace
        : e.HResult;

    // Where a file's space is allocated as it is made, .NET tells of a full disk without the system's number.
    private static bool IsAllocationFailure(Exception e) =>
        e is IOException && e.Message.EndsWith("because the disk was full.", StringComparison.Ordinal);

    // SQLite's own words, as in "SQLite Error 11: 'database disk image is malformed'."
    private static string Words(Exception e) =>
        e.Message.Split('\'') is [_, var words, ..] ? words : e.Message.TrimEnd('.');
}
