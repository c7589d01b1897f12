using System.Buffers.Binary;

namespace Agora.Replication;

/// <summary>
/// Whose a file is, in 16 bytes: a digest of <see cref="ReplicaOwner"/>, for files that have no room for its words.
/// </summary>
internal readonly record struct OwnerMark(UInt128 Value)
{
    /// <summary>Bytes of a mark.</summary>
    public const int Size = 16;

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static OwnerMark Read(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt128BigEndian(bytes));

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);

    /// <summary>Hexadecimal digits.</summary>
    public override string ToString() => Value.ToString("x32", null);
}
