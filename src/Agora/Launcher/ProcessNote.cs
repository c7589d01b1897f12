using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Agora.Launcher;

/// <summary>
/// A note of a started process, kept in a file while it runs. A supervisor that is killed leaves its notes behind, and the next one
/// ends what they still name before it starts anything.
/// </summary>
internal static class ProcessNote
{
    // The start time is computed from the machine's uptime, which two readers round differently.
    private static readonly TimeSpan s_tolerance = TimeSpan.FromSeconds(2);

    /// <summary>Writes a note, unless the process has ended already. False when it cannot be written.</summary>
    public static bool TryWrite(string path, Process process)
    {
        try
        {
            File.WriteAllText(path, string.Create(CultureInfo.InvariantCulture, $"{process.Id} {process.StartTime.ToUniversalTime():O}"));
            return true;
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It has ended already: it has no start time any more, and needs no note.
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Removes a note. One that cannot be removed does no harm: it names a process that has ended.</summary>
    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>The process of a note, if it still runs: same id and same start, so never a stranger that got the id later.</summary>
    public static Process? Find(string path)
    {
        string[] parts = File.ReadAllText(path).Split(' ');
        if (parts.Length != 2
            || !int.TryParse(parts[0], CultureInfo.InvariantCulture, out int pid)
            || !DateTime.TryParse(parts[1], CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out DateTime startedAt))
        {
            return null;
        }
        Process? process = null;
        try
        {
            process = Process.GetProcessById(pid);
            if ((process.StartTime.ToUniversalTime() - startedAt).Duration() <= s_tolerance)
            {
                return process;
            }
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception)
        {
            // There is none, or it ends just now, or it is not ours to look at.
        }
        process?.Dispose();
        return null;
    }

    /// <summary>Ends what the notes in <paramref name="paths"/> still name, in order where it obeys within the bound, and removes them.</summary>
    public static async Task<int> EndLeftoversAsync(IEnumerable<string> paths, TimeSpan bound, CancellationToken cancellationToken)
    {
        List<(string Path, Process Process)> leftovers = [];
        foreach (string path in paths.Where(File.Exists))
        {
            if (Find(path) is { } process)
            {
                Posix.Terminate(process.Id);
                leftovers.Add((path, process));
            }
            else
            {
                Remove(path);
            }
        }
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(bound);
        foreach ((string path, Process process) in leftovers)
        {
            using (process)
            {
                try
                {
                    await process.WaitForExitAsync(patience.Token);
                }
                catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
                {
                    process.Kill();
                    await process.WaitForExitAsync(cancellationToken);
                }
                Remove(path);
            }
        }
        return leftovers.Count;
    }
}
