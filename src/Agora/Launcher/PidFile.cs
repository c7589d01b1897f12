using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Agora.Launcher;

/// <summary>
/// A file that names a process while it runs. A killed supervisor leaves these files behind, and the next one ends the
/// processes that they name before it starts anything.
/// </summary>
internal static class PidFile
{
    // The start time is computed from the machine's uptime, and two readers may round it differently.
    private static readonly TimeSpan s_tolerance = TimeSpan.FromSeconds(2);

    /// <summary>Writes the file, unless the process has ended already. False if it cannot be written.</summary>
    public static bool TryWrite(string path, Process process)
    {
        try
        {
            File.WriteAllText(
                path,
                string.Create(CultureInfo.InvariantCulture, $"{process.Id} {process.StartTime.ToUniversalTime():O}")
            );
            return true;
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // The process has ended already, so it has no start time and needs no file.
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Removes the file. If that fails it does no harm: the file names a process that has ended.</summary>
    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    /// <summary>
    /// The process that a file names, if it still runs. Its start time must match too, so this is never another process
    /// that got the id later.
    /// </summary>
    public static Process? Find(string path)
    {
        var parts = File.ReadAllText(path).Split(' ');
        if (
            parts.Length != 2
            || !int.TryParse(parts[0], CultureInfo.InvariantCulture, out var pid)
            || !DateTime.TryParse(
                parts[1],
                CultureInfo.InvariantCulture,
                DateTimeStyles.RoundtripKind,
                out var startedAt
            )
        )
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
            // It does not exist, or ends just now, or belongs to another user.
        }

        process?.Dispose();
        return null;
    }

    /// <summary>
    /// Ends the processes that the files still name, and removes the files. A process that does not end in order within
    /// the bound is killed.
    /// </summary>
    public static async Task<int> EndLeftoversAsync(
        IEnumerable<string> paths,
        TimeSpan bound,
        CancellationToken cancellationToken
    )
    {
        List<(string Path, Process Process)> leftovers = [];
        foreach (var path in paths.Where(File.Exists))
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

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(bound);
        foreach ((var path, var process) in leftovers)
        {
            using (process)
            {
                try
                {
                    await process.WaitForExitAsync(timeout.Token);
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
