using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// The directory in which the processes of one host keep their data. Only its owner can read it.
/// <code>
/// agora-data.json                    marks the directory, and names the shape of the cluster that its data belongs to
/// cluster.json                       the cluster file of the last `up`
/// &lt;component&gt;-&lt;replica&gt;/              a replica's data
/// logs/&lt;component&gt;-&lt;replica&gt;.log      a replica's log
/// logs/events.jsonl                  what has happened, for the operations page
/// secrets/                           the cluster's keys, unless they are elsewhere
/// lab/                               while up with --lab: the cluster file of each process, and of the clients
/// run/                               while up: lock, process ids, control socket (or its path)
/// </code>
/// </summary>
internal sealed partial class DataDirectory
{
    public const string DefaultName = ".agora";

    private const string HowToGoOn = "'--data' names another directory";

    // sun_path has 108 bytes on Linux and 104 elsewhere, the terminator included.
    private const int MaxSocketPath = 103;

    public DataDirectory(string path) =>
        Root =
            path.Length > 0 && !path.Contains('\0', StringComparison.Ordinal)
                ? Path.GetFullPath(path)
                : throw new CommandFailedException("--data: names no directory");

    public string Root { get; }
    public string Logs => Path.Combine(Root, "logs");
    public string ClusterFile => Path.Combine(Root, "cluster.json");
    public ClusterSecrets Secrets => new(Path.Combine(Root, ClusterSecrets.DirectoryName));

    /// <summary>The keys with which the marketplace on this directory was last started.</summary>
    public ClusterSecrets SecretsInUse
    {
        get => File.Exists(SecretsNote) ? new ClusterSecrets(File.ReadAllText(SecretsNote)) : Secrets;
        set => File.WriteAllText(SecretsNote, value.Directory);
    }

    /// <summary>The supervisor's log of events, for the operations page.</summary>
    public string EventLog => Path.Combine(Logs, "events.jsonl");

    public string SupervisorLog => Path.Combine(Logs, "supervisor.log");
    private string Marker => Path.Combine(Root, "agora-data.json");
    private string RunDirectory => Path.Combine(Root, "run");
    private string SecretsNote => Path.Combine(RunDirectory, "secrets");
    private string LockFile => Path.Combine(RunDirectory, "lock");

    private string LabDirectory => Path.Combine(Root, "lab");

    public string Of(ClusterProcess process) => Path.Combine(Root, FileName(process));

    public string LogOf(ClusterProcess process) => Path.Combine(Logs, FileName(process) + ".log");

    /// <summary>The file in which the supervisor notes how a process ended last.</summary>
    public string ExitFileOf(ClusterProcess process) => Path.Combine(RunDirectory, FileName(process) + ".exit");

    public string PidFileOf(ClusterProcess process) => Path.Combine(RunDirectory, FileName(process) + ".pid");

    /// <summary>In the lab, the cluster file of a process or of the clients.</summary>
    public string LabFileOf(string party) => Path.Combine(LabDirectory, party.Replace('/', '-') + ".json");

    /// <summary>In the lab, the file that sets a process's clock wrong (<see cref="LabClock"/>).</summary>
    public string LabClockOf(string process) => Path.Combine(LabDirectory, process.Replace('/', '-') + ".clock");

    /// <summary>Replaces the lab's cluster files; without new ones, only removes them.</summary>
    public void WriteLabFiles(IReadOnlyDictionary<string, string> files)
    {
        if (Directory.Exists(LabDirectory))
        {
            Directory.Delete(LabDirectory, recursive: true);
        }

        foreach ((var party, var json) in files)
        {
            Directory.CreateDirectory(LabDirectory);
            File.WriteAllText(LabFileOf(party), json);
        }
    }

    private static string FileName(ClusterProcess process) =>
        string.Create(CultureInfo.InvariantCulture, $"{process.Component}-{process.Replica}");

    /// <summary>
    /// The supervisor's socket. It is in the directory, or, if that path is too long for a socket, in a separate
    /// directory whose path the supervisor has noted. Null if that note is missing, so that no supervisor can be up.
    /// </summary>
    /// <exception cref="CommandFailedException">Another user may have put something there.</exception>
    public string? ControlSocket
    {
        get
        {
            var path = Path.Combine(RunDirectory, "control.sock");
            if (Encoding.UTF8.GetByteCount(path) <= MaxSocketPath)
            {
                return path;
            }

            if (!File.Exists(SocketNote))
            {
                return null;
            }

            var directory = File.ReadAllText(SocketNote);
            return !Directory.Exists(directory) ? null
                : PrivateDirectory.Problem(directory) is { } problem
                    ? throw new CommandFailedException(
                        $"the control socket of {Root} is not to be trusted: {problem}; 'agora up' makes another one"
                    )
                : Path.Combine(directory, "control.sock");
        }
    }

    private string SocketNote => Path.Combine(RunDirectory, "control.path");

