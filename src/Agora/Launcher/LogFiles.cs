namespace Agora.Launcher;

/// <summary>
/// The log files of the processes under a supervisor. Each process appends its standard output and error to its file
/// itself, so nothing is lost when the supervisor dies. The supervisor bounds the size of the files.
/// </summary>
internal static class LogFiles
{
    /// <summary>
    /// The largest size of a file. A process has at most two: the present one, and the one before it.
    /// </summary>
    public const long MaxBytes = 8 * 1024 * 1024;

    /// <summary>The beginning of the line in which this program says why it ends.</summary>
    public const string ErrorPrefix = "agora: ";

    // The beginning of the runtime's own line, if the program could not write one.
    private const string RuntimeErrorPrefix = "Unhandled exception.";

    /// <summary>
    /// Moves the content of a file that is too large to a second file. The file is copied and truncated, not renamed,
    /// because its writer goes on appending to it. A line that is written between the two steps is lost.
    /// </summary>
    public static void KeepSmall(string path)
    {
        if (Length(path) > MaxBytes)
        {
            File.Copy(path, path + ".1", overwrite: true);
            using FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.SetLength(0);
        }
    }

    /// <summary>The length of a file; 0 if it does not exist.</summary>
    public static long Length(string path)
    {
        FileInfo file = new(path);
        return file.Exists ? file.Length : 0;
    }

    /// <summary>
    /// The last line after <paramref name="start"/> in which a process said why it ended; null if there is none.
    /// </summary>
    public static string? LastError(string path, long start)
    {
        const int Tail = 16 * 1024;
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            file.Position = Math.Max(start <= file.Length ? start : 0, file.Length - Tail);
            using StreamReader reader = new(file);
            var lines = reader.ReadToEnd().Split('\n');
            return Last(lines, ErrorPrefix) ?? Last(lines, RuntimeErrorPrefix) ?? Last(lines, "Out of memory");

            static string? Last(string[] lines, string prefix) =>
                lines.LastOrDefault(line => line.StartsWith(prefix, StringComparison.Ordinal)) is { } line
                    ? (prefix == ErrorPrefix ? line[prefix.Length..] : line).TrimEnd()
                    : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The exit code must do.
            return null;
        }
    }
}
