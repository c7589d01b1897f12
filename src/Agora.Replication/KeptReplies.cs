using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>
/// The replies of the last minutes by request id: a part of the state, so that a repeat is answered as the first was, at whichever replica. For the applier,
/// inside the transaction that is open on the writer.
/// </summary>
/// <remarks>
/// Which row belongs to an id is known in memory alone, and read from the table at the start. Request ids are random: an index over them in the file would have
/// every command write a page of its own, which was most of what a replica wrote.
/// </remarks>
internal sealed class KeptReplies(SqliteConnection writer)
{
    public const string Schema = """
        CREATE TABLE IF NOT EXISTS replication_replies (
            sequence INTEGER PRIMARY KEY,
            request_id BLOB NOT NULL,
            time INTEGER NOT NULL,
            reply BLOB NOT NULL);
        """;

    // More than one, so that what has expired shrinks while new ones come; few, so that no command pays for many.
    private const int PrunedPerCommand = 4;
    private const int SmallestShrunk = 1 << 16;

    private readonly Dictionary<Guid, long> _sequences = [];
    private readonly Memory<byte> _requestId = new byte[16];

    private long _last;         // Sequence of the newest reply kept, 0 with none; sequences have no gaps.
    private long _oldest;       // Sequence and time of the oldest one kept.
    private long _oldestTime;

    /// <summary>Learns what the file holds.</summary>
    public void Load()
    {
        _sequences.Clear();
        using (var rows = writer.Prepared("SELECT sequence, request_id FROM replication_replies").Query())
        {
            while (rows.Read())
            {
                _sequences.Add(new Guid(rows.Bytes(1), bigEndian: true), rows.Int64(0));
            }
        }

        _last = writer.Prepared("SELECT MAX(sequence) FROM replication_replies").Number() ?? 0;
        FindOldest();
    }

    /// <summary>The reply that a request got before; null where it is new.</summary>
    public byte[]? Find(Guid requestId)
    {
        if (!_sequences.TryGetValue(requestId, out var sequence))
        {
            return null;
        }

        using var kept = writer.Prepared("SELECT reply FROM replication_replies WHERE sequence = ?1").Query(sequence);
        return kept.Read() ? kept.Bytes(0).ToArray() : throw new InvalidDataException($"Reply {sequence} is not in the file.");
    }

    /// <summary>Keeps a reply, and lets go of some that have expired.</summary>
    public void Keep(Guid requestId, long time, ReadOnlyMemory<byte> reply)
    {
        requestId.TryWriteBytes(_requestId.Span, bigEndian: true, out _);
        writer.Prepared("INSERT INTO replication_replies (sequence, request_id, time, reply) VALUES (?1, ?2, ?3, ?4)")
            .Run(++_last, (ReadOnlyMemory<byte>)_requestId, time, reply);
        _sequences.Add(requestId, _last);
        if (_oldest == 0)
        {
            (_oldest, _oldestTime) = (_last, time);
        }

        Prune(time - (long)ReplicatedStore.ReplyLifetime.TotalMilliseconds);
    }

    // After each command, and by nothing but the commands' clock: a function of the log, however it is cut into batches.
    // The newest reply never expires at once, so the sequence goes on without a gap after a restart.
    private void Prune(long expired)
    {
        if (_oldestTime > expired)
        {
            return;
        }

        using (var gone = writer.Prepared("DELETE FROM replication_replies WHERE sequence < ?1 AND time <= ?2 RETURNING request_id")
            .Query(_oldest + PrunedPerCommand, expired))
        {
            while (gone.Read())
            {
                _sequences.Remove(new Guid(gone.Bytes(0), bigEndian: true));
            }
        }

        if (_sequences.Capacity > SmallestShrunk && _sequences.Count < _sequences.Capacity / 4)
        {
            _sequences.TrimExcess(_sequences.Capacity / 2);
        }

        FindOldest();
    }

    private void FindOldest()
    {
        using var oldest = writer.Prepared("SELECT sequence, time FROM replication_replies ORDER BY sequence LIMIT 1").Query();
        (_oldest, _oldestTime) = oldest.Read() ? (oldest.Int64(0), oldest.Int64(1)) : (0, 0);
    }
}
