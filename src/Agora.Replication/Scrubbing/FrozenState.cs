using Microsoft.Data.Sqlite;

namespace Agora.Replication.Scrubbing;

/// <summary>
/// The state at one position, while commands go on to change it: a read transaction on a connection of its own. The
/// connection is fresh, so that what it reads comes from the file and not from an earlier reader's cache.
/// </summary>
internal sealed class FrozenState : IDisposable
{
    private FrozenState(SqliteConnection connection, long position) => (Connection, Position) = (connection, position);

    public SqliteConnection Connection { get; }

    public long Position { get; }

    /// <summary>Freezes the state as it is now. For the applier, between two batches.</summary>
    public static FrozenState Of(string path)
    {
        var connection = StoreFile.Connect(path, SqliteOpenMode.ReadOnly);
        try
        {
            // The transaction sees the state of its first read.
            connection.Prepared("BEGIN").Run();
            return new FrozenState(
                connection,
                connection.Prepared("SELECT applied FROM replication_state").Number() ?? -1
            );
        }
        catch
        {
            connection.CloseWithStatements();
            throw;
        }
    }

    public void Dispose() => Connection.CloseWithStatements();
}
