namespace Agora.Contracts.Faults;

/// <summary>Says of a file that the system refuses what is wrong and what helps.</summary>
public static class FileFault
{
    // Of Linux, where they differ.
    private const int NotPermitted = 1, IoError = 5, WouldBlock = 11, AccessDenied = 13, Exists = 17, NotADirectory = 20,
        TooManyOpenHere = 23, TooManyOpen = 24, NoSpace = 28, ReadOnly = 30, QuotaExceeded = 122;

    // SQLite's result codes.
    private const int SqlitePermission = 3, SqliteBusy = 5, SqliteReadOnly = 8, SqliteIoError = 10, SqliteFull = 13, SqliteCannotOpen = 14;

    // SQLite cannot extend its files by one step on a disk with less; it does not always say that this is why.
    private const long FullBelow = 64 << 10;

    /// <summary>What helps against a refusal of the system, for all who cannot say it better.</summary>
    public static string Fix(Exception e) => Code(e) switch
    {
        NoSpace or QuotaExceeded => "Make room there, then start it again",
        ReadOnly => "Mount it writable, or name another directory with --data",
        NotPermitted or AccessDenied =>
            $"Give it to the user that runs this, {Environment.UserName} (chown, chmod), or run this as the user that owns it",
        TooManyOpen or TooManyOpenHere => "Allow more open files: 'ulimit -n 4096', or LimitNOFILE=4096 of the service",
        IoError => "The disk or its file system fails; 'dmesg' shows what the kernel says of it",
        Exists or NotADirectory => "A file lies where a directory belongs: move it away",
        WouldBlock => "Only one process at a time may use it: stop the other one",
        _ when e is FileNotFoundException or DirectoryNotFoundException => "Put it back, or name the right one",
        _ => "Put that right, then start it again",
    };

    /// <summary>A file cannot be used: what the system says, in its words, and what helps.</summary>
    /// <param name="file">The file or its directory: told where the system does not name one itself.</param>
    /// <param name="e">What was thrown.</param>
    public static FixableException Of(string file, Exception e) => e is FixableException known ? known : Describe(NamedIn(e) ?? file, e);

    private static FixableException Describe(string file, Exception e) => Code(e) switch
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

    /// <summary>A file of SQLite's cannot be used.</summary>
    /// <param name="file">The database.</param>
    /// <param name="code">SQLite's primary result code.</param>
    /// <param name="e">What its library threw.</param>
    /// <param name="whenDamaged">What helps where its content is at fault.</param>
    public static FixableException OfSqlite(string file, int code, Exception e, string whenDamaged)
    {
        ArgumentNullException.ThrowIfNull(e);
        return code switch
        {
            SqliteFull => new(file, "No space left on device", "Make room there, then start it again", e),
            SqliteIoError or SqliteCannotOpen when IsFull(file) => new(file, "No space left on device", "Make room there, then start it again", e),
            SqliteBusy => new(file, $"is used by {FileHolder.Describe(file)}", "Only one process at a time may use it: stop the other one", e),
            SqliteReadOnly or SqlitePermission or SqliteCannotOpen => new(
                file, $"cannot be opened for writing ({Words(e)})",
                $"Its directory and it must belong to the user that runs this, {Environment.UserName}, on a file system that can be written", e),
            SqliteIoError => new(file, Words(e), "The disk or its file system fails; 'dmesg' shows what the kernel says of it", e),
            _ => new(file, Words(e), whenDamaged, e),
        };
    }

    /// <summary>The file system that a file lies on has no room for anything more.</summary>
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

    // .NET puts the path into its messages, between quotation marks.
    private static string? NamedIn(Exception e) => e.Message.Split('\'') is [_, ['/', ..] path, ..] ? path : null;

    // The system's own number; .NET keeps it with the exception, or with the one inside where access was refused.
    private static int Code(Exception e) => e is UnauthorizedAccessException ? e.InnerException?.HResult ?? AccessDenied : e.HResult;

    // "SQLite Error 11: 'database disk image is malformed'." without what surrounds SQLite's own words.
    private static string Words(Exception e) => e.Message.Split('\'') is [_, var words, ..] ? words : e.Message.TrimEnd('.');
}
