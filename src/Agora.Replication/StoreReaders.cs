using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>The connections on which queries run beside the writer. Each is made when it is first needed.</summary>
/// <param name="path">The database file.</param>
/// <param name="count">How many queries run at the same time; further ones wait.</param>
internal sealed class StoreReaders(string path, int count) : IDisposable
{
    private readonly ConcurrentBag<SqliteConnection> _idle = [];
    private readonly SemaphoreSlim _free = new(count, count);
    private volatile bool _isClosed;

    /// <summary>Runs a query within one read transaction: all its statements see the state at one position.</summary>
    public T Read<T>(Func<SqliteConnection, T> query)
    {
        _free.Wait();
        try
        {
            if (!_idle.TryTake(out var reader))
            {
                reader = StoreFile.Connect(path, SqliteOpenMode.ReadOnly);
            }

            try
            {
                return ReadAtOnePosition(reader, query);
            }
            finally
            {
                _idle.Add(reader);
                if (_isClosed)
                {
                    CloseIdle();
                }
            }
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Closes the connections; queries under way close theirs when they end.</summary>
    public void Dispose()
    {
        _isClosed = true;
        CloseIdle();
    }

    /// <summary>Runs a query within one read transaction on a connection of the caller's own.</summary>
    public static T ReadAtOnePosition<T>(SqliteConnection connection, Func<SqliteConnection, T> query)
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

    private void CloseIdle()
    {
        while (_idle.TryTake(out var reader))
        {
            reader.CloseWithStatements();
        }
    }
}
