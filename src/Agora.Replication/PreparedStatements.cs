using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>Keeps a connection's statements with it, so that each text is compiled once a connection.</summary>
public static class PreparedStatements
{
    private static readonly ConditionalWeakTable<SqliteConnection, Dictionary<string, Statement>> s_statements = [];

    /// <summary>
    /// The connection's statement for this text, prepared at its first use and finalized when the store closes the
    /// connection.
    /// </summary>
    /// <param name="connection">The writer, or a connection lent by <see cref="ReplicatedStore.Read{T}"/>.</param>
    /// <param name="sql">A constant text, never one made from data: each different text is kept.</param>
    public static Statement Prepared(this SqliteConnection connection, string sql)
    {
        var statements = s_statements.GetOrCreateValue(connection);
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
        if (s_statements.TryGetValue(connection, out var statements))
        {
            s_statements.Remove(connection);
            foreach (var statement in statements.Values)
            {
                statement.Dispose();
            }
        }

        connection.Dispose();
    }
}
