using Agora.Cluster;
using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>
/// Whose a SQLite file is, written in the file itself: a copy in the wrong place is noticed. No part of the state's
/// digest.
/// </summary>
internal static class StateOwner
{
    public const string Schema = """
        CREATE TABLE IF NOT EXISTS replication_owner (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            format INTEGER NOT NULL,
            cluster TEXT NOT NULL,
            database TEXT NOT NULL,
            engine TEXT NOT NULL,
            replica INTEGER NOT NULL,
            replicas INTEGER NOT NULL);
        """;

    /// <summary>The owner in a file; null where it says none.</summary>
    public static ReplicaOwner? Read(SqliteConnection connection)
    {
        using Statement select = new(
            connection,
            "SELECT cluster, database, engine, replica, replicas FROM replication_owner"
        );
        using var rows = select.Query();
        return rows.Read() && Enum.TryParse<ReplicationEngine>(rows.Text(2), out var engine)
            ? new ReplicaOwner(rows.Text(0), rows.Text(1), engine, (int)rows.Int64(3), (int)rows.Int64(4))
            : null;
    }

    /// <summary>Makes a file the owner's.</summary>
    public static void Write(SqliteConnection connection, ReplicaOwner owner)
    {
        using Statement insert = new(
            connection,
            "INSERT OR REPLACE INTO replication_owner VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)"
        );
        insert.Run(
            StoreFile.FormatVersion,
            owner.Cluster,
            owner.Database,
            owner.Engine.ToString(),
            owner.Replica,
            owner.Replicas
        );
    }

    /// <summary>
    /// Whether a file, whose header says another format, says in here that it is of today's: then its header is
    /// damaged.
    /// </summary>
    public static bool IsOfTodaysFormat(SqliteConnection connection)
    {
        using Statement table = new(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'replication_owner'");
        using Statement format = new(connection, "SELECT format FROM replication_owner");
        return table.Number() > 0 && format.Number() == StoreFile.FormatVersion;
    }

    /// <summary>Refuses a file of another owner.</summary>
    /// <exception cref="ReplicaDamagedException">It is another's, or does not say whose it is.</exception>
    public static void Check(SqliteConnection connection, ReplicaOwner owner, string path)
    {
        var found = Read(connection) ?? throw new ReplicaDamagedException(path, "does not say whose it is");
        if (owner.Difference(found) is { } difference)
        {
            throw new ReplicaDamagedException(path, difference);
        }
    }
}
