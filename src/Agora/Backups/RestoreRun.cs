using Agora.Cluster;
using Agora.Launcher;
using Agora.Replication;
using Microsoft.Data.Sqlite;
using RotatingSequencer.Journal;

namespace Agora.Backups;

/// <summary>What was restored on this host.</summary>
/// <param name="Backup">The back-up.</param>
/// <param name="Data">The data directory.</param>
/// <param name="Cluster">The id of the cluster that has the data now.</param>
/// <param name="Processes">The processes whose data is there.</param>
internal sealed record RestoredProcesses(string Backup, string Data, string Cluster, IReadOnlyList<string> Processes);

/// <summary>
/// Puts a back-up into the data directory of one host of another cluster: the database replicas and payments that run
/// there. Each host does so for itself, from the same back-up.
/// </summary>
/// <remarks>
/// The other cluster has an id of its own. So a replica of the old one that still runs, or comes back some day with its
/// disk, is refused by these, as they are by it: neither can tell the other anything of a history that is not its own.
/// </remarks>
internal sealed class RestoreRun(ClusterFile cluster, DataDirectory data, Action<string> say)
{
    private const string Unfinished = ".restoring";

    /// <summary>Refuses to restore over something; to be asked before anything is made.</summary>
    /// <exception cref="CommandFailedException">The data directory is in use, or holds data of these
    /// processes.</exception>
    public void RefuseData(IReadOnlyList<ClusterProcess> processes)
    {
        data.RefuseForeign();
        if (data.Holder() is { } holder)
        {
            throw data.AlreadyUp(holder);
        }

        string[] taken =
        [
            .. processes
                .Select(data.Of)
                .Where(d => Directory.Exists(d) && Directory.EnumerateFileSystemEntries(d).Any()),
        ];
        if (taken.Length > 0)
        {
            throw new CommandFailedException(
                $"{string.Join(", ", taken)} {(taken.Length == 1 ? "holds" : "hold")} data, and nothing is restored "
                    + "over data; move it away, or name a new data directory with --data"
            );
        }
    }

    /// <summary>Checks a back-up, before anything is made of it.</summary>
    /// <exception cref="CommandFailedException">It is damaged, or of another format.</exception>
    public BackupVerdict Check(string directory)
    {
        var verdict = BackupCheck.Run(directory);
        if (!verdict.Good)
        {
            throw new CommandFailedException(
                $"{verdict.Directory} is not restored: {string.Join("; ", verdict.Faults)}; use another back-up"
            );
        }

        foreach (var problem in verdict.Problems)
        {
            say($"warning: the books in the back-up do not balance: {problem}");
        }

        return verdict;
    }

    /// <summary>Restores the processes.</summary>
    /// <param name="verdict">The back-up, which is good.</param>
    /// <param name="processes">Database replicas and payments of this host.</param>
    /// <param name="id">The id of their cluster.</param>
    /// <param name="cancellationToken">Ends it; then the processes have no data.</param>
    public async Task<RestoredProcesses> RunAsync(
        BackupVerdict verdict,
        IReadOnlyList<ClusterProcess> processes,
        string id,
        CancellationToken cancellationToken
    )
    {
        if (verdict.Manifest.Cluster == id)
        {
            throw new CommandFailedException(
                $"the back-up is of cluster {id}, and these keys are of the same: a replica that is left of it could "
                    + "meet the restored ones. Make new keys: 'agora cluster init' with another --output, or without "
                    + "a cluster file a new --data"
            );
        }

        // The marker comes first: what follows it is known to be ours.
        data.CheckOwner(cluster, id);
        List<(string Made, string Name)> made = [];
        foreach (var process in processes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = data.Of(process);
            var unfinished = name + Unfinished;
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }

            try
            {
                await Task.Run(() => Make(process, verdict, unfinished, id), cancellationToken);
            }
            catch (SqliteException e)
            {
                throw FileFault.OfSqlite(unfinished, e.SqliteErrorCode, e, "Restore another back-up");
            }

            made.Add((unfinished, name));
            say($"{process.Name}: restored");
        }

        // All that can fail has been done.
        foreach (var (unfinished, name) in made)
        {
            if (Directory.Exists(name))
            {
                Directory.Delete(name);
            }

            PrivateDirectory.Tighten(unfinished);
            Directory.Move(unfinished, name);
        }

        DiskSync.SyncDirectory(data.Root);
        return new RestoredProcesses(verdict.Directory, data.Root, id, [.. processes.Select(p => p.Name)]);
    }

    /// <summary>Whether a process has data that a back-up holds.</summary>
    public static bool HasData(ClusterProcess process) =>
        process.Component is Components.Customers or Components.Products or Components.Payments;

    private void Make(ClusterProcess process, BackupVerdict verdict, string directory, string id)
    {
        if (process.Component == Components.Payments)
        {
            RestorePayments(Path.Combine(verdict.Directory, verdict.Manifest.Payments.File), directory);
            return;
        }

        var isCustomers = process.Component == Components.Customers;
        var part = isCustomers ? verdict.Manifest.Customers : verdict.Manifest.Products;
        DatabaseCopy.Restore(
            Path.Combine(verdict.Directory, part.File),
            part.State,
            directory,
            isCustomers ? cluster.Customers : cluster.Products,
            process.Component,
            process.Replica,
            id
        );
    }

    private static void RestorePayments(string file, string directory)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, "payments.db");
        File.Copy(file, path);
        using (var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
        {
            DiskSync.SyncData(handle, path);
        }

        DiskSync.SyncDirectory(directory);
    }
}
