using System.Buffers;
using System.Buffers.Binary;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Journal;

/// <summary>
/// Records of the journal: length of kind and content (4 bytes), their CRC-32C (4), kind (1), content. The first is a
/// checkpoint. <see cref="JournalLayout"/> says how they lie in a file, and whether a crash or damage ended them.
/// </summary>
internal static class JournalFormat
{
    /// <summary>The version of the records and of their layout in a file.</summary>
    public const byte Version = 2;

    /// <summary>Bytes of length and checksum before the kind of a record.</summary>
    public const int HeaderLength = 8;

    internal enum RecordKind : byte
    {
        Checkpoint = 1,
        Request = 2,
        Sequence = 3,
        Incarnation = 4,

        /// <summary>Begins a file; <see cref="JournalLayout"/> writes it.</summary>
        File = 64,

        /// <summary>Begins a batch; <see cref="JournalLayout"/> writes it.</summary>
        Batch = 65,
    }

    public static void WriteRequest(IBufferWriter<byte> writer, RequestId id, ReadOnlySpan<byte> body)
    {
        var into = writer.GetSpan(HeaderLength + 2 + Varint.MaxLength + body.Length);
        var at = HeaderLength;
        into[at++] = (byte)RecordKind.Request;
        into[at++] = (byte)id.Sender;
        at += Varint.Write(into[at..], id.Local);
        body.CopyTo(into[at..]);
        Finish(writer, into, at + body.Length);
    }

    public static void WriteSequence(IBufferWriter<byte> writer, long number, RequestId id)
    {
        var into = writer.GetSpan(HeaderLength + 2 + (2 * Varint.MaxLength));
        var at = HeaderLength;
        into[at++] = (byte)RecordKind.Sequence;
        at += Varint.Write(into[at..], number);
        into[at++] = (byte)id.Sender;
        at += Varint.Write(into[at..], id.Local);
        Finish(writer, into, at);
    }

    public static void WriteIncarnation(IBufferWriter<byte> writer, int member, long incarnation)
    {
        var into = writer.GetSpan(HeaderLength + 10);
        into[HeaderLength] = (byte)RecordKind.Incarnation;
        into[HeaderLength + 1] = (byte)member;
        BinaryPrimitives.WriteInt64LittleEndian(into[(HeaderLength + 2)..], incarnation);
        Finish(writer, into, HeaderLength + 10);
    }

    /// <summary>Writes a member's position; what it holds from there on follows in further records.</summary>
    public static void WriteCheckpoint(IBufferWriter<byte> writer, JournalState state)
    {
        var members = state.DroppedLocals.Length;
        var into = writer.GetSpan(
            HeaderLength
                + 4
                + (3 * Varint.MaxLength)
                + (members * ((2 * Varint.MaxLength) + 8))
                + state.Partial.Sum(p => p.Length)
        );
        var at = HeaderLength;
        into[at++] = (byte)RecordKind.Checkpoint;
        into[at++] = Version;
        into[at++] = (byte)members;
        into[at++] = (byte)state.Self;
        at += Varint.Write(into[at..], state.Dropped + 1);
        at += Varint.Write(into[at..], state.Applied + 1);
        at += Varint.Write(into[at..], state.Position + 1);
        for (var m = 0; m < members; m++)
        {
            at += Varint.Write(into[at..], state.DroppedLocals[m] + 1);
            BinaryPrimitives.WriteInt64LittleEndian(into[at..], state.Incarnations[m]);
            at += 8;
            at += Varint.Write(into[at..], state.Partial[m].Length);
            state.Partial[m].CopyTo(into[at..]);
            at += state.Partial[m].Length;
        }

        Finish(writer, into, at);
    }

    /// <summary>
    /// Reads a journal up to its end or the first broken record; null when it does not begin with a checkpoint.
    /// </summary>
    /// <param name="journal">The bytes of the file.</param>
    /// <param name="length">How many of them are good.</param>
    /// <exception cref="InvalidDataException">A record with a good checksum makes no sense: it is of another version,
    /// or there is a bug.</exception>
    public static JournalState? Read(ReadOnlySpan<byte> journal, out int length)
    {
        JournalState? state = null;
        length = 0;
        while (TryReadRecord(journal[length..], out var record))
        {
            Take(ref state, record);
            length += HeaderLength + record.Length;
        }

        return state;
    }

    /// <summary>Takes one more record into the state; the first one, a checkpoint, makes it.</summary>
    /// <exception cref="InvalidDataException">The record makes no sense.</exception>
    public static void Take(ref JournalState? state, ReadOnlySpan<byte> record)
    {
        var content = record[1..];
        switch ((RecordKind)record[0])
        {
            case RecordKind.Checkpoint when state is null:
                state = ReadCheckpoint(content);
                break;
            case RecordKind.Request when state is not null:
                int sender = content[0];
                content = content[1..];
                state.Requests.Add((new(sender, ReadNumber(ref content)), content.ToArray()));
                break;
            case RecordKind.Sequence when state is not null:
                var number = ReadNumber(ref content);
                int named = content[0];
                content = content[1..];
                state.Sequences.Add((number, new(named, ReadNumber(ref content))));
                break;
            case RecordKind.Incarnation when state is not null:
                state.Incarnations[content[0]] = BinaryPrimitives.ReadInt64LittleEndian(content[1..]);
                break;
            default:
                throw new InvalidDataException($"The journal holds a record of kind {record[0]} where none belongs.");
        }
    }

    /// <summary>Reads kind and content of the record that begins the bytes; false when it is not whole.</summary>
    public static bool TryReadRecord(ReadOnlySpan<byte> journal, out ReadOnlySpan<byte> record)
    {
        record = default;
        if (journal.Length < HeaderLength)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt32LittleEndian(journal);
        if (length == 0 || length > journal.Length - HeaderLength)
        {
            return false;
        }

        record = journal.Slice(HeaderLength, (int)length);
        return BinaryPrimitives.ReadUInt32LittleEndian(journal[4..]) == Crc32C.Compute(record);
    }

    /// <summary>Puts length and checksum before a record's kind and content.</summary>
    /// <param name="record">Room for both, then kind and content.</param>
    public static void Seal(Span<byte> record)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(record, (uint)(record.Length - HeaderLength));
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Crc32C.Compute(record[HeaderLength..]));
    }

    private static JournalState ReadCheckpoint(ReadOnlySpan<byte> content)
    {
        if (content[0] != Version)
        {
            throw new InvalidDataException(
                $"The journal is of version {content[0]}; this library reads version {Version}."
            );
        }

        int members = content[1];
        int self = content[2];
        content = content[3..];
        var dropped = ReadNumber(ref content) - 1;
        var applied = ReadNumber(ref content) - 1;
        var position = ReadNumber(ref content) - 1;
        var state = new JournalState(self, members)
        {
            Dropped = dropped,
            Applied = applied,
            Position = position,
        };
        for (var m = 0; m < members; m++)
        {
            state.DroppedLocals[m] = ReadNumber(ref content) - 1;
            state.Incarnations[m] = BinaryPrimitives.ReadInt64LittleEndian(content);
            content = content[8..];
            var partial = (int)ReadNumber(ref content);
            state.Partial[m] = content[..partial].ToArray();
            content = content[partial..];
        }

        return state;
    }

    private static long ReadNumber(ref ReadOnlySpan<byte> content) =>
        Varint.TryRead(ref content, out var value)
            ? value
            : throw new InvalidDataException("A record of the journal ends within a number.");

    private static void Finish(IBufferWriter<byte> writer, Span<byte> record, int length)
    {
        Seal(record[..length]);
        writer.Advance(length);
    }
}
