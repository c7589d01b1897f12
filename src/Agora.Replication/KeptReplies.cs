using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>What limits the table, and so the memory of its index.</summary>
/// <param name="MaxKept">
/// Replies. Beyond that the oldest expire early: the default is 15 minutes of 9,300 commands a second.
/// </param>
/// <param name="MaxExpired">
/// Ids that are known although their replies have expired; at least 1, so that the table never forgets its last number.
/// </param>
internal sealed record KeptRepliesBounds(int MaxKept = 1 << 23, int MaxExpired = 1 << 18);

/// <summary>
/// The replies of the last minutes by request id. They are a part of the state, so that every replica answers a repeat
/// as the first was answered. An id outlives its reply: a late repeat is then refused rather than carried out. For the
/// applier, inside the transaction that is open on the writer.
/// </summary>
/// <remarks>
/// Only memory knows which row belongs to an id; it is read from the table at the start. Request ids are random: with
/// an index over them in the file every command would write a page of its own, which was most of what a replica wrote.
/// So the table is written in three places only: at its end, where replies expire, and where ids are forgotten.
/// </remarks>
internal sealed class KeptReplies(SqliteConnection writer, KeptRepliesBounds bounds)
{
    public const string Schema = """
        -- What was answered to each request, in the order of the log. The reply is NULL once it has expired; the oldest
        -- rows go after that.
        CREATE TABLE IF NOT EXISTS replication_replies (
            sequence INTEGER PRIMARY KEY,
            request_id BLOB NOT NULL,
            expires INTEGER NOT NULL,
            reply BLOB);
        """;

    // More than one, so that the number of expired replies shrinks while new ones come; few, so that no command pays
    // for many.
    private const int PrunedPerCommand = 4;

    private readonly RequestIndex _index = new();
    private readonly Memory<byte> _requestId = new byte[16];

    // first <= kept <= last + 1. The rows from first on have expired, those from kept on not all; there are no gaps.
    private long _first = 1;
    private long _kept = 1;
    private long _last;
    private long _keptExpires; // When the row of kept expires.

    /// <summary>Reads what the file holds.</summary>
    public void Load()
    {
        _index.Clear();
        (_first, _kept, _last, _keptExpires) = (1, 0, 0, 0);
        using (
            var rows = writer
                .Prepared(
                    "SELECT sequence, request_id, expires, reply IS NULL FROM replication_replies ORDER BY sequence"
                )
                .Query()
        )
        {
            while (rows.Read())
            {
                var sequence = rows.Int64(0);
                _index.Add(new Guid(rows.Bytes(1), bigEndian: true), sequence);
                if (_last == 0)
                {
                    _first = sequence;
                }

                if (_kept == 0 && !rows.Bool(3))
                {
                    (_kept, _keptExpires) = (sequence, rows.Int64(2));
                }

                _last = sequence;
            }
        }

        if (_kept == 0)
        {
            _kept = _last + 1;
        }
    }

    /// <summary>Whether a request came before, and the reply that it got then; null where that has expired.</summary>
    public bool TryFind(Guid requestId, long time, out byte[]? reply)
    {
        reply = null;
        if (!_index.TryGet(requestId, out var sequence))
        {
            return false;
        }

        using var rows = writer
            .Prepared("SELECT request_id, expires, reply FROM replication_replies WHERE sequence = ?1")
            .Query(sequence);
        if (!rows.Read())
        {
            throw new InvalidDataException($"Reply {sequence} is not in the file.");
        }

        if (new Guid(rows.Bytes(0), bigEndian: true) != requestId)
        {
            return false;
        }

        // Not by whether the row has been pruned already, which happens a few rows at a time.
        reply = rows.Int64(1) > time && !rows.IsNull(2) ? rows.Bytes(2).ToArray() : null;
        return true;
    }

    /// <summary>Keeps a reply until a time, and drops some that have expired.</summary>
    public void Keep(Guid requestId, long time, long expires, ReadOnlyMemory<byte> reply)
    {
        requestId.TryWriteBytes(_requestId.Span, bigEndian: true, out _);
        writer
            .Prepared("INSERT INTO replication_replies (sequence, request_id, expires, reply) VALUES (?1, ?2, ?3, ?4)")
            .Run(++_last, (ReadOnlyMemory<byte>)_requestId, expires, reply);
        _index.Add(requestId, _last);
        if (_kept == _last)
        {
            _keptExpires = expires;
        }

        // After each command, and only by the commands' clock: a function of the log, however it is cut into batches.
        Expire(time);
        Forget();
    }

    // A reply that is kept for long keeps those behind it too, as long as there is room.
    private void Expire(long time)
    {
        if (!IsOver(_kept, _keptExpires))
        {
            return;
        }

        var (end, endExpires) = (_kept, _keptExpires);
        using (
            var behind = writer
                .Prepared("SELECT expires FROM replication_replies WHERE sequence > ?1 ORDER BY sequence LIMIT ?2")
                .Query(_kept, PrunedPerCommand)
        )
        {
            do
            {
                end++;
                endExpires = behind.Read() ? behind.Int64(0) : long.MaxValue;
            } while (end - _kept < PrunedPerCommand && end <= _last && IsOver(end, endExpires));
        }

        writer
            .Prepared("UPDATE replication_replies SET reply = NULL WHERE sequence >= ?1 AND sequence < ?2")
            .Run(_kept, end);
        (_kept, _keptExpires) = (end, endExpires);

        bool IsOver(long sequence, long expires) => expires <= time || _last - sequence >= bounds.MaxKept;
    }

    private void Forget()
    {
        var end = _first + Math.Clamp(_kept - _first - bounds.MaxExpired, 0, PrunedPerCommand);
        if (end == _first)
        {
            return;
        }

        using var gone = writer
            .Prepared(
                """
                DELETE FROM replication_replies WHERE sequence >= ?1 AND sequence < ?2 RETURNING sequence, request_id
                """
            )
            .Query(_first, end);
        while (gone.Read())
        {
            _index.Remove(new Guid(gone.Bytes(1), bigEndian: true), gone.Int64(0));
        }

        _first = end;
    }
}