    /// <summary>
    /// Locks the directory for a supervisor, and makes it if it is missing. Refuses a directory that is in use, that
    /// holds foreign files, or that holds data of a cluster of another shape. The system releases the lock when the
    /// process ends.
    /// </summary>
    public async Task<FileStream> TakeAsync(ClusterFile cluster, bool fresh, CancellationToken cancellationToken)
    {
        try
        {
            RefuseForeign();
            PrivateDirectory.Make(Root);
            PrivateDirectory.Make(RunDirectory);
            if (PrivateDirectory.Problem(RunDirectory) is { } problem)
            {
                throw new CommandFailedException(
                    $"{problem}, so it cannot hold the control socket; name another data directory with --data"
                );
            }

            var held = await LockAsync(cancellationToken);
            try
            {
                if (fresh)
                {
                    Empty();
                }

                CheckShape(DataMarker.Of(cluster), $"'--fresh' begins empty, {HowToGoOn}");
                PrepareLogs();
                PrepareSocket();
                File.WriteAllText(ClusterFile, cluster.ToJson());
                return held;
            }
            catch
            {
                held.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"the data directory {Root} cannot be used: {FailureMessage.Of(e)}", e);
        }
    }

    /// <summary>
    /// The process id that the supervisor noted when it locked the directory, or 0 if it cannot be read; null if no
    /// supervisor holds the directory.
    /// </summary>
    public int? Holder()
    {
        if (!File.Exists(LockFile))
        {
            return null;
        }

        try
        {
            // An exclusive lock conflicts with the holder's. It is released at once.
            using FileStream probe = new(LockFile, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return null;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CommandFailedException($"the data directory {Root} cannot be used: {FailureMessage.Of(e)}", e);
        }
        catch (IOException)
        {
            return int.TryParse(
                File.Exists(HolderFile) ? File.ReadAllText(HolderFile) : "",
                CultureInfo.InvariantCulture,
                out var pid
            )
                ? pid
                : 0;
        }
    }

    /// <summary>
    /// Makes one replica's directory, readable only by its owner because it holds accounts, and checks that it can be
    /// written.
    /// </summary>
    public string Prepare(ClusterProcess process)
    {
        var directory = Of(process);
        try
        {
            PrivateDirectory.Make(Root);
            PrivateDirectory.Make(directory);
            var probe = Path.Combine(directory, $".probe-{Environment.ProcessId}");
            using (
                new FileStream(
                    probe,
                    FileMode.Create,
                    FileAccess.Write,
                    FileShare.None,
                    bufferSize: 1,
                    FileOptions.DeleteOnClose
                )
            ) { }

            return directory;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException(
                $"{process.Name}: the directory {directory} cannot be written: {FailureMessage.Of(e)}",
                e
            );
        }
    }

    // No other process can read the locked file, so the process id is in a file beside it.
    private string HolderFile => Path.Combine(RunDirectory, "supervisor.pid");

    private async Task<FileStream> LockAsync(CancellationToken cancellationToken)
    {
        // Several tries, because Holder() takes the lock for a moment too.
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                FileStream held = new(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                await File.WriteAllTextAsync(
                    HolderFile,
                    Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
                    cancellationToken
                );
                return held;
            }
            catch (IOException) when (attempt < 10)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
            }
            catch (IOException) when (Holder() is { } pid)
            {
                throw AlreadyUp(pid);
            }
        }
    }

    /// <summary>
    /// The refusal to use the directory while process <paramref name="holder"/> uses it.
    /// </summary>
    public CommandFailedException AlreadyUp(int holder) =>
        new(
            string.Create(
                CultureInfo.InvariantCulture,
                $"a marketplace is already up on {Root} "
                    + $"({(holder > 0 ? FileHolder.Describe(holder) : FileHolder.Describe(LockFile))}); "
                    + $"'agora status' shows it, 'agora down' ends it, '--data' names another directory"
            )
        );

    /// <summary>
    /// Refuses a directory with foreign files: they must neither be mixed with ours nor be removed by <c>--fresh</c>.
    /// </summary>
    public void RefuseForeign()
    {
        if (File.Exists(Root))
        {
            throw new CommandFailedException($"{Root} is a file; name a directory with --data");
        }

        if (!Directory.Exists(Root) || File.Exists(Marker))
        {
            return;
        }

        var foreign = Directory
            .EnumerateFileSystemEntries(Root)
            .Select(Path.GetFileName)
            .FirstOrDefault(name => !Ours().IsMatch(name!));
        if (foreign is not null)
        {
            throw new CommandFailedException(
                $"{Root} holds {foreign}, so it is no data directory of Agora; name an empty or a new one with --data"
            );
        }
    }

    // The lock and the supervisor's log stay, because they are in use. The marker is removed last, so that a directory
    // that is half emptied is still recognised as ours.
    private void Empty()
    {
        foreach (var directory in Directory.GetDirectories(Root))
        {
            var name = Path.GetFileName(directory);
            if (name is not ("run" or "logs") && Ours().IsMatch(name))
            {
                Directory.Delete(directory, recursive: true);
            }
        }

        foreach (var log in Directory.Exists(Logs) ? Directory.GetFiles(Logs) : [])
        {
            if (log != SupervisorLog)
            {
                File.Delete(log);
            }
        }

        foreach (var exit in Directory.GetFiles(RunDirectory, "*.exit"))
        {
            File.Delete(exit);
        }

        File.Delete(ClusterFile);
        File.Delete(Marker);
    }

    /// <summary>
    /// Checks that the directory holds the data of this cluster, for a replica that is about to use its own, and notes
    /// it where it is new.
    /// </summary>
    /// <remarks>
    /// A replica would notice too, and set its data aside. But if the file or the keys are the wrong ones, all replicas
    /// would, and nobody wants that.
    /// </remarks>
    public void CheckOwner(ClusterFile cluster, string clusterId)
    {
        try
        {
            PrivateDirectory.Make(Root);
            var wanted = DataMarker.Of(cluster) with { Cluster = clusterId };
            var found = CheckShape(wanted, HowToGoOn);
            if (found.Cluster is null)
            {
                Write(wanted);
            }
            else if (found.Cluster != clusterId)
            {
                throw new CommandFailedException(
                    $"{Root} holds the data of cluster {found.Cluster}, and these keys are of cluster {clusterId}; "
                        + $"if they are this cluster's new keys, write {found.Cluster} into cluster.id beside them "
                        + $"on every host; {HowToGoOn}"
                );
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"the data directory {Root} cannot be used: {FailureMessage.Of(e)}", e);
        }
    }

    // A group with another number of members, or with another engine, would misread the data here.
    private DataMarker CheckShape(DataMarker wanted, string howToGoOn)
    {
        if (!File.Exists(Marker))
        {
            Write(wanted);
            return wanted;
        }

        DataMarker? found;
        try
        {
            found = JsonSerializer.Deserialize(File.ReadAllText(Marker), LauncherJson.Default.DataMarker);
        }
        catch (JsonException e)
        {
            throw new CommandFailedException(
                $"{Marker} is damaged ({e.Message.TrimEnd('.')}); if the data beside it belongs to a cluster with "
                    + $"{wanted}, remove the file and it is made again; '--data' names another directory",
                e
            );
        }

        return found is not null && found with { Cluster = wanted.Cluster } == wanted
            ? found
            : throw new CommandFailedException(
                $"{Root} holds the data of a cluster with {found}, and this one has {wanted}; {howToGoOn}"
            );
    }

    // Written whole or not at all: half a marker would make the data look foreign. Several processes may do so at once.
    private void Write(DataMarker marker)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"{Marker}.{Environment.ProcessId}.new");
        File.WriteAllText(path, JsonSerializer.Serialize(marker, LauncherJson.Default.DataMarker));
        File.Move(path, Marker, overwrite: true);
    }

    /// <summary>A replica of a rotating-sequencer group, whose datagrams need the group's key, has data here.</summary>
    public bool HoldsDataOfGroup(ClusterFile cluster) =>
        cluster
            .Processes()
            .Any(process =>
                (
                    process.Component == Components.Customers ? cluster.Customers
                    : process.Component == Components.Products ? cluster.Products
                    : null
                )
                    is { Engine: ReplicationEngine.RotatingSequencer }
                && Directory.Exists(Of(process))
                && Directory.EnumerateFileSystemEntries(Of(process)).Any()
            );

    /// <summary>
    /// Makes the directory of the logs, and closes logs that an earlier version left readable by others.
    /// </summary>
    public void PrepareLogs()
    {
        PrivateDirectory.Make(Root);
        PrivateDirectory.Make(Logs);
        foreach (var log in Directory.GetFiles(Logs))
        {
            PrivateDirectory.Tighten(log);
        }
    }

    // Removes the socket of a killed supervisor. A new directory elsewhere gets an unpredictable name.
    private void PrepareSocket()
    {
        var path = Path.Combine(RunDirectory, "control.sock");
        File.Delete(path);
        if (Encoding.UTF8.GetByteCount(path) <= MaxSocketPath)
        {
            return;
        }

        if (
            File.Exists(SocketNote)
            && File.ReadAllText(SocketNote) is var earlier
            && Directory.Exists(earlier)
            && PrivateDirectory.Problem(earlier) is null
        )
        {
            Directory.Delete(earlier, recursive: true);
        }

        var directory = PrivateDirectory.MakeElsewhere();
        var socket = Path.Combine(directory, "control.sock");
        if (Encoding.UTF8.GetByteCount(socket) > MaxSocketPath)
        {
            Directory.Delete(directory);
            throw new CommandFailedException(
                $"the paths {socket} and {path} are too long for a socket; "
                    + "name a data directory with a shorter path with --data"
            );
        }

        File.WriteAllText(SocketNote, directory);
    }

    [GeneratedRegex(
        @"^(agora-data\.json((\.\d+)?\.new)?|cluster\.json|logs|secrets|lab|run|"
            + @"(web|payments|seller-server|buyer-server|customers|products)-\d+)$"
    )]
    private static partial Regex Ours();
}
