using System.Collections.Concurrent;
using Agora.Contracts.Faults;
using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>
/// One replica's database: a SQLite file that is a function of the log. Each batch of commands is one transaction, which also
/// stores the position that it reaches and the reply kept for each request id. So whenever the process dies, the file holds
/// the effects of exactly the commands up to its applied position, and the engine goes on behind it.
/// </summary>
/// <remarks>
/// The replication log is the redo log: a commit here waits for no disk (WAL, synchronous=NORMAL). A kill −9 loses nothing, since
/// the pages are with the kernel; a power failure can lose the last transactions, whole ones only, and the engine then applies
/// the same commands again. That is why an engine may cut its log only behind what <see cref="Flush"/> returned.
/// </remarks>
public sealed class ReplicatedStore : IDisposable
{
    /// <summary>The file's name in the replica's directory.</summary>
    public const string FileName = "state.db";

    // Counts up with every change of a schema, this one's or a state machine's.
    private const int FormatVersion = 5;

    // 32 MiB. The engine checkpoints beside the writer before that; under a load in which that one never catches up, the writer does it itself.
    private const int PagesBeforeWriterCheckpoints = 8192;

    private const string OwnSchema = """
        CREATE TABLE IF NOT EXISTS replication_state (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            applied INTEGER NOT NULL,
            time INTEGER NOT NULL);
        INSERT OR IGNORE INTO replication_state VALUES (1, -1, 0);
        CREATE TABLE IF NOT EXISTS replication_repeats (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            count INTEGER NOT NULL);
        INSERT OR IGNORE INTO replication_repeats VALUES (1, 0);
        """;

    private const string WithoutEngine = "Put it back from a copy of the same moment";

    private readonly IStateMachine _stateMachine;
    private readonly FileStream _directoryLock;
    private readonly string _path;
    private readonly string _whenDamaged;
    private readonly SqliteConnection _writer;
    private readonly SqliteConnection _checkpointer;
    private readonly KeptReplies _replies;
    private readonly Lock _flushing = new();
    private readonly ConcurrentBag<SqliteConnection> _readers = [];
    private readonly SemaphoreSlim _freeReaders;
    private readonly List<Waiter> _waiters = [];

    private long _applied;      // Committed. Written by the applier only.
    private long _durable;      // On disk: durable <= applied. Written under _flushing only.
    private long _time;         // Largest time of any command applied.
    private bool _failed;
    private volatile bool _disposed;

    private ReplicatedStore(string directory, IStateMachine stateMachine, int readers, string whenDamaged, KeptRepliesBounds bounds)
    {
        _stateMachine = stateMachine;
        _path = Path.GetFullPath(Path.Combine(directory, FileName));
        _whenDamaged = whenDamaged;
        _freeReaders = new SemaphoreSlim(readers, readers);
        _writer = Connection(_path, SqliteOpenMode.ReadWriteCreate);
        _replies = new KeptReplies(_writer, bounds);
        _checkpointer = Connection(_path, SqliteOpenMode.ReadWrite);

        // Two processes on one directory would apply the log twice. The lock ends with the process, however that ends.
        var file = Path.Combine(directory, "lock");
        try
        {
            _directoryLock = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw FileFault.Of(Path.GetFullPath(file), e);
        }
    }

    /// <summary>Position up to which the committed state reflects the log; −1 at the start.</summary>
    public long Applied => Volatile.Read(ref _applied);

    /// <summary>Position up to which the state survives the loss of power: nothing up to here needs to be applied here again; −1 at the start.</summary>
    public long Durable => Volatile.Read(ref _durable);

    /// <summary>
    /// How many commands came again under a request id that had been applied, and were not applied again. A part of the
    /// state: it outlives the process, and is the same at all replicas. Queries the file.
    /// </summary>
    public long Repeats => Read(connection => connection.Prepared("SELECT count FROM replication_repeats").Number() ?? 0);

    /// <summary>Opens the database in <paramref name="directory"/>, or begins an empty one there.</summary>
    /// <param name="directory">The replica's own directory; made if missing.</param>
    /// <param name="stateMachine">What applies the commands; belongs to this store from now on.</param>
    /// <param name="readers">How many reads run at the same time; further ones wait.</param>
    /// <param name="whenDamaged">What helps where the file is damaged: that depends on the engine.</param>
    /// <exception cref="FixableException">The directory or the file cannot be used; the message says which, why, and what helps.</exception>
    public static ReplicatedStore Open(
        string directory, IStateMachine stateMachine, int readers = 8, string whenDamaged = WithoutEngine) =>
        Open(directory, stateMachine, readers, whenDamaged, new KeptRepliesBounds());

