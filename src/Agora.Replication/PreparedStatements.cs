using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>Keeps a connection's statements with it, so that each text is compiled once a connection.</summary>
public static class PreparedStatements
{
    private static readonly ConditionalWeakTable<SqliteConnection, Dictionary<string, Statement>> Kept = [];

    /// <summary>
    /// The connection's statement for this text, prepared at its first use and finalized when the store closes the connection.
    /// </summary>
    /// <param name="connection">The writer, or a connection lent by <see cref="ReplicatedStore.Read{T}"/>.</param>
    /// <param name="sql">A constant text, never one put together from data: each different one is kept.</param>
    public static Statement Prepared(this SqliteConnection connection, string sql)
    {
        var statements = Kept.GetOrCreateValue(connection);
        if (!statements.TryGetValue(sql, out var statement))
        {
            statement = new Statement(connection, sql);
            statements.Add(sql, statement);
        }

        return statement;
    }

    // SQLite keeps a closed connection's file open, unfinished, for as long as one of its statements lives.
    internal static void CloseWithStatements(this SqliteConnection connection)
    {
        if (Kept.TryGetValue(connection, out var statements))
        {
            Kept.Remove(connection);
            foreach (var statement in statements.Values)
            {
                statement.Dispose();
            }
        }

        connection.Dispose();
    }
}
