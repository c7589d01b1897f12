using Agora.Cluster;
using Agora.Replication.Scrubbing;
using Agora.Replication.Telemetry;
using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>
/// One replica's database: a SQLite file that is a function of the log. Each batch of commands is one transaction,
/// which also stores the position that it reaches and the reply kept for each request id. So whenever the process
/// dies, the file holds the effects of exactly the commands up to its applied position, and the engine goes on from
/// there.
/// </summary>
/// <remarks>
/// The replication log is the redo log: a commit here waits for no disk (WAL, synchronous=NORMAL). A kill −9 loses
/// nothing, since the pages are with the kernel. A power failure can lose the last transactions, whole ones only, and
/// the engine then applies the same commands again. That is why an engine may cut its log only behind what
/// <see cref="Flush"/> returned.
/// </remarks>
public sealed class ReplicatedStore : IDisposable
{
    /// <summary>The file's name in the replica's directory.</summary>
    public const string FileName = "state.db";

    private const string AdviceWithoutEngine = "Put it back from a copy of the same moment";

    private readonly IStateMachine _stateMachine;
    private readonly FileStream? _directoryLock; // Null where the caller holds it.
    private readonly string _path;
    private readonly string _whenDamaged;
    private readonly ReplicaOwner? _owner;
    private readonly SqliteConnection _connection;
    private readonly SqliteConnection _checkpointer;
    private readonly StoreWriter _writer;
    private readonly StoreReaders _readers;
    private readonly AppliedPosition _applied = new();
    private readonly Lock _flushing = new();
    private readonly TaskCompletionSource<string> _damage = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private long _durable = -1; // On disk: durable ≤ applied. Written under _flushing only.
    private bool _failed;
    private volatile bool _disposed;

    private ReplicatedStore(
        string directory,
        IStateMachine stateMachine,
        int readers,
        string whenDamaged,
        KeptRepliesBounds bounds,
        ReplicaOwner? owner,
        bool takesLock
    )
    {
        (_stateMachine, _whenDamaged, _owner) = (stateMachine, whenDamaged, owner);
        _path = Path.GetFullPath(Path.Combine(directory, FileName));
        _connection = StoreFile.Connection(_path, SqliteOpenMode.ReadWriteCreate);
        _writer = new StoreWriter(_connection, stateMachine, bounds);
        _checkpointer = StoreFile.Connection(_path, SqliteOpenMode.ReadWrite);
        _readers = new StoreReaders(_path, readers);
        _directoryLock = takesLock ? DirectoryLock.Take(directory) : null;
    }

    /// <summary>
    /// Completes, with what was found, when the file turns out to be damaged while it is used: the process must end.
    /// </summary>
    internal Task<string> Damage => _damage.Task;

    /// <summary>Position up to which the committed state reflects the log; −1 at the start.</summary>
    public long Applied => _applied.Value;

    /// <summary>
    /// Position up to which the state survives the loss of power: nothing up to here needs to be applied here again; −1
    /// at the start.
    /// </summary>
    public long Durable => Volatile.Read(ref _durable);

    /// <summary>
    /// How many commands came again under a request id that had been applied, and were not applied again. A part of the
    /// state: it outlives the process, and is the same at all replicas. Queries the file.
    /// </summary>
    public long Repeats =>
        Read(connection => connection.Prepared("SELECT count FROM replication_repeats").Number() ?? 0);

    /// <summary>Opens the database in <paramref name="directory"/>, or begins an empty one there.</summary>
    /// <param name="directory">The replica's own directory; made if missing.</param>
    /// <param name="stateMachine">What applies the commands; belongs to this store from now on.</param>
    /// <param name="readers">How many reads run at the same time; further ones wait.</param>
    /// <param name="whenDamaged">What helps where the file is damaged: that depends on the engine.</param>
    /// <exception cref="FixableException">The directory or the file cannot be used; the message says which, why, and
    /// what helps.</exception>
    public static ReplicatedStore Open(
        string directory,
        IStateMachine stateMachine,
        int readers = 8,
        string whenDamaged = AdviceWithoutEngine
    ) => OpenAlone(directory, stateMachine, readers, whenDamaged, new KeptRepliesBounds());

