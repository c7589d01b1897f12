using Agora.Cluster;
using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>A replica's SQLite file: its format, its schema and the connections to it.</summary>
internal static class StoreFile
{
    /// <summary>Counts up with every change of a schema, the store's own or a state machine's.</summary>
    public const int FormatVersion = 5;

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

    /// <summary>Checks the file's format on the open writer, and makes the tables that are missing.</summary>
    /// <exception cref="FixableException">The file has another format.</exception>
    public static void Prepare(SqliteConnection writer, string path, string stateMachineSchema)
    {
        var version = writer.Prepared("PRAGMA user_version").Number() ?? 0;
        if (version is not (0 or FormatVersion))
        {
            throw new FixableException(
                path,
                $"is of format {version}, and this program reads {FormatVersion}",
                "Use the version of the program that wrote it, or begin empty elsewhere"
            );
        }

        using var create = writer.CreateCommand();
#pragma warning disable CA2100 // The schema is the state machine's constant.
        create.CommandText = $"""
            PRAGMA wal_autocheckpoint = {PagesBeforeWriterCheckpoints};
            PRAGMA cache_size = -8192;
            BEGIN IMMEDIATE;
            {OwnSchema}
            {KeptReplies.Schema}
            {stateMachineSchema};
            PRAGMA user_version = {FormatVersion};
            COMMIT;
            """;
#pragma warning restore CA2100
        create.ExecuteNonQuery();
    }

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

    private static void Set(SqliteConnection connection, string pragma)
    {
        using Statement statement = new(connection, pragma);
        statement.Run();
    }
}
