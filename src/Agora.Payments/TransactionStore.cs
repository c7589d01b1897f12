using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Agora.Cluster;
using Agora.Contracts.Payments;
using Microsoft.Data.Sqlite;

namespace Agora.Payments;

/// <summary>
/// The state of every transaction, for ever. An answer is on disk before it is sent, so a process that dies in between
/// gives the same answer to a repeat. No detail of a card is stored.
/// </summary>
/// <remarks>
/// One connection serves one call at a time. So a Charge and a Cancel of the same transaction have an order, and the
/// second sees what the first decided. The file is locked: a second process fails at its start.
/// </remarks>
internal sealed class TransactionStore : IDisposable
{
    private const string WhatToDoWhenDamaged =
        "No other process holds a copy: restore it from a backup; "
        + "without it no earlier purchase can be settled or audited";

    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _find;
    private readonly SqliteCommand _decide;
    private readonly SqliteCommand _cancel;
    private readonly SemaphoreSlim _oneAtATime = new(1, 1);
    private readonly TimeProvider _clock;
    private readonly double _approvalProbability;

    private TransactionStore(SqliteConnection connection, int? seed, double approvalProbability, TimeProvider clock)
    {
        _connection = connection;
        _clock = clock;
        _approvalProbability = approvalProbability;
        Run("PRAGMA locking_mode = EXCLUSIVE");
        Run("PRAGMA journal_mode = WAL");
        // Every commit is flushed: an answer survives a power failure.
        Run("PRAGMA synchronous = FULL");
        Run(
            """
            CREATE TABLE IF NOT EXISTS transactions (
                id TEXT PRIMARY KEY,
                state INTEGER NOT NULL,
                amount_in_cents INTEGER NOT NULL,
                decided_at INTEGER NOT NULL
            ) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
            """
        );
        Seed = seed ?? StoredSeed();
        _find = Prepare("SELECT state FROM transactions WHERE id = $id");
        _decide = Prepare(
            """
            INSERT INTO transactions (id, state, amount_in_cents, decided_at) VALUES ($id, $state, $amount, $at)
            ON CONFLICT (id) DO NOTHING
            """,
            "$state",
            "$amount",
            "$at"
        );
        _cancel = Prepare(
            """
            INSERT INTO transactions (id, state, amount_in_cents, decided_at) VALUES ($id, $state, 0, $at)
            ON CONFLICT (id) DO UPDATE SET state = $state, decided_at = $at WHERE state = $approved
            """,
            "$state",
            "$approved",
            "$at"
        );
    }

    /// <summary>Decisions depend on this and on the transaction's id.</summary>
    public int Seed { get; }

    public static TransactionStore Open(string directory, int? seed, double approvalProbability, TimeProvider clock)
    {
        SqliteConnection? connection = null;
        var file = Path.Combine(Path.GetFullPath(directory), "payments.db");
        try
        {
            Directory.CreateDirectory(directory);
            connection = new SqliteConnection(
                new SqliteConnectionStringBuilder
                {
                    DataSource = file,
                    Pooling = false,
                    DefaultTimeout = 1,
                }.ToString()
            );
            connection.Open();
            return new TransactionStore(connection, seed, approvalProbability, clock);
        }
        catch (SqliteException e)
        {
            connection?.Dispose();
            throw FileFault.OfSqlite(file, e.SqliteErrorCode, e, WhatToDoWhenDamaged);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw FileFault.Of(Path.GetFullPath(directory), e);
        }
    }