    /// <summary>For tests: bounds that are within reach. All replicas of a group have the same.</summary>
    internal static ReplicatedStore Open(string directory, IStateMachine stateMachine, KeptRepliesBounds bounds) =>
        OpenAlone(directory, stateMachine, 8, AdviceWithoutEngine, bounds);

    /// <summary>
    /// Opens the database of a replica, or begins an empty one, for the holder of the directory's lock.
    /// </summary>
    /// <exception cref="ReplicaDamagedException">The file is damaged, or another's.</exception>
    /// <exception cref="FixableException">The directory or the file cannot be used.</exception>
    internal static ReplicatedStore Open(
        string directory,
        IStateMachine stateMachine,
        string whenDamaged,
        ReplicaOwner owner
    ) => Open(directory, stateMachine, 8, whenDamaged, new KeptRepliesBounds(), owner, takesLock: false);

    private static ReplicatedStore OpenAlone(
        string directory,
        IStateMachine stateMachine,
        int readers,
        string whenDamaged,
        KeptRepliesBounds bounds
    )
    {
        ArgumentNullException.ThrowIfNull(stateMachine);
        try
        {
            return Open(directory, stateMachine, readers, whenDamaged, bounds, owner: null, takesLock: true);
        }
        catch (ReplicaDamagedException e)
        {
            throw e.With(whenDamaged);
        }
    }

    private static ReplicatedStore Open(
        string directory,
        IStateMachine stateMachine,
        int readers,
        string whenDamaged,
        KeptRepliesBounds bounds,
        ReplicaOwner? owner,
        bool takesLock
    )
    {
        ReplicatedStore? store = null;
        try
        {
            Directory.CreateDirectory(directory);
            StoreHeader.Check(Path.GetFullPath(Path.Combine(directory, FileName)));
            store = new ReplicatedStore(directory, stateMachine, readers, whenDamaged, bounds, owner, takesLock);
            store.Initialize();
            return store;
        }
        catch (Exception e) when (e is SqliteException or UnauthorizedAccessException or IOException)
        {
            store?.Dispose();
            var path = Path.GetFullPath(directory);
            throw e switch
            {
                ReplicaDamagedException => e,
                SqliteException damage when StoreFile.IsDamageAtOpen(damage) => new ReplicaDamagedException(
                    Path.Combine(path, FileName),
                    StoreFile.WordsOf(damage),
                    damage
                ),
                SqliteException other => FileFault.OfSqlite(
                    Path.Combine(path, FileName),
                    other.SqliteErrorCode,
                    other,
                    whenDamaged
                ),
                _ => FileFault.Of(path, e),
            };
        }
    }

    /// <summary>The largest time of any command applied, in milliseconds since 1970 in UTC.</summary>
    public long Time => _writer.Time;

    /// <summary>
    /// Called on the applier's thread with the position of each batch that holds a scrub, right behind it. Engines end
    /// their batch with the position of a scrub, so the state is the same at all replicas then.
    /// </summary>
    internal Action<long>? ScrubApplied { get; set; }

    /// <summary>
    /// Commands above this position are traced when they are applied. Those up to here are a replay of what the log
    /// held when the process started; until that is known, nothing is traced.
    /// </summary>
    internal long TracedFrom { get; set; } = long.MaxValue;

