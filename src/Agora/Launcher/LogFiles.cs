namespace Agora.Launcher;

/// <summary>
/// The files that processes under a supervisor write their standard output and error to. A process appends to its file itself, so that nothing
/// is lost when the supervisor dies; the supervisor keeps each one bounded.
/// </summary>
internal static class LogFiles
{
    /// <summary>Two of these a process at most: the file, and the one before it.</summary>
    public const long Largest = 8 * 1024 * 1024;

    /// <summary>What a program of ours begins the line with that says why it ends.</summary>
    public const string ComplaintPrefix = "agora: ";

    // What the runtime begins it with where a program of ours could not.
    private const string RuntimesPrefix = "Unhandled exception.";

    /// <summary>
    /// Puts a file that has grown too large aside. It is copied and cut, not renamed: its writer appends, and goes on at the new end. A line
    /// written between the two steps is lost.
    /// </summary>
    public static void KeepSmall(string path)
    {
        if (Length(path) > Largest)
        {
            File.Copy(path, path + ".1", overwrite: true);
            using FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.SetLength(0);
        }
    }

    /// <summary>Its length; 0 when it is not there.</summary>
    public static long Length(string path)
    {
        FileInfo file = new(path);
        return file.Exists ? file.Length : 0;
    }

    /// <summary>The last line, written behind <paramref name="start"/>, with which a process said why it ends; null when there is none.</summary>
    public static string? Complaint(string path, long start)
    {
        const int Tail = 16 * 1024;
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            file.Position = Math.Max(start <= file.Length ? start : 0, file.Length - Tail);
            using StreamReader reader = new(file);
            string[] lines = reader.ReadToEnd().Split('\n');
            return Last(lines, ComplaintPrefix) ?? Last(lines, RuntimesPrefix) ?? Last(lines, "Out of memory");

            static string? Last(string[] lines, string prefix) =>
                lines.LastOrDefault(line => line.StartsWith(prefix, StringComparison.Ordinal)) is { } line
                    ? (prefix == ComplaintPrefix ? line[prefix.Length..] : line).TrimEnd()
                    : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The exit code alone has to do.
            return null;
        }
    }
}
