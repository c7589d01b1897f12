using System.Buffers.Binary;
using System.Buffers.Text;

namespace Agora.Replication;

/// <summary>
/// Where a list's next page starts, as opaque text: the sort key of the last row shown, and a fingerprint of the query.
/// The fingerprint tells this query's cursors from garbage and from those of other queries.
/// </summary>
public static class PageCursor
{
    private const int MaxKeyLength = 6;

    /// <summary>Text for a query's fingerprint and the sort key of the last row shown.</summary>
    public static string Encode(long fingerprint, params ReadOnlySpan<long> key)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, MaxKeyLength);
        Span<byte> bytes = stackalloc byte[(key.Length + 1) * sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, fingerprint);
        for (var i = 0; i < key.Length; i++)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes[((i + 1) * sizeof(long))..], key[i]);
        }

        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>
    /// Reads what <see cref="Encode"/> made for the same query with a key of the same length; false for anything else.
    /// </summary>
    public static bool TryDecode(string cursor, long fingerprint, Span<long> key)
    {
        ArgumentNullException.ThrowIfNull(cursor);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, MaxKeyLength);
        Span<byte> bytes = stackalloc byte[(key.Length + 1) * sizeof(long)];
        if (
            cursor.Length != Base64Url.GetEncodedLength(bytes.Length)
            || !Base64Url.IsValid(cursor, out var length)
            || length != bytes.Length
            || Base64Url.DecodeFromChars(cursor, bytes) != bytes.Length
            || BinaryPrimitives.ReadInt64BigEndian(bytes) != fingerprint
        )
        {
            return false;
        }

        for (var i = 0; i < key.Length; i++)
        {
            key[i] = BinaryPrimitives.ReadInt64BigEndian(bytes[((i + 1) * sizeof(long))..]);
        }

        return true;
    }
}