    /// <summary>The state as it is now, on a connection of its own. For the applier, between two batches.</summary>
    internal FrozenState Freeze()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return FrozenState.Of(_path);
    }

    /// <summary>
    /// Whether a command would be refused now because it has waited for longer than replies are kept. For a command
    /// that was stamped a moment ago it says that the clock which stamped it is behind that of the group.
    /// </summary>
    public bool IsTooOld(in Command command) => _writer.IsTooOld(command);

    /// <summary>
    /// Applies the commands between the applied position and <paramref name="position"/>, in order, in one transaction.
    /// For the engine, one caller at a time. How a log is cut into batches makes no difference to the state.
    /// </summary>
    /// <param name="position">Position of the last command; what <see cref="Applied"/> is afterwards.</param>
    /// <param name="commands">The commands; none where the log holds something else at the position.</param>
    /// <param name="replies">Gets the reply to each command.</param>
    /// <exception cref="Exception">What the state machine or the file threw: the state is that before the call, and the
    /// process must stop.</exception>
    public void Apply(long position, ReadOnlySpan<Command> commands, Span<ReadOnlyMemory<byte>> replies)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_failed || position <= Applied)
        {
            throw new InvalidOperationException(
                _failed
                    ? "A command could not be applied; nothing more is."
                    : $"Position {position} is applied already (up to {Applied})."
            );
        }

        // Set for as long as memory and file may differ: whatever throws below leaves it set.
        _failed = true;
        var observed = AppliedCommands.Begin(isTraced: position > TracedFrom);
        try
        {
            _writer.Apply(position, commands, replies);
        }
        catch (SqliteException e) when (StoreFile.IsAtFault(e))
        {
            throw Fault(e);
        }

        _failed = false;
        _applied.Set(position);
        observed.End(position, commands);
        if (ScrubApplied is { } begin && HasScrub(commands))
        {
            begin(position);
        }
    }

    private static bool HasScrub(ReadOnlySpan<Command> commands)
    {
        foreach (ref readonly var command in commands)
        {
            if (command.IsScrub)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Completes once <see cref="Applied"/> is at or above <paramref name="position"/>.</summary>
    public Task WaitUntilAppliedAsync(long position, CancellationToken cancellationToken) =>
        _applied.WaitAsync(position, cancellationToken);

    /// <summary>
    /// Runs a query on a connection of its own, beside the writer, within one read transaction: all its statements see
    /// the state at one position. Keep it short; do not nest.
    /// </summary>
    public T Read<T>(Func<SqliteConnection, T> query)
    {
        ArgumentNullException.ThrowIfNull(query);
        ObjectDisposedException.ThrowIf(_disposed, this);
        try
        {
            return _readers.Read(query);
        }
        catch (SqliteException e) when (Notice(e))
        {
            throw;
        }
    }

    /// <summary>
    /// Makes the applied state durable, beside the writer, and returns the position that is durable now: the engine may
    /// cut its log behind it. From any thread.
    /// </summary>
    public long Flush()
    {
        lock (_flushing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var applied = Applied;
            if (applied == _durable)
            {
                return _durable;
            }

            // Every commit is in the WAL, or was moved from there into the database file by a checkpoint, which syncs
            // both. So it is enough to sync the WAL.
            using (
                var wal = File.OpenHandle(
                    _path + "-wal",
                    FileMode.Open,
                    FileAccess.ReadWrite,
                    FileShare.ReadWrite | FileShare.Delete
                )
            )
            {
                RandomAccess.FlushToDisk(wal);
            }

            Volatile.Write(ref _durable, applied);

            // Keeps the WAL short. Where a long read is in its way, the next one gets further.
            try
            {
                _checkpointer.Prepared("PRAGMA wal_checkpoint(PASSIVE)").Run();
            }
            catch (SqliteException e) when (StoreFile.IsAtFault(e))
            {
                throw Fault(e);
            }

            return applied;
        }
    }

    /// <summary>
    /// Writes the state, frozen at the position returned, to a new file that a replica can start from, and syncs it.
    /// </summary>
    public long Snapshot(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using (var source = StoreFile.Connect(_path, SqliteOpenMode.ReadWrite))
        using (Statement copy = new(source, "VACUUM INTO ?1"))
        {
            Noticing(() => copy.Run(path));
        }

        using (FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite))
        {
            file.Flush(flushToDisk: true);
        }

        using var snapshot = StoreFile.Connect(path, SqliteOpenMode.ReadOnly);
        using Statement applied = new(snapshot, "SELECT applied FROM replication_state");
        return applied.Number() ?? throw new InvalidDataException($"{path} is not a snapshot of a replica's state.");
    }

    /// <summary>
    /// The state as it is now, to be written to a file while further commands are applied. The caller disposes it soon.
    /// </summary>
    internal StoreCopy Copy()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new StoreCopy(_path);
    }

    /// <summary>
    /// Replaces the state by that of a file which <see cref="Snapshot"/> wrote, durably, and returns its position. One
    /// transaction: whenever the process dies, the state is the old or the new one. For the engine, while it applies
    /// nothing.
    /// </summary>
    /// <exception cref="IOException">The file is not such a snapshot; the state is the old one.</exception>
    public long Restore(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _failed = true;
        long position;
        try
        {
            using (var snapshot = StoreFile.Connect(path, SqliteOpenMode.ReadWrite))
            {
                using (Statement version = new(snapshot, "PRAGMA user_version"))
                {
                    if (version.Number() != StoreFile.FormatVersion)
                    {
                        throw new IOException($"{path} is not a snapshot of format {StoreFile.FormatVersion}");
                    }
                }

                // It comes from another replica. In one step with its content it becomes this one's.
                if (_owner is not null)
                {
                    StateOwner.Write(snapshot, _owner);
                }

                snapshot.BackupDatabase(_connection);
            }

            position = _writer.Load();
        }
        catch (SqliteException e)
        {
            throw FileFault.OfSqlite(
                Path.GetFullPath(path),
                e.SqliteErrorCode,
                e,
                "Start it again: it fetches the state anew"
            );
        }

        lock (_flushing)
        {
            _durable = -1;
            _applied.Set(position);
        }

        _failed = false;
        return Flush();
    }

    /// <summary>
    /// A digest of the whole state, with its position. Replicas that applied the same commands have the same.
    /// </summary>
    public StateDigest Digest()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Noticing(() => DigestOf(_path));
    }

    /// <summary>The digest of a file that <see cref="Snapshot"/> wrote.</summary>
    internal static StateDigest DigestOf(string path)
    {
        var connection = StoreFile.Connect(path, SqliteOpenMode.ReadOnly);
        try
        {
            return StoreReaders.ReadAtOnePosition(connection, StateDigest.Compute);
        }
        finally
        {
            connection.CloseWithStatements();
        }
    }

    /// <summary>Closes the file; what was applied is durable afterwards. The engine has stopped before.</summary>
    public void Dispose()
    {
        if (!_applied.TryClose())
        {
            return;
        }

        // The last connection to close checkpoints and removes the WAL.
        _disposed = true;
        _readers.Dispose();
        lock (_flushing)
        {
            _checkpointer.CloseWithStatements();
        }

        (_stateMachine as IDisposable)?.Dispose();
        _connection.CloseWithStatements();
        _directoryLock?.Dispose();
    }

    private T Noticing<T>(Func<T> query)
    {
        try
        {
            return query();
        }
        catch (SqliteException e) when (Notice(e))
        {
            throw;
        }
    }

    // Damage is passed on by the first that meets it. Never handles the exception.
    private bool Notice(SqliteException e)
    {
        if (StoreFile.IsDamage(e))
        {
            _damage.TrySetResult(StoreFile.WordsOf(e));
        }

        return false;
    }

    private FixableException Fault(SqliteException e)
    {
        Notice(e);
        return FileFault.OfSqlite(_path, e.SqliteErrorCode, e, _whenDamaged);
    }

    private void Initialize()
    {
        StoreFile.OpenForWriting(_connection);
        StoreFile.OpenForWriting(_checkpointer);
        StoreFile.Prepare(_connection, _path, _stateMachine.Schema, _owner);
        _applied.Set(_writer.Load());
    }
}