    /// <summary>The transaction's answer, decided now if it is new. After a cancellation, a decline.</summary>
    public async Task<TransactionState> ChargeAsync(string id, long amountInCents)
    {
        await _oneAtATime.WaitAsync();
        try
        {
            Set(_decide, "$id", id);
            Set(_decide, "$state", (long)Decision(Seed, id, _approvalProbability));
            Set(_decide, "$amount", amountInCents);
            Set(_decide, "$at", _clock.GetUtcNow().ToUnixTimeMilliseconds());
            _decide.ExecuteNonQuery();
            return Stored(id) == TransactionState.Approved ? TransactionState.Approved : TransactionState.Declined;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public async Task<TransactionState> FindAsync(string id)
    {
        await _oneAtATime.WaitAsync();
        try
        {
            return Stored(id);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>
    /// An approval or an unknown transaction becomes cancelled; a decline stays a decline. Nothing is ever charged
    /// under this id again.
    /// </summary>
    public async Task<TransactionState> CancelAsync(string id)
    {
        await _oneAtATime.WaitAsync();
        try
        {
            Set(_cancel, "$id", id);
            Set(_cancel, "$state", (long)TransactionState.Cancelled);
            Set(_cancel, "$approved", (long)TransactionState.Approved);
            Set(_cancel, "$at", _clock.GetUtcNow().ToUnixTimeMilliseconds());
            _cancel.ExecuteNonQuery();
            return Stored(id);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>
    /// Every transaction that was approved since a time and not cancelled, for an audit of the books.
    /// </summary>
    public async Task<IReadOnlyList<ApprovedTransaction>> ApprovedAsync(DateTimeOffset since)
    {
        await _oneAtATime.WaitAsync();
        try
        {
            using var command = _connection.CreateCommand();
            command.CommandText =
                "SELECT id, amount_in_cents FROM transactions WHERE state = $approved AND decided_at >= $since";
            command.Parameters.AddWithValue("$approved", (long)TransactionState.Approved);
            command.Parameters.AddWithValue("$since", since.ToUnixTimeMilliseconds());
            using var rows = command.ExecuteReader();
            List<ApprovedTransaction> approved = [];
            while (rows.Read())
            {
                approved.Add(new(rows.GetString(0), rows.GetInt64(1)));
            }

            return approved;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>
    /// Writes everything as it is now to a new file. Charges and cancellations wait meanwhile.
    /// </summary>
    public async Task CopyAsync(string path)
    {
        await _oneAtATime.WaitAsync();
        try
        {
            using var copy = _connection.CreateCommand();
            copy.CommandText = "VACUUM INTO $path";
            copy.Parameters.AddWithValue("$path", path);
            copy.ExecuteNonQuery();
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Depends on seed and id alone, not on earlier transactions or their order.</summary>
    public static TransactionState Decision(int seed, string id, double approvalProbability)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{seed}/{id}")), hash);
        // A double holds 53 bits exactly: a value from 0 to just below 1.
        var drawn = (BinaryPrimitives.ReadUInt64BigEndian(hash) >> 11) * (1.0 / (1UL << 53));
        return drawn < approvalProbability ? TransactionState.Approved : TransactionState.Declined;
    }

    public void Dispose()
    {
        _find.Dispose();
        _decide.Dispose();
        _cancel.Dispose();
        _connection.Dispose();
        _oneAtATime.Dispose();
    }

    private TransactionState Stored(string id)
    {
        Set(_find, "$id", id);
        return _find.ExecuteScalar() is long state ? (TransactionState)state : TransactionState.Unknown;
    }

    /// <summary>Chosen at the first start without a configured seed, and stored: a restart decides as before.</summary>
    private int StoredSeed()
    {
        using var insert = _connection.CreateCommand();
        insert.CommandText = """
            INSERT INTO settings (name, value) VALUES ('seed', $seed) ON CONFLICT (name) DO NOTHING;
            SELECT value FROM settings WHERE name = 'seed';
            """;
        insert.Parameters.AddWithValue("$seed", RandomNumberGenerator.GetInt32(int.MaxValue));
        return (int)(long)insert.ExecuteScalar()!;
    }

    private void Run(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private SqliteCommand Prepare(string sql, params ReadOnlySpan<string> parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.Parameters.Add("$id", SqliteType.Text);
        foreach (var name in parameters)
        {
            command.Parameters.Add(name, SqliteType.Integer);
        }

        command.Prepare();
        return command;
    }

    private static void Set(SqliteCommand command, string name, object value) => command.Parameters[name].Value = value;
}
