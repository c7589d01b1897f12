using System.Globalization;
using Microsoft.Extensions.Logging;
using RotatingSequencer.Journal;

namespace Agora.Replication;

/// <summary>
/// Takes out of a replica's directory what can no longer be used, and keeps it: everything but the lock moves into
/// <c>set-aside/yyyyMMdd-HHmmss-N/</c>, beside a text that says why. The replica then starts with nothing and joins.
/// </summary>
/// <remarks>
/// <para>A move has two halves. <see cref="Begin"/> writes the reason into a directory whose name ends in
/// <c>.unfinished</c>, durably. From then on nothing here is used any more, whenever the process dies.
/// <see cref="Finish"/>, which every start calls before it opens anything, moves the files and takes the ending from
/// the name. So half a move is never taken for a replica's data, and a process that finds damage while its files are
/// open begins the move and ends.</para>
/// <para>Nothing is changed or deleted on the way. The newest <see cref="MaxKept"/> are kept; an older one goes only
/// when a newer is complete.</para>
/// <para>For the holder of the directory's lock.</para>
/// </remarks>
internal static class SetAside
{
    /// <summary>The directory's name in that of the replica.</summary>
    public const string DirectoryName = "set-aside";

    /// <summary>The file that says why.</summary>
    public const string ReasonName = "reason.txt";

    /// <summary>How many are kept.</summary>
    public const int MaxKept = 5;

    private const string Unfinished = ".unfinished";

    // A reason is one line, and read back for the status.
    private const int MaxReason = 1000;

    /// <summary>Moves everything aside that the directory holds, and returns where it is now.</summary>
    public static string Everything(string directory, string reason, TimeProvider time, ILogger logger)
    {
        Begin(directory, reason, time);
        return Finish(directory, logger)!;
    }

    /// <summary>
    /// Notes durably that nothing in the directory may be used any more. Where that is noted already, the first reason
    /// stays.
    /// </summary>
    public static void Begin(string directory, string reason, TimeProvider time)
    {
        if (FindUnfinished(directory) is not null)
        {
            return;
        }

        var root = Path.Combine(directory, DirectoryName);
        Directory.CreateDirectory(root);
        var number = Find(root).Select(e => e.Number).DefaultIfEmpty(0).Max() + 1;
        var stamp = time.GetUtcNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);

        // Its reason is complete before the name says that a move has begun.
        var begun = Path.Combine(root, $"{stamp}-{number.ToString(CultureInfo.InvariantCulture)}");
        var made = Directory.CreateDirectory(begun + ".new").FullName;
        using (FileStream file = new(Path.Combine(made, ReasonName), FileMode.Create, FileAccess.Write))
        {
            var line = reason.ReplaceLineEndings(" ");
            using StreamWriter text = new(file, leaveOpen: true);
            text.WriteLine(line.Length > MaxReason ? line[..MaxReason] : line);
            text.Flush();
            file.Flush(flushToDisk: true);
        }

        DiskSync.SyncDirectory(made);
        Directory.Move(made, begun + Unfinished);
        DiskSync.SyncDirectory(root);
        DiskSync.SyncDirectory(directory);
    }

    /// <summary>
    /// Completes a move that was begun; returns where everything is now, and null where none was begun.
    /// </summary>
    public static string? Finish(string directory, ILogger logger)
    {
        if (FindUnfinished(directory) is not { } unfinished)
        {
            return null;
        }

        foreach (var entry in Directory.GetFileSystemEntries(directory))
        {
            var name = Path.GetFileName(entry);
            if (name is not (DirectoryLock.FileName or DirectoryName))
            {
                // A name that is there already belongs to something that this replica made after a crash within the
                // move; both are kept.
                var target = Path.Combine(unfinished, name);
                for (var again = 2; Path.Exists(target); again++)
                {
                    target = Path.Combine(unfinished, $"{name}.{again.ToString(CultureInfo.InvariantCulture)}");
                }

                Directory.Move(entry, target);
            }
        }

        DiskSync.SyncDirectory(unfinished);
        DiskSync.SyncDirectory(directory);
        var root = Path.Combine(directory, DirectoryName);
        var done = unfinished[..^Unfinished.Length];
        Directory.Move(unfinished, done);
        DiskSync.SyncDirectory(root);
        logger.LogWarning("What this replica held is set aside in {Directory}: {Reason}", done, ReasonIn(done));
        RemoveOldest(root, logger);
        return done;
    }

    /// <summary>The newest that was set aside and why; null where nothing was.</summary>
    public static (string Directory, string Reason)? Latest(string directory)
    {
        var root = Path.Combine(directory, DirectoryName);
        return Find(root)
            .OrderBy(e => e.Number)
            .Select(e => ((string, string)?)(e.Path, ReasonIn(e.Path)))
            .LastOrDefault();
    }

    private static string? FindUnfinished(string directory)
    {
        var root = Path.Combine(directory, DirectoryName);
        return Directory.Exists(root) ? Directory.GetDirectories(root, "*" + Unfinished).FirstOrDefault() : null;
    }

    private static string ReasonIn(string directory)
    {
        try
        {
            return File.ReadAllText(Path.Combine(directory, ReasonName)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"its reason cannot be read ({e.Message})";
        }
    }

    private static void RemoveOldest(string root, ILogger logger)
    {
        foreach (var (path, _) in Find(root).OrderByDescending(e => e.Number).Skip(MaxKept))
        {
            Directory.Delete(path, recursive: true);
            logger.LogWarning("{Directory} is removed: {Kept} that were set aside later are kept", path, MaxKept);
        }
    }

    // What has another name is not ours, and left alone. The number decides, as clocks may go back.
    private static List<(string Path, long Number)> Find(string root)
    {
        List<(string Path, long Number)> found = [];
        foreach (var path in Directory.Exists(root) ? Directory.GetDirectories(root) : [])
        {
            if (
                Path.GetFileName(path).Split('-') is [{ Length: 8 }, { Length: 6 }, var last]
                && long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            )
            {
                found.Add((path, number));
            }
        }

        return found;
    }
}
