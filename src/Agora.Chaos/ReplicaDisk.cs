namespace Agora.Chaos;

/// <summary>What chaos does to the directory of a replica that is dead.</summary>
/// <remarks>
/// A copy leaves out locks, which belong to a process, and what the replica has set aside, which it does not read.
/// </remarks>
internal static class ReplicaDisk
{
    // Where SQLite keeps the state. Its rows have no checksum: a byte that flips there is found by scrubbing, and
    // served until then (docs/architecture.md, "Scrubbing"). So chaos flips only what a start looks at.
    private const string State = "state.db";
    private const int StateHeader = 100;

    private const string Lock = "lock";
    private const string SetAside = "set-aside";

    /// <summary>The directory is gone.</summary>
    public static void Lose(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Copies a directory, of a process that is dead, stands still or goes on to write.</summary>
    public static void Copy(string directory, string target)
    {
        Directory.CreateDirectory(target);
        foreach (var file in Files(directory))
        {
            var copy = Path.Combine(target, Path.GetRelativePath(directory, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            using FileStream from = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using FileStream to = new(copy, FileMode.Create, FileAccess.Write);
            from.CopyTo(to);
        }
    }

    /// <summary>Puts a copy in the place of a directory.</summary>
    public static void Replace(string directory, string copy)
    {
        Lose(directory);
        Copy(copy, directory);
    }

    /// <summary>Flips one byte of one file; returns which, or null where there is nothing to flip.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="pick">Picks the file and the byte among those that are written.</param>
    public static string? FlipByte(string directory, ulong pick)
    {
        var files = Files(directory)
            .Where(f => !Path.GetFileName(f).StartsWith(State + "-", StringComparison.Ordinal))
            .Select(f => (Path: f, Length: Written(f)))
            .Where(f => f.Length > 0)
            .ToList();
        if (files.Count == 0)
        {
            return null;
        }

        var (path, length) = files[(int)(pick % (ulong)files.Count)];
        var at = (long)(pick / (ulong)files.Count % (ulong)length);
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = at;
        var old = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)~old);
        return FormattableString.Invariant($"byte {at} of {Path.GetRelativePath(directory, path)}");
    }

    // In an order that depends on nothing but their names.
    private static List<string> Files(string directory) =>
        !Directory.Exists(directory)
            ? []
            :
            [
                .. Directory
                    .GetFiles(directory, "*", SearchOption.AllDirectories)
                    .Where(f =>
                        Path.GetFileName(f) != Lock
                        && !f.StartsWith(Path.Combine(directory, SetAside) + "/", StringComparison.Ordinal)
                    )
                    .Order(StringComparer.Ordinal),
            ];

    // Logs and journals are allocated ahead: behind the last byte that is not zero nothing was written.
    private static int Written(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read);
        var content = new byte[Path.GetFileName(path) == State ? Math.Min(StateHeader, file.Length) : file.Length];
        file.ReadExactly(content);
        return content.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
    }
}
