using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;
using Agora.Contracts.Security;

namespace Agora.Launcher;

/// <summary>
/// Where the processes of one host keep what is theirs, for its owner only:
/// <code>
/// agora-data.json                    what the directory is, and which shape of cluster its data belongs to
/// cluster.json                       the cluster file in use, as it was at the last `up`
/// &lt;component&gt;-&lt;replica&gt;/              a replica's own data
/// logs/&lt;component&gt;-&lt;replica&gt;.log      what it said
/// secrets/                           the cluster's keys, unless they lie elsewhere
/// lab/                               while up with --lab: each process's own cluster file, and the clients'
/// run/                               while up: lock, process ids, control socket (or where that is)
/// </code>
/// </summary>
internal sealed partial class DataDirectory
{
    public const string DefaultName = ".agora";

    // Of sun_path's 108 bytes on Linux (104 elsewhere), the last is the terminator.
    private const int LongestSocketPath = 103;

    public DataDirectory(string path) => Root = path.Length > 0 && !path.Contains('\0', StringComparison.Ordinal)
        ? Path.GetFullPath(path)
        : throw new CommandFailedException("--data: names no directory");

    public string Root { get; }
    public string Logs => Path.Combine(Root, "logs");
    public string ClusterFile => Path.Combine(Root, "cluster.json");
    public ClusterSecrets Secrets => new(Path.Combine(Root, ClusterSecrets.DirectoryName));

    /// <summary>The keys that the marketplace on this directory was started with last.</summary>
    public ClusterSecrets SecretsInUse
    {
        get => File.Exists(SecretsNote) ? new ClusterSecrets(File.ReadAllText(SecretsNote)) : Secrets;
        set => File.WriteAllText(SecretsNote, value.Directory);
    }

    public string SupervisorLog => Path.Combine(Logs, "supervisor.log");
    private string Marker => Path.Combine(Root, "agora-data.json");
    private string RunDirectory => Path.Combine(Root, "run");
    private string SecretsNote => Path.Combine(RunDirectory, "secrets");
    private string LockFile => Path.Combine(RunDirectory, "lock");

    private string LabDirectory => Path.Combine(Root, "lab");

    public string Of(ClusterProcess process) => Path.Combine(Root, FileName(process));
    public string LogOf(ClusterProcess process) => Path.Combine(Logs, FileName(process) + ".log");

    /// <summary>How a process ended last, as the supervisor saw it.</summary>
    public string ExitFileOf(ClusterProcess process) => Path.Combine(RunDirectory, FileName(process) + ".exit");

    public string PidFileOf(ClusterProcess process) => Path.Combine(RunDirectory, FileName(process) + ".pid");

    /// <summary>The cluster file of a process, or of the clients, in the lab.</summary>
    public string LabFileOf(string party) => Path.Combine(LabDirectory, party.Replace('/', '-') + ".json");

    /// <summary>Writes those files anew; there are none from then on where there is nothing to write.</summary>
    public void WriteLabFiles(IReadOnlyDictionary<string, string> files)
    {
        if (Directory.Exists(LabDirectory))
        {
            Directory.Delete(LabDirectory, recursive: true);
        }
        foreach ((string party, string json) in files)
        {
            Directory.CreateDirectory(LabDirectory);
            File.WriteAllText(LabFileOf(party), json);
        }
    }

    private static string FileName(ClusterProcess process) =>
        string.Create(CultureInfo.InvariantCulture, $"{process.Component}-{process.Replica}");

    /// <summary>
    /// The supervisor's socket: in the directory, or, where its path is too long for a socket, in a directory of its own elsewhere, which the supervisor
    /// made and noted; null where it is noted nowhere, so that no supervisor can be up.
    /// </summary>
    /// <exception cref="CommandFailedException">Somebody else may have put something there.</exception>
    public string? ControlSocket
    {
        get
        {
            string path = Path.Combine(RunDirectory, "control.sock");
            if (Encoding.UTF8.GetByteCount(path) <= LongestSocketPath)
            {
                return path;
            }
            if (!File.Exists(SocketNote))
            {
                return null;
            }
            string directory = File.ReadAllText(SocketNote);
            return !Directory.Exists(directory) ? null
                : PrivateDirectory.Problem(directory) is { } problem
                    ? throw new CommandFailedException($"the control socket of {Root} is not to be trusted: {problem}; 'agora up' makes another one")
                    : Path.Combine(directory, "control.sock");
        }
    }

