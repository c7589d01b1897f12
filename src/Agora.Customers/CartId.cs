using System.Buffers.Binary;
using Google.Protobuf;

namespace Agora.Customers;

/// <summary>
/// Names a session's cart until it is bought: the next one, of the same session, has another number. Others keep it with what they do for a
/// purchase and give it back, so that a purchase can be decided by anybody, and after its session has ended.
/// </summary>
/// <param name="Session">The session's row. These ids are never used again.</param>
/// <param name="Buyer">The session's account.</param>
/// <param name="Number">How many carts the session has bought before.</param>
internal readonly record struct CartId(long Session, long Buyer, long Number)
{
    public const int Length = 3 * sizeof(long);

    /// <param name="bytes"><see cref="Length"/> bytes.</param>
    public static CartId Read(ByteString bytes)
    {
        var span = bytes.Span;
        return new(
            BinaryPrimitives.ReadInt64BigEndian(span), BinaryPrimitives.ReadInt64BigEndian(span[8..]), BinaryPrimitives.ReadInt64BigEndian(span[16..]));
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
