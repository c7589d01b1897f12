using System.Buffers.Binary;

namespace Agora.Replication.Raft;

/// <summary>
/// A member as a vote names it. The library makes these bytes from the replica's number; here they are only kept and
/// compared.
/// </summary>
internal readonly record struct MemberId(UInt128 Address, ulong Port, uint Family)
{
    /// <summary>Bytes of an id.</summary>
    public const int Size = 16 + 8 + 4;

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static MemberId Read(ReadOnlySpan<byte> bytes) =>
        new(
            BinaryPrimitives.ReadUInt128LittleEndian(bytes),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..])
        );

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, Address);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[16..], Port);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[24..], Family);
    }
}
