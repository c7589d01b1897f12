using System.Buffers.Binary;

namespace Agora.Replication;

/// <summary>
/// Which row a request id has, for millions of ids. In pieces: a single table stands still for as long as it takes to
/// move all of it to twice the room, and every caller waits for that behind the applier.
/// </summary>
/// <remarks>
/// It knows 8 bytes of an id, so that an entry is small; the reader of the row compares the whole id. Ids that are
/// alike in these bytes, which random ones never are, are told apart beside the pieces.
/// </remarks>
internal sealed class RequestIndex
{
    private const int PieceCount = 256;

    // A piece gives room back once three quarters of it are empty.
    private const int MinShrunk = 1 << 10;

    private readonly Dictionary<long, long>[] _pieces =
        [.. Enumerable.Range(0, PieceCount).Select(_ => new Dictionary<long, long>())];
    private readonly Dictionary<Guid, long> _alike = [];

    /// <summary>Ids known.</summary>
    public long Count => _pieces.Sum(piece => (long)piece.Count) + _alike.Count;

    /// <summary>Room of the largest piece, in ids: what is moved at once when it grows.</summary>
    public int MaxPieceCapacity => _pieces.Max(piece => piece.Capacity);

    /// <summary>The row that belongs to the id, or to another that is alike.</summary>
    public bool TryGet(Guid requestId, out long row) =>
        _alike.TryGetValue(requestId, out row) || Piece(requestId, out var key).TryGetValue(key, out row);

    /// <summary>Adds an id that is not known.</summary>
    public void Add(Guid requestId, long row)
    {
        if (!Piece(requestId, out var key).TryAdd(key, row))
        {
            _alike.Add(requestId, row);
        }
    }

    /// <summary>Forgets an id that has this row.</summary>
    public void Remove(Guid requestId, long row)
    {
        var piece = Piece(requestId, out var key);
        if (!piece.TryGetValue(key, out var first) || first != row)
        {
            _alike.Remove(requestId);
            return;
        }

        piece.Remove(key);
        if (piece.Capacity > MinShrunk && piece.Count < piece.Capacity / 4)
        {
            piece.TrimExcess(piece.Capacity / 2);
        }
    }

    /// <summary>Forgets all ids.</summary>
    public void Clear()
    {
        _alike.Clear();
        foreach (var piece in _pieces)
        {
            piece.Clear();
        }
    }

    private Dictionary<long, long> Piece(Guid requestId, out long key)
    {
        Span<byte> bytes = stackalloc byte[16];
        requestId.TryWriteBytes(bytes, bigEndian: true, out _);
        key = BinaryPrimitives.ReadInt64BigEndian(bytes);
        return _pieces[(byte)key];
    }
}