    private string SocketNote => Path.Combine(RunDirectory, "control.path");

    /// <summary>
    /// Takes the directory for a supervisor, made if missing: refuses one that is in use, holds something else, or holds data of a cluster of
    /// another shape. The lock ends with the process, however that ends.
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
                throw new CommandFailedException($"{problem}: the control socket does not go there; name another data directory with --data");
            }
            FileStream held = await LockAsync(cancellationToken);
            try
            {
                if (fresh)
                {
                    Empty();
                }
                CheckShape(DataMarker.Of(cluster));
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
            throw new CommandFailedException($"the data directory {Root} cannot be used: {Explanation.Of(e)}", e);
        }
    }

    /// <summary>The process id of the supervisor that holds the directory, as it wrote it down; null when nobody holds it.</summary>
    public int? Holder()
    {
        if (!File.Exists(LockFile))
        {
            return null;
        }
        try
        {
            // An exclusive lock conflicts with the holder's. Waits for nobody and leaves at once.
            using FileStream probe = new(LockFile, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return null;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CommandFailedException($"the data directory {Root} cannot be used: {Explanation.Of(e)}", e);
        }
        catch (IOException)
        {
            return int.TryParse(File.Exists(HolderFile) ? File.ReadAllText(HolderFile) : "", CultureInfo.InvariantCulture, out int pid) ? pid : 0;
        }
    }

    /// <summary>Makes one replica's directory, for its owner only since accounts lie in it, and sees whether it can be written.</summary>
    public string Prepare(ClusterProcess process)
    {
        string directory = Of(process);
        try
        {
            PrivateDirectory.Make(Root);
            PrivateDirectory.Make(directory);
            string probe = Path.Combine(directory, $".probe-{Environment.ProcessId}");
            using (new FileStream(probe, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose))
            {
            }
            return directory;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"{process.Name}: the directory {directory} cannot be written: {Explanation.Of(e)}", e);
        }
    }

    // Where the lock lies open exclusively nobody else can read it, so the process id lies beside it.
    private string HolderFile => Path.Combine(RunDirectory, "supervisor.pid");

    private async Task<FileStream> LockAsync(CancellationToken cancellationToken)
    {
        // Several tries, because whoever only looks (Holder) holds the lock for a moment too.
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                FileStream held = new(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                await File.WriteAllTextAsync(HolderFile, Environment.ProcessId.ToString(CultureInfo.InvariantCulture), cancellationToken);
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

    /// <summary>What to tell somebody who wants to use the directory while process <paramref name="holder"/> does.</summary>
    public CommandFailedException AlreadyUp(int holder) => new(string.Create(CultureInfo.InvariantCulture,
        $"a marketplace is already up on {Root} ({(holder > 0 ? FileHolder.Describe(holder) : FileHolder.Describe(LockFile))}); "
        + $"'agora status' shows it, 'agora down' ends it, '--data' names another directory"));

    /// <summary>Refuses a directory with somebody's own files, which must neither be mixed with ours nor be removed by <c>--fresh</c>.</summary>
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
        string? foreign = Directory.EnumerateFileSystemEntries(Root).Select(Path.GetFileName).FirstOrDefault(name => !Ours().IsMatch(name!));
        if (foreign is not null)
        {
            throw new CommandFailedException($"{Root} holds {foreign}, so it is no data directory of Agora's; name an empty or a new one with --data");
        }
    }

    // The lock stays: it is held; so does the supervisor's log: it is being written. The marker goes last, so that what is half removed is
    // still recognised as ours.
    private void Empty()
    {
        foreach (string directory in Directory.GetDirectories(Root))
        {
            string name = Path.GetFileName(directory);
            if (name is not ("run" or "logs") && Ours().IsMatch(name))
            {
                Directory.Delete(directory, recursive: true);
            }
        }
        foreach (string log in Directory.Exists(Logs) ? Directory.GetFiles(Logs) : [])
        {
            if (log != SupervisorLog)
            {
                File.Delete(log);
            }
        }
        foreach (string exit in Directory.GetFiles(RunDirectory, "*.exit"))
        {
            File.Delete(exit);
        }
        File.Delete(ClusterFile);
        File.Delete(Marker);
    }

    // A group with another number of members, or another engine, would misread what lies here.
    private void CheckShape(DataMarker wanted)
    {
        if (!File.Exists(Marker))
        {
            // Whole or not at all: half of it would make the data seem somebody else's.
            File.WriteAllText(Marker + ".new", JsonSerializer.Serialize(wanted, LauncherJson.Default.DataMarker));
            File.Move(Marker + ".new", Marker, overwrite: true);
            return;
        }
        DataMarker? found;
        try
        {
            found = JsonSerializer.Deserialize(File.ReadAllText(Marker), LauncherJson.Default.DataMarker);
        }
        catch (JsonException e)
        {
            throw new CommandFailedException(
                $"{Marker} is damaged ({e.Message.TrimEnd('.')}); if what lies beside it is of a cluster with {wanted}, remove the file and it is made again; "
                + "'--data' names another directory", e);
        }
        if (found != wanted)
        {
            throw new CommandFailedException(
                $"{Root} holds the data of a cluster with {found}, and this one has {wanted}; '--fresh' begins empty, '--data' names another directory");
        }
    }

    /// <summary>Some replica of the group whose datagrams have a key keeps data here.</summary>
    public bool HoldsDataOfGroup(ClusterFile cluster) => cluster.Processes().Any(process =>
        (process.Component == Components.Customers ? cluster.Customers : process.Component == Components.Products ? cluster.Products : null)
            is { Engine: ReplicationEngine.RotatingSequencer }
        && Directory.Exists(Of(process)) && Directory.EnumerateFileSystemEntries(Of(process)).Any());

    /// <summary>Makes the directory of the logs, and takes from others what an earlier version let them read.</summary>
    public void PrepareLogs()
    {
        PrivateDirectory.Make(Root);
        PrivateDirectory.Make(Logs);
        foreach (string log in Directory.GetFiles(Logs))
        {
            PrivateDirectory.Tighten(log);
        }
    }

    // What a supervisor that was killed has left goes; a new one elsewhere gets a name that nobody can foresee.
    private void PrepareSocket()
    {
        string path = Path.Combine(RunDirectory, "control.sock");
        File.Delete(path);
        if (Encoding.UTF8.GetByteCount(path) <= LongestSocketPath)
        {
            return;
        }
        if (File.Exists(SocketNote) && File.ReadAllText(SocketNote) is var earlier && Directory.Exists(earlier) && PrivateDirectory.Problem(earlier) is null)
        {
            Directory.Delete(earlier, recursive: true);
        }
        string directory = PrivateDirectory.MakeElsewhere();
        string socket = Path.Combine(directory, "control.sock");
        if (Encoding.UTF8.GetByteCount(socket) > LongestSocketPath)
        {
            Directory.Delete(directory);
            throw new CommandFailedException($"{socket} is too long for a socket, and so is {path}; name a data directory with a shorter path with --data");
        }
        File.WriteAllText(SocketNote, directory);
    }

    [GeneratedRegex(@"^(agora-data\.json(\.new)?|cluster\.json|logs|secrets|lab|run|(web|payments|seller-server|buyer-server|customers|products)-\d+)$")]
    private static partial Regex Ours();
}

/// <summary>The shape of the cluster that a data directory belongs to.</summary>
internal sealed record DataMarker(int Format, DatabaseShape Customers, DatabaseShape Products)
{
    public static DataMarker Of(ClusterFile cluster) => new(1, DatabaseShape.Of(cluster.Customers), DatabaseShape.Of(cluster.Products));

    public override string ToString() => $"{Customers} for customers and {Products} for products";
}

/// <summary>How many replicas hold a database, and what orders its commands.</summary>
internal sealed record DatabaseShape(int Replicas, ReplicationEngine Engine)
{
    public static DatabaseShape Of(DatabaseGroup group) => new(group.Replicas.Count, group.Engine);

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Replicas} {(Replicas == 1 ? "replica" : "replicas")} under {(Engine == ReplicationEngine.Raft ? "Raft" : "the rotating sequencer")}");
}
