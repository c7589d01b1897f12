using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>
/// A store's state at one position. A read transaction holds it, so that commands applied later do not change it; the
/// WAL grows as long as it is not disposed.
/// </summary>
internal sealed class StoreCopy : IDisposable
{
    private readonly SqliteConnection _connection;

    /// <summary>Begins the read transaction. Takes about a millisecond.</summary>
    public StoreCopy(string path)
    {
        _connection = StoreFile.Connect(path, SqliteOpenMode.ReadOnly);
        try
        {
            _connection.Prepared("BEGIN").Run();
            Position =
                _connection.Prepared("SELECT applied FROM replication_state").Number()
                ?? throw new InvalidDataException($"{path} is not a replica's state.");
        }
        catch
        {
            _connection.CloseWithStatements();
            throw;
        }
    }

    /// <summary>The applied position of the state.</summary>
    public long Position { get; }

    /// <summary>Writes the state to a new file that a replica can start from.</summary>
    public void WriteTo(string path)
    {
        // Pages are copied within the read transaction, and then written out in order. SQLite does the second only
        // outside of a transaction, but it makes the indexes anew: a damaged one is not handed on.
        var pages = path + ".pages";
        Remove(pages);
        try
        {
            using var target = StoreFile.Connection(pages, SqliteOpenMode.ReadWriteCreate);
            target.Open();
            _connection.BackupDatabase(target);
            using Statement copy = new(target, "VACUUM INTO ?1");
            copy.Run(path);
        }
        finally
        {
            Remove(pages);
        }
    }

    /// <summary>Removes a database file and what SQLite keeps beside it.</summary>
    public static void Remove(string path)
    {
        foreach (var file in (string[])[path, path + "-wal", path + "-shm", path + "-journal"])
        {
            File.Delete(file);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.CloseWithStatements();
}
