using System.Buffers.Binary;

namespace Agora.Replication;

/// <summary>
/// Which row a request id has, for millions of ids. It is cut into pieces: a single table that grows is moved as a
/// whole, and meanwhile every caller waits behind the applier.
/// </summary>
/// <remarks>
/// It knows 8 bytes of an id, so that an entry is small; the reader of the row compares the whole id. Ids that are
/// equal in these bytes, which random ones never are, are kept whole beside the pieces.
/// </remarks>
internal sealed class RequestIndex
{
    private const int PieceCount = 256;

    // A larger piece gives memory back once three quarters of it are empty.
    private const int MinShrunkCapacity = 1 << 10;

    private readonly Dictionary<long, long>[] _pieces =
    [
        .. Enumerable.Range(0, PieceCount).Select(_ => new Dictionary<long, long>()),
    ];
    private readonly Dictionary<Guid, long> _collisions = [];

    /// <summary>Ids known.</summary>
    public long Count => _pieces.Sum(piece => (long)piece.Count) + _collisions.Count;

    /// <summary>Capacity of the largest piece, in ids: what is moved at once when it grows.</summary>
    public int MaxPieceCapacity => _pieces.Max(piece => piece.Capacity);

    /// <summary>The row of the id, or of another that is equal in the bytes known here.</summary>
    public bool TryGet(Guid requestId, out long row) =>
        _collisions.TryGetValue(requestId, out row) || Piece(requestId, out var key).TryGetValue(key, out row);

    /// <summary>Adds an id that is not known.</summary>
    public void Add(Guid requestId, long row)
    {
        if (!Piece(requestId, out var key).TryAdd(key, row))
        {
            _collisions.Add(requestId, row);
        }
    }

    /// <summary>Forgets an id that has this row.</summary>
    public void Remove(Guid requestId, long row)
    {
        var piece = Piece(requestId, out var key);
        if (!piece.TryGetValue(key, out var first) || first != row)
        {
            _collisions.Remove(requestId);
            return;
        }

        piece.Remove(key);
        if (piece.Capacity > MinShrunkCapacity && piece.Count < piece.Capacity / 4)
        {
            piece.TrimExcess(piece.Capacity / 2);
        }
    }

    /// <summary>Forgets all ids.</summary>
    public void Clear()
    {
        _collisions.Clear();
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
