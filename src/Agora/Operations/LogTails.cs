using Agora.Cluster;
using Agora.Launcher;
using Agora.Trading;
using Agora.Web.Operations;

namespace Agora.Operations;

/// <summary>Reads the ends of logs.</summary>
internal static class LogTails
{
    /// <summary>More is not read.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>More lines are not shown.</summary>
    public const int MaxLines = 200;

    // A single line may hold a stack trace or worse.
    private const int MaxLine = 2000;

    /// <summary>The last lines of a process's log; null if there is no log here.</summary>
    public static async Task<LogTail?> ReadAsync(
        DataDirectory data,
        ClusterProcess process,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await using FileStream file = new(
                data.LogOf(process),
                FileMode.Open,
                FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete
            );
            var from = Math.Max(0, file.Length - MaxBytes);
            file.Position = from;
            using StreamReader reader = new(file);
            var buffer = new char[MaxBytes];
            var read = await reader.ReadBlockAsync(buffer, cancellationToken);
            return Of(process.Name, new string(buffer, 0, read), from > 0);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The last lines of a text; the first one may be the end of a line, and is then left out.</summary>
    internal static LogTail Of(string process, string text, bool isCut)
    {
        var lines = text.Length == 0 ? [] : text.TrimEnd('\n').Split('\n');
        if (isCut && lines.Length > 1)
        {
            lines = lines[1..];
        }

        if (lines.Length > MaxLines)
        {
            (lines, isCut) = (lines[^MaxLines..], true);
        }

        return new LogTail(process, [.. lines.Select(Line)], isCut);
    }

    private static string Line(string line)
    {
        var shown = line.TrimEnd('\r').Replace("\t", "    ", StringComparison.Ordinal);
        return Printable.Of(shown.Length <= MaxLine ? shown : shown[..MaxLine] + "…");
    }
}
