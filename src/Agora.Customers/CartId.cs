using System.Buffers.Binary;
using Google.Protobuf;

namespace Agora.Customers;

/// <summary>
/// Names a session's cart until the cart is bought; the session's next cart has another number. A purchase carries the
/// id of its cart, so that any server can decide the purchase, even after the session has ended.
/// </summary>
/// <param name="Session">The session's row id, which is never used again.</param>
/// <param name="Buyer">The session's account.</param>
/// <param name="Number">How many carts the session had bought before this one.</param>
internal readonly record struct CartId(long Session, long Buyer, long Number)
{
    public const int Length = 3 * sizeof(long);

    /// <param name="bytes">Exactly <see cref="Length"/> bytes.</param>
    public static CartId Read(ByteString bytes)
    {
        var span = bytes.Span;
        return new(
            BinaryPrimitives.ReadInt64BigEndian(span),
            BinaryPrimitives.ReadInt64BigEndian(span[8..]),
            BinaryPrimitives.ReadInt64BigEndian(span[16..])
        );
    }

    public ByteString ToBytes()
    {
        Span<byte> bytes = stackalloc byte[Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, Session);
        BinaryPrimitives.WriteInt64BigEndian(bytes[8..], Buyer);
        BinaryPrimitives.WriteInt64BigEndian(bytes[16..], Number);
        return ByteString.CopyFrom(bytes);
    }
}
