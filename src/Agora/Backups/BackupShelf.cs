using Agora.Launcher;
using RotatingSequencer.Journal;

namespace Agora.Backups;

/// <summary>
/// The directory that holds the back-ups of a marketplace, one directory each. One that is being made has a name that
/// ends in <see cref="Unfinished"/>, and so has one that is being removed: neither is ever taken for a back-up.
/// </summary>
internal sealed class BackupShelf
{
    public const string Unfinished = ".agora-unfinished";

    private const string LockName = "lock";

    private readonly string _target;
    private readonly string _parent;

    /// <param name="target">The back-up that is to be made.</param>
    /// <exception cref="CommandFailedException">There is something under that name, or it is none.</exception>
    public BackupShelf(string target)
    {
        _target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        _parent =
            Path.GetDirectoryName(_target)
            ?? throw new CommandFailedException($"{target} cannot be a back-up; name a new directory");
        if (Path.Exists(_target))
        {
            throw new CommandFailedException(
                $"{_target} is there already, and no back-up is written over; name a new directory, such as "
                    + $"{Path.Combine(_parent, "$(date +%Y%m%dT%H%M%S)")}"
            );
        }
    }

    /// <summary>Begins the back-up under another name. Only this user can read it: it holds accounts.</summary>
    public Work Begin()
    {
        Directory.CreateDirectory(_parent);
        RemoveLeftovers();
        var directory = $"{_target}.{Guid.NewGuid():N}{Unfinished}";
        PrivateDirectory.Make(directory);
        return new Work(directory, _target);
    }

    /// <summary>The complete back-ups of a cluster, the newest first.</summary>
    public IReadOnlyList<(string Directory, BackupManifest Manifest)> Of(string cluster) =>
        Directory.Exists(_parent)
            ?
            [
                .. Directory
                    .GetDirectories(_parent)
                    .Where(d => !d.EndsWith(Unfinished, StringComparison.Ordinal))
                    .Select(d => (Directory: d, Manifest: TryRead(d)))
                    .Where(b => b.Manifest?.Cluster == cluster)
                    .Select(b => (b.Directory, b.Manifest!))
                    .OrderByDescending(b => b.Item2.Time),
            ]
            : [];

    /// <summary>The newest back-up of a cluster; null where there is none.</summary>
    public (string Directory, BackupManifest Manifest)? Newest(string cluster) =>
        Of(cluster) is [var newest, ..] ? newest : null;

    /// <summary>
    /// Removes all but the newest back-ups of a cluster; returns what is gone. The one that was just made stays, also
    /// where a clock has been set back.
    /// </summary>
    public IReadOnlyList<string> Keep(int count, string cluster)
    {
        string[] old = [.. Of(cluster).Select(b => b.Directory).Where(d => d != _target).Skip(count - 1)];
        foreach (var directory in old)
        {
            var leaving = directory + Unfinished;
            Directory.Move(directory, leaving);
            Directory.Delete(leaving, recursive: true);
        }

        return old;
    }

    // What another run is writing is locked.
    private void RemoveLeftovers()
    {
        foreach (var left in Directory.GetDirectories(_parent, "*" + Unfinished))
        {
            try
            {
                using (Lock(left))
                {
                    Directory.Delete(left, recursive: true);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It is in use, or cannot be removed: it does no harm.
            }
        }
    }

    private static FileStream Lock(string directory) =>
        new(Path.Combine(directory, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    // Other directories may lie beside the back-ups, and back-ups of other versions.
    private static BackupManifest? TryRead(string directory)
    {
        try
        {
            return File.Exists(Path.Combine(directory, BackupManifest.FileName))
                ? BackupManifest.Read(directory)
                : null;
        }
        catch (CommandFailedException)
        {
            return null;
        }
    }

    /// <summary>A back-up that is being made; unless it is completed, it is gone when it is disposed.</summary>
    internal sealed class Work(string directory, string target) : IDisposable
    {
        private readonly FileStream _lock = Lock(directory);
        private bool _isComplete;

        public string this[string file] => Path.Combine(directory, file);

        /// <summary>Writes the manifest, syncs everything and gives the directory its name.</summary>
        public void Complete(BackupManifest manifest)
        {
            File.WriteAllText(this[BackupManifest.FileName], manifest.ToJson() + "\n");
            File.Delete(this[LockName]);
            foreach (var file in Directory.GetFiles(directory))
            {
                using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite);
                DiskSync.SyncData(handle, file);
            }

            DiskSync.SyncDirectory(directory);
            Directory.Move(directory, target);
            DiskSync.SyncDirectory(Path.GetDirectoryName(target)!);
            _isComplete = true;
        }

        public void Dispose()
        {
            _lock.Dispose();
            if (!_isComplete && Directory.Exists(directory))
            {
                Directory.Delete(directory, recursive: true);
            }
        }
    }
}