    /// <summary>For tests: bounds that are within reach. All replicas of a group have the same.</summary>
    internal static ReplicatedStore Open(string directory, IStateMachine stateMachine, KeptRepliesBounds bounds) =>
        Open(directory, stateMachine, 8, WithoutEngine, bounds);

    private static ReplicatedStore Open(
        string directory, IStateMachine stateMachine, int readers, string whenDamaged, KeptRepliesBounds bounds)
    {
        ArgumentNullException.ThrowIfNull(stateMachine);
        ReplicatedStore? store = null;
        try
        {
            Directory.CreateDirectory(directory);
            store = new ReplicatedStore(directory, stateMachine, readers, whenDamaged, bounds);
            store.Initialize();
            return store;
        }
        catch (Exception e) when (e is SqliteException or UnauthorizedAccessException or IOException)
        {
            store?.Dispose();
            var path = Path.GetFullPath(directory);
            throw e is SqliteException sqlite
                ? FileFault.OfSqlite(Path.Combine(path, FileName), sqlite.SqliteErrorCode, sqlite, whenDamaged)
                : FileFault.Of(path, e);
        }
    }

    /// <summary>
    /// Whether a command would be refused now for having waited for longer than replies are kept. Of one that was
    /// stamped a moment ago it says that the clock which stamped it is behind that of the group.
    /// </summary>
    public bool IsTooOld(in Command command) => IsTooOld(command, Volatile.Read(ref _time));

