using System.Globalization;

namespace Agora.Cluster;

/// <summary>Finds the processes that have a file open.</summary>
public static class FileHolder
{
    private const int MaxCommand = 100;

    /// <summary>
    /// The holders of a file, e.g. <c>process 4711 (agora run products 3)</c>, or how to find out if it is not known
    /// here.
    /// </summary>
    public static string Describe(string file)
    {
        int[] holders = [.. Find(Path.GetFullPath(file))];
        // This process may have it open too: it has just tried to take it.
        int[] others = [.. holders.Where(pid => pid != Environment.ProcessId)];
        return others.Length > 0 ? string.Join(" and ", others.Select(Describe))
            : holders.Length > 0 ? "this same process"
            : $"another process ('fuser {file}' as root shows which)";
    }

    /// <summary>A process, with its command if this user may see it.</summary>
    public static string Describe(int pid)
    {
        var number = pid.ToString(CultureInfo.InvariantCulture);
        try
        {
            var words = File.ReadAllText($"/proc/{number}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 0)
            {
                var command = string.Join(' ', [Path.GetFileName(words[0]), .. words[1..]]);
                return $"process {number} ({(command.Length > MaxCommand ? command[..MaxCommand] + "…" : command)})";
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has ended, or this system has no /proc.
        }

        return $"process {number}";
    }

    // The kernel shows the open files of each process as links.
    private static IEnumerable<int> Find(string file)
    {
        if (!Directory.Exists("/proc/self/fd"))
        {
            yield break;
        }

        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (
                int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && HasOpen(process, file)
            )
            {
                yield return pid;
            }
        }
    }

    private static bool HasOpen(string process, string file)
    {
        try
        {
            return Directory
                .EnumerateFileSystemEntries(Path.Combine(process, "fd"))
                .Any(open => new FileInfo(open).LinkTarget == file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
