using System.Buffers;
using System.Buffers.Binary;

namespace Agora.Replication;

/// <summary>
/// One ordered command. What is not a function of the state (time, request id) was chosen before ordering, and is a
/// part of it.
/// </summary>
/// <param name="RequestId">
/// Made once by the client that wants the effect, and kept over retries: the state machine never sees it twice.
/// </param>
/// <param name="Time">
/// The submitting replica's clock, milliseconds since 1970 in UTC; the store raises it to the largest seen, so that it
/// never runs backwards.
/// </param>
/// <param name="Payload">The database's own message.</param>
/// <param name="KeptFor">
/// For how many seconds the reply is kept, by the commands' clock, and for how long the command may wait to be ordered.
/// It is a part of the command because all replicas must agree on it, whichever version of the cluster file they have
/// read.
/// </param>
public readonly record struct Command(
    Guid RequestId,
    long Time,
    ReadOnlyMemory<byte> Payload,
    int KeptFor = Command.DefaultKeptFor
)
{
    /// <summary>15 minutes.</summary>
    public const int DefaultKeptFor = 15 * 60;

    /// <summary>Largest payload that an engine takes: what the broadcast can carry, with room for the header.</summary>
    public const int MaxPayload = (1 << 20) - HeaderSize;

    internal const int HeaderSize = 16 + 8 + 4;

    /// <summary>
    /// The store's own command: it changes nothing, and makes each replica compare its state behind it with the others'
    /// (<see cref="Scrubbing.Scrubber"/>). It has no payload, and every command of a database has one.
    /// </summary>
    internal bool IsScrub => Payload.IsEmpty;

    internal static Command Scrub() => new(Guid.NewGuid(), 0, ReadOnlyMemory<byte>.Empty, 0);

    /// <summary><see cref="KeptFor"/> in milliseconds, as <see cref="Time"/> is.</summary>
    internal long Lifetime => KeptFor * 1000L;

    internal int EncodedSize => HeaderSize + Payload.Length;

    /// <summary>
    /// Writes request id (16 bytes, big endian), time (8 bytes, little endian), the seconds for which the reply is kept
    /// (4 bytes, little endian) and payload: the form in which both engines carry it.
    /// </summary>
    internal void Encode(Span<byte> destination)
    {
        RequestId.TryWriteBytes(destination, bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(destination[16..], Time);
        BinaryPrimitives.WriteInt32LittleEndian(destination[24..], KeptFor);
        Payload.Span.CopyTo(destination[HeaderSize..]);
    }

    /// <summary>
    /// Reads what <see cref="Encode"/> wrote. The payload stays a part of <paramref name="encoded"/>: no copy.
    /// </summary>
    /// <exception cref="InvalidDataException">Too short to be a command: the log holds something that no replica of
    /// this version wrote.</exception>
    internal static Command Decode(ReadOnlyMemory<byte> encoded)
    {
        var span = encoded.Span;
        return span.Length < HeaderSize
            ? throw new InvalidDataException($"A command of {span.Length} bytes in the log is shorter than its header.")
            : new Command(
                new Guid(span[..16], bigEndian: true),
                BinaryPrimitives.ReadInt64LittleEndian(span[16..]),
                encoded[HeaderSize..],
                BinaryPrimitives.ReadInt32LittleEndian(span[24..])
            );
    }

    /// <summary>
    /// Appends the command behind its length (4 bytes, little endian): a log entry holds any number of these behind one
    /// another.
    /// </summary>
    internal void EncodeWithLength(IBufferWriter<byte> output)
    {
        var size = EncodedSize;
        var span = output.GetSpan(sizeof(int) + size);
        BinaryPrimitives.WriteInt32LittleEndian(span, size);
        Encode(span[sizeof(int)..]);
        output.Advance(sizeof(int) + size);
    }

    /// <summary>Reads what <see cref="EncodeWithLength"/> wrote.</summary>
    /// <exception cref="InvalidDataException">As <see cref="Decode"/>.</exception>
    internal static void DecodeBatch(ReadOnlyMemory<byte> encoded, List<Command> commands)
    {
        while (!encoded.IsEmpty)
        {
            var size = encoded.Length < sizeof(int) ? -1 : BinaryPrimitives.ReadInt32LittleEndian(encoded.Span);
            if (size < 0 || size > encoded.Length - sizeof(int))
            {
                throw new InvalidDataException("A log entry's commands do not fill it exactly.");
            }

            commands.Add(Decode(encoded.Slice(sizeof(int), size)));
            encoded = encoded[(sizeof(int) + size)..];
        }
    }
}