    /// <summary>
    /// Applies the commands between the applied position and <paramref name="position"/>, in order, in one transaction. For the engine, one
    /// caller at a time. How a log is cut into batches makes no difference to the state.
    /// </summary>
    /// <param name="position">Position of the last command; what <see cref="Applied"/> is afterwards.</param>
    /// <param name="commands">The commands; none where the log holds something else at the position.</param>
    /// <param name="replies">Gets the reply to each command.</param>
    /// <exception cref="Exception">Whatever the state machine or the file threw: the state is that before the call, and the process must stop.</exception>
    public void Apply(long position, ReadOnlySpan<Command> commands, Span<ReadOnlyMemory<byte>> replies)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_failed || position <= _applied)
        {
            throw new InvalidOperationException(_failed
                ? "A command could not be applied; nothing more is."
                : $"Position {position} is applied already (up to {_applied}).");
        }

        // Set for as long as memory and file may differ: whatever throws below leaves it set.
        _failed = true;
        try
        {
            ApplyAll(position, commands, replies);
        }
        catch (SqliteException e) when (IsOfTheFile(e))
        {
            throw FileFault.OfSqlite(_path, e.SqliteErrorCode, e, _whenDamaged);
        }

        _failed = false;
        Volatile.Write(ref _applied, position);
        ReleaseWaiters(position);
    }

    /// <summary>Completes once <see cref="Applied"/> is at or above <paramref name="position"/>.</summary>
    public async Task WaitUntilAppliedAsync(long position, CancellationToken cancellationToken)
    {
        if (Applied >= position)
        {
            return;
        }

        var waiter = new Waiter(position);
        lock (_waiters)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (Applied >= position)
            {
                return;
            }

            _waiters.Add(waiter);
        }

        try
        {
            await waiter.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            lock (_waiters)
            {
                _waiters.Remove(waiter);
            }
        }
    }

    /// <summary>
    /// Runs a query on a connection of its own, beside the writer, within one read transaction: all its statements see the state at one
    /// position. Keep it short; do not nest.
    /// </summary>
    public T Read<T>(Func<SqliteConnection, T> query)
    {
        ArgumentNullException.ThrowIfNull(query);
        ObjectDisposedException.ThrowIf(_disposed, this);
        _freeReaders.Wait();
        try
        {
            if (!_readers.TryTake(out var reader))
            {
                reader = Connect(_path, SqliteOpenMode.ReadOnly);
            }

            try
            {
                return ReadAtOnePosition(reader, query);
            }
            finally
            {
                _readers.Add(reader);
                if (_disposed)
                {
                    CloseReaders();
                }
            }
        }
        finally
        {
            _freeReaders.Release();
        }
    }

    /// <summary>
    /// Makes the applied state durable, beside the writer, and returns the position that is durable now: the engine may cut its log
    /// behind it. From any thread.
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

            // Every commit is in the WAL, or was moved from there into the database file by a checkpoint, which syncs both; so a sync of the
            // WAL is all that it takes.
            using (var wal = File.OpenHandle(_path + "-wal", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
            {
                RandomAccess.FlushToDisk(wal);
            }

            Volatile.Write(ref _durable, applied);

            // Keeps the WAL short. Where a long read is in its way, the next one gets further.
            try
            {
                _checkpointer.Prepared("PRAGMA wal_checkpoint(PASSIVE)").Run();
            }
            catch (SqliteException e) when (IsOfTheFile(e))
            {
                throw FileFault.OfSqlite(_path, e.SqliteErrorCode, e, _whenDamaged);
            }

            return applied;
        }
    }

    /// <summary>Writes the state, frozen at the position returned, to a new file that a replica can start from, and syncs it.</summary>
    public long Snapshot(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using (var source = Connect(_path, SqliteOpenMode.ReadWrite))
        using (Statement copy = new(source, "VACUUM INTO ?1"))
        {
            copy.Run(path);
        }

        using (FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite))
        {
            file.Flush(flushToDisk: true);
        }

        using var snapshot = Connect(path, SqliteOpenMode.ReadOnly);
        using Statement applied = new(snapshot, "SELECT applied FROM replication_state");
        return applied.Number() ?? throw new InvalidDataException($"{path} is not a snapshot of a replica's state.");
    }

    /// <summary>
    /// Replaces the state by that of a file which <see cref="Snapshot"/> wrote, durably, and returns its position. One transaction: whenever the process
    /// dies, the state is the old or the new one. For the engine, while it applies nothing.
    /// </summary>
    /// <exception cref="IOException">The file is not such a snapshot; the state is the old one.</exception>
    public long Restore(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _failed = true;
        try
        {
            using (var snapshot = Connect(path, SqliteOpenMode.ReadOnly))
            {
                using (Statement version = new(snapshot, "PRAGMA user_version"))
                {
                    if (version.Number() != FormatVersion)
                    {
                        throw new IOException($"{path} is not a snapshot of format {FormatVersion}");
                    }
                }

                snapshot.BackupDatabase(_writer);
            }

            Load();
            _stateMachine.Open(_writer);
        }
        catch (SqliteException e)
        {
            throw FileFault.OfSqlite(Path.GetFullPath(path), e.SqliteErrorCode, e, "Start it again: it fetches the state anew");
        }

        lock (_flushing)
        {
            _durable = -1;
        }

        _failed = false;
        var applied = Flush();
        ReleaseWaiters(applied);
        return applied;
    }

    /// <summary>A digest of the whole state, with its position. Replicas that applied the same commands have the same.</summary>
    public StateDigest Digest()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var connection = Connect(_path, SqliteOpenMode.ReadOnly);
        try
        {
            return ReadAtOnePosition(connection, StateDigest.Compute);
        }
        finally
        {
            connection.CloseWithStatements();
        }
    }

    /// <summary>Closes the file; what was applied is durable afterwards. The engine has stopped before.</summary>
    public void Dispose()
    {
        lock (_waiters)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            foreach (var waiter in _waiters)
            {
                waiter.TrySetException(new ReplicaUnavailableException("This replica is stopping."));
            }
        }

        // The last connection to close checkpoints and removes the WAL; reads under way close theirs when they end.
        CloseReaders();
        lock (_flushing)
        {
            _checkpointer.CloseWithStatements();
        }

        (_stateMachine as IDisposable)?.Dispose();
        _writer.CloseWithStatements();
        _directoryLock.Dispose();
    }

    private static T ReadAtOnePosition<T>(SqliteConnection connection, Func<SqliteConnection, T> query)
    {
        connection.Prepared("BEGIN").Run();
        try
        {
            return query(connection);
        }
        finally
        {
            connection.Prepared("ROLLBACK").Run();
        }
    }

    private static SqliteConnection Connection(string path, SqliteOpenMode mode) =>
        new(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());

    private static SqliteConnection Connect(string path, SqliteOpenMode mode) => Opened(Connection(path, mode));

    private static SqliteConnection Opened(SqliteConnection connection)
    {
        connection.Open();

        // Nobody but the writer writes, so nothing here waits for long; a lock held by a checkpoint is short.
        _ = SQLitePCL.raw.sqlite3_busy_timeout(connection.Handle, 5000);
        Set(connection, "PRAGMA temp_store = MEMORY");
        return connection;
    }

    private static void OpenForWriting(SqliteConnection connection)
    {
        Opened(connection);
        Set(connection, "PRAGMA journal_mode = WAL");
        Set(connection, "PRAGMA synchronous = NORMAL");
    }

    private static void Set(SqliteConnection connection, string pragma)
    {
        using Statement statement = new(connection, pragma);
        statement.Run();
    }

    private void Initialize()
    {
        OpenForWriting(_writer);
        OpenForWriting(_checkpointer);
        var version = _writer.Prepared("PRAGMA user_version").Number() ?? 0;
        if (version is not (0 or FormatVersion))
        {
            throw new FixableException(
                _path, $"is of format {version}, and this program reads {FormatVersion}", "Use the version of the program that wrote it, or begin empty elsewhere");
        }

        using (SqliteCommand create = _writer.CreateCommand())
        {
#pragma warning disable CA2100 // The schema is the state machine's constant.
            create.CommandText = $"""
                PRAGMA wal_autocheckpoint = {PagesBeforeWriterCheckpoints};
                PRAGMA cache_size = -8192;
                BEGIN IMMEDIATE;
                {OwnSchema}
                {KeptReplies.Schema}
                {_stateMachine.Schema};
                PRAGMA user_version = {FormatVersion};
                COMMIT;
                """;
#pragma warning restore CA2100
            create.ExecuteNonQuery();
        }

        _durable = -1;
        Load();
        _stateMachine.Open(_writer);
    }

    private void Load()
    {
        using (var state = _writer.Prepared("SELECT applied, time FROM replication_state").Query())
        {
            state.Read();
            _time = state.Int64(1);
            Volatile.Write(ref _applied, state.Int64(0));
        }

        _replies.Load();
    }

    private void ApplyAll(long position, ReadOnlySpan<Command> commands, Span<ReadOnlyMemory<byte>> replies)
    {
        Execute("BEGIN IMMEDIATE");
        try
        {
            for (var i = 0; i < commands.Length; i++)
            {
                replies[i] = ApplyOne(commands[i]);
            }

            _writer.Prepared("UPDATE replication_state SET applied = ?1, time = ?2 WHERE only = 1").Run(position, _time);
            Execute("COMMIT");
        }
        catch
        {
            // Some failures (a full disk) have rolled back by themselves.
            if (SQLitePCL.raw.sqlite3_get_autocommit(_writer.Handle) == 0)
            {
                Execute("ROLLBACK");
            }

            throw;
        }
    }

    // Of the disk or of what is on it; anything else SQLite finds wrong with what it was asked.
    private static bool IsOfTheFile(SqliteException e) => e.SqliteErrorCode is
        SQLitePCL.raw.SQLITE_PERM or SQLitePCL.raw.SQLITE_READONLY or SQLitePCL.raw.SQLITE_IOERR or SQLitePCL.raw.SQLITE_CORRUPT
        or SQLitePCL.raw.SQLITE_FULL or SQLitePCL.raw.SQLITE_CANTOPEN or SQLitePCL.raw.SQLITE_NOTADB;

    private ReadOnlyMemory<byte> ApplyOne(in Command command)
    {
        Volatile.Write(ref _time, Math.Max(_time, command.Time));
        if (_replies.TryFind(command.RequestId, _time, out var earlier))
        {
            Execute("UPDATE replication_repeats SET count = count + 1");
            return Repeat(command, earlier);
        }

        // A repeat of it may have been carried out and forgotten while it waited; whether it is one, nobody knows any
        // more.
        if (IsTooOld(command, _time))
        {
            return Repeat(command, null);
        }

        var reply = _stateMachine.Apply(command with { Time = _time }, out var keep) ?? throw NoReply();
        if (keep)
        {
            _replies.Keep(command.RequestId, _time, _time + command.Lifetime, reply);
        }

        return reply;
    }

    private byte[] Repeat(in Command command, byte[]? earlier) =>
        _stateMachine.Repeat(command with { Time = _time }, earlier) ?? throw NoReply();

    private static bool IsTooOld(in Command command, long time) => command.Time < time - command.Lifetime;

    private static InvalidOperationException NoReply() => new("The state machine gave no reply.");

    private void ReleaseWaiters(long position)
    {
        lock (_waiters)
        {
            foreach (var waiter in _waiters)
            {
                if (waiter.Position <= position)
                {
                    waiter.TrySetResult();
                }
            }
        }
    }

    private void CloseReaders()
    {
        while (_readers.TryTake(out var reader))
        {
            reader.CloseWithStatements();
        }
    }

    private void Execute(string sql) => _writer.Prepared(sql).Run();

    private sealed class Waiter(long position) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public long Position { get; } = position;
    }
}
