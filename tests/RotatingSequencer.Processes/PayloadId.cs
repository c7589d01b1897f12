using System.Buffers.Binary;

namespace RotatingSequencer.Processes;

/// <summary>
/// Identifies a payload: the <paramref name="Counter"/>-th that a member submitted in one of its lives. Its bytes
/// follow from that.
/// </summary>
internal readonly record struct PayloadId(int Member, int Life, int Counter)
{
    private const int HeaderSize = 12;

    public override string ToString() => $"payload {Counter} of member {Member}'s life {Life}";

    /// <summary>The payload. Most are small, some are cut into several datagrams, few into very many.</summary>
    public byte[] Bytes()
    {
        var random = new Random(HashCode());
        var length =
            HeaderSize
            + random.Next(500) switch
            {
                0 => random.Next(100_000),
                < 20 => random.Next(10_000),
                _ => random.Next(400),
            };
        var bytes = new byte[length];
        random.NextBytes(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes, Member);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Life);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), Counter);
        return bytes;
    }

    /// <summary>Reads the id of a payload, and checks all its bytes.</summary>
    public static PayloadId Read(ReadOnlySpan<byte> payload)
    {
        if (payload.Length >= HeaderSize)
        {
            var id = new PayloadId(
                BinaryPrimitives.ReadInt32LittleEndian(payload),
                BinaryPrimitives.ReadInt32LittleEndian(payload[4..]),
                BinaryPrimitives.ReadInt32LittleEndian(payload[8..])
            );
            if (payload.SequenceEqual(id.Bytes()))
            {
                return id;
            }
        }

        throw new InvalidDataException($"A payload of {payload.Length} B was delivered that nobody submitted.");
    }

    // The same in every process, unlike the record's own.
    private int HashCode() => unchecked((((Member * 31) + Life) * 1_000_003) + Counter);
}
