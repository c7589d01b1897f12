using Agora.Cluster;
using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>A replica's SQLite file: its format, its schema and the connections to it.</summary>
internal static class StoreFile
{
    /// <summary>Counts up with every change of a schema, the store's own or a state machine's.</summary>
    public const int FormatVersion = 6;

    // 32 MiB. The engine checkpoints beside the writer before that. Under a load in which it never catches up, the
    // writer checkpoints itself.
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

    /// <summary>A connection that is not open yet.</summary>
    public static SqliteConnection Connection(string path, SqliteOpenMode mode) =>
        new(
            new SqliteConnectionStringBuilder
            {
                DataSource = path,
                Mode = mode,
                Pooling = false,
            }.ToString()
        );

    /// <summary>An open connection.</summary>
    public static SqliteConnection Connect(string path, SqliteOpenMode mode) => Opened(Connection(path, mode));

    /// <summary>Opens a connection that writes commands or checkpoints.</summary>
    public static void OpenForWriting(SqliteConnection connection)
    {
        Opened(connection);
        Set(connection, "PRAGMA journal_mode = WAL");
        Set(connection, "PRAGMA synchronous = NORMAL");
    }

    /// <summary>
    /// Checks the file's format and owner on the open writer, and makes the tables that are missing.
    /// </summary>
    /// <param name="writer">The connection.</param>
    /// <param name="path">The file.</param>
    /// <param name="stateMachineSchema">The state machine's tables.</param>
    /// <param name="owner">Whose the file must be; null where it does not matter.</param>
    /// <exception cref="FixableException">The file has another format.</exception>
    /// <exception cref="ReplicaDamagedException">The file is another's.</exception>
    public static void Prepare(SqliteConnection writer, string path, string stateMachineSchema, ReplicaOwner? owner)
    {
        var version = writer.Prepared("PRAGMA user_version").Number() ?? 0;
        if (version is not (0 or FormatVersion))
        {
            throw StateOwner.IsOfTodaysFormat(writer)
                ? new ReplicaDamagedException(path, $"has a damaged header: it names format {version}")
                : new FixableException(
                    path,
                    $"is of format {version}, and this program reads {FormatVersion}",
                    "Use the version of the program that wrote it, or begin empty elsewhere"
                );
        }

        if (version == FormatVersion && owner is not null)
        {
            StateOwner.Check(writer, owner, path);
        }

        Execute(
            writer,
            $"""
            PRAGMA wal_autocheckpoint = {PagesBeforeWriterCheckpoints};
            PRAGMA cache_size = -8192;
            BEGIN IMMEDIATE;
            {OwnSchema}
            {StateOwner.Schema}
            {KeptReplies.Schema}
            {stateMachineSchema};
            PRAGMA user_version = {FormatVersion};
            """
        );
        if (version == 0 && owner is not null)
        {
            StateOwner.Write(writer, owner);
        }

        Execute(writer, "COMMIT");
    }

    /// <summary>Whether an error says that the file does not hold what was written to it.</summary>
    public static bool IsDamage(SqliteException e) =>
        e.SqliteErrorCode is SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB;

    /// <summary>
    /// The same for a file that is being opened: its schema may be what is damaged, and then a statement that is right
    /// fails.
    /// </summary>
    public static bool IsDamageAtOpen(SqliteException e) =>
        IsDamage(e)
        || e.SqliteErrorCode
            is SQLitePCL.raw.SQLITE_ERROR
                or SQLitePCL.raw.SQLITE_FORMAT
                or SQLitePCL.raw.SQLITE_SCHEMA
                or SQLitePCL.raw.SQLITE_MISMATCH;

    /// <summary>SQLite's own words, as in "database disk image is malformed".</summary>
    public static string WordsOf(SqliteException e) =>
        e.Message.Split('\'') is [_, var words, ..] ? words : e.Message.TrimEnd('.');

    /// <summary>
    /// Whether an error comes from the disk or from what is on it. All other errors come from the statement.
    /// </summary>
    public static bool IsAtFault(SqliteException e) =>
        e.SqliteErrorCode
            is SQLitePCL.raw.SQLITE_PERM
                or SQLitePCL.raw.SQLITE_READONLY
                or SQLitePCL.raw.SQLITE_IOERR
                or SQLitePCL.raw.SQLITE_CORRUPT
                or SQLitePCL.raw.SQLITE_FULL
                or SQLitePCL.raw.SQLITE_CANTOPEN
                or SQLitePCL.raw.SQLITE_NOTADB;

    private static SqliteConnection Opened(SqliteConnection connection)
    {
        connection.Open();

        // Only the writer writes, so nothing here waits long; a checkpoint holds its lock briefly.
        _ = SQLitePCL.raw.sqlite3_busy_timeout(connection.Handle, 5000);
        Set(connection, "PRAGMA temp_store = MEMORY");
        return connection;
    }

    private static void Execute(SqliteConnection writer, string sql)
    {
        using var command = writer.CreateCommand();
#pragma warning disable CA2100 // The schema is the state machine's constant.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    private static void Set(SqliteConnection connection, string pragma)
    {
        using Statement statement = new(connection, pragma);
        statement.Run();
    }
}
