using System.Globalization;

namespace Agora.Contracts.Faults;

/// <summary>Who has a file open that somebody else needs.</summary>
public static class FileHolder
{
    private const int MaxCommand = 100;

    /// <summary>For people: <c>process 4711 (agora run products 3)</c>, or that it is not known here.</summary>
    public static string Describe(string file)
    {
        int[] holders = [.. Find(Path.GetFullPath(file))];
        // A process that asks may have it open too, on its way to finding out that it cannot have it.
        int[] others = [.. holders.Where(pid => pid != Environment.ProcessId)];
        return others.Length > 0 ? string.Join(" and ", others.Select(Describe))
            : holders.Length > 0 ? "this same process"
            : $"another process ('fuser {file}' as root tells which)";
    }

    /// <summary>A process and its command, as far as this user may see it.</summary>
    public static string Describe(int pid)
    {
        var number = pid.ToString(CultureInfo.InvariantCulture);
        try
        {
            string[] words = File.ReadAllText($"/proc/{number}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 0)
            {
                var command = string.Join(' ', [Path.GetFileName(words[0]), .. words[1..]]);
                return $"process {number} ({(command.Length > MaxCommand ? command[..MaxCommand] + "…" : command)})";
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or there is no /proc here.
        }
        return $"process {number}";
    }

    // The kernel shows each process's open files as links, to those who may see them.
    private static IEnumerable<int> Find(string file)
    {
        if (!Directory.Exists("/proc/self/fd"))
        {
            yield break;
        }
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && HasOpen(process, file))
            {
                yield return pid;
            }
        }
    }

    private static bool HasOpen(string process, string file)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(Path.Combine(process, "fd")).Any(open => new FileInfo(open).LinkTarget == file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
