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
    public const byte Version = 3;

    /// <summary>The oldest version that is read. It names no lives; a start goes on in a new file.</summary>
    public const byte OldestVersion = 2;

    /// <summary>Bytes of length and checksum before the kind of a record.</summary>
    public const int HeaderLength = 8;

    internal enum RecordKind : byte
    {
        Checkpoint = 1,
        Request = 2,
        Sequence = 3,
        Life = 4,
        Promise = 5,
        Epoch = 6,
        Join = 7,
        Operation = 8,
        Heard = 9,

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

    /// <summary>The member has started once more.</summary>
    public static void WriteLife(IBufferWriter<byte> writer, long number, long id)
    {
        var into = writer.GetSpan(HeaderLength + 1 + Varint.MaxLength + sizeof(long));
        var at = HeaderLength;
        into[at++] = (byte)RecordKind.Life;
        at += Varint.Write(into[at..], number);
        BinaryPrimitives.WriteInt64LittleEndian(into[at..], id);
        Finish(writer, into, at + sizeof(long));
    }

    /// <summary>The member listens to this life of another one, and to none before it of that incarnation.</summary>
    public static void WriteHeard(IBufferWriter<byte> writer, int member, HeardLife life)
    {
        var into = writer.GetSpan(HeaderLength + 2 + Varint.MaxLength + (2 * sizeof(long)));
        var at = HeaderLength;
        into[at++] = (byte)RecordKind.Heard;
        into[at++] = (byte)member;
        BinaryPrimitives.WriteInt64LittleEndian(into[at..], life.Incarnation);
        at += sizeof(long);
        at += Varint.Write(into[at..], life.Number);
        BinaryPrimitives.WriteInt64LittleEndian(into[at..], life.Id);
        Finish(writer, into, at + sizeof(long));
    }

    /// <summary>The member promises to take in nothing of epochs below this one.</summary>
    public static void WritePromise(IBufferWriter<byte> writer, long epoch) =>
        WriteOneNumber(writer, RecordKind.Promise, epoch);

    /// <summary>The member enters an epoch. What it makes void may stand before this record.</summary>
    public static void WriteEpoch(IBufferWriter<byte> writer, Epoch epoch) =>
        WriteEpoch(writer, RecordKind.Epoch, epoch);

    /// <summary>The member begins to join an epoch. What it makes void may stand before this record.</summary>
    public static void WriteJoin(IBufferWriter<byte> writer, Epoch epoch) => WriteEpoch(writer, RecordKind.Join, epoch);

    /// <summary>All members have entered the epoch of this member.</summary>
    public static void WriteOperation(IBufferWriter<byte> writer, long epoch) =>
        WriteOneNumber(writer, RecordKind.Operation, epoch);

    private static void WriteEpoch(IBufferWriter<byte> writer, RecordKind kind, Epoch epoch)
    {
        var into = writer.GetSpan(HeaderLength + 1 + MaxLengthOf(epoch));
        into[HeaderLength] = (byte)kind;
        Finish(writer, into, HeaderLength + 1 + Write(into[(HeaderLength + 1)..], epoch));
    }

    /// <summary>
    /// Writes a member's position, its lives, and those of the others that it has heard. What it holds from there on
    /// follows in further records.
    /// </summary>
    public static void WriteCheckpoint(IBufferWriter<byte> writer, JournalState state)
    {
        var members = state.DroppedLocals.Length;
        var into = writer.GetSpan(
            HeaderLength
                + 4
                + (7 * Varint.MaxLength)
                + sizeof(long)
                + MaxLengthOf(state.Epoch)
                + (members * 2 * Varint.MaxLength)
                + state.Partial.Sum(p => p.Length)
        );
        var at = HeaderLength;
        into[at++] = (byte)RecordKind.Checkpoint;
        into[at++] = Version;
        into[at++] = (byte)members;
        into[at++] = (byte)state.Self;
        at += Varint.Write(into[at..], state.Dropped + 1);
        at += Varint.Write(into[at..], state.AllHeld + 1);
        at += Varint.Write(into[at..], state.Applied + 1);
        at += Varint.Write(into[at..], state.Position + 1);
        BinaryPrimitives.WriteInt64LittleEndian(into[at..], state.Incarnation);
        at += sizeof(long);
        at += Varint.Write(into[at..], state.LifeNumber);
        at += Varint.Write(into[at..], (state.Returns ? 1 : 0) + (state.Operated ? 2 : 0));
        at += Varint.Write(into[at..], state.Promised);
        at += Write(into[at..], state.Epoch);
        for (var m = 0; m < members; m++)
        {
            at += Varint.Write(into[at..], state.DroppedLocals[m] + 1);
            at += Varint.Write(into[at..], state.Partial[m].Length);
            state.Partial[m].CopyTo(into[at..]);
            at += state.Partial[m].Length;
        }

        Finish(writer, into, at);
        foreach (var (number, id) in state.Lives)
        {
            WriteLife(writer, number, id);
        }

        foreach (var (member, life) in state.Heard.All)
        {
            WriteHeard(writer, member, life);
        }
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
            case RecordKind.Life when state is not null:
                state.BeginLife(ReadNumber(ref content), content.IsEmpty ? 0 : ReadInt64(ref content));
                break;
            case RecordKind.Heard when state is not null:
                int heard = content[0];
                content = content[1..];
                state.Hear(heard, new(ReadInt64(ref content), ReadNumber(ref content), ReadInt64(ref content)));
                break;
            case RecordKind.Promise when state is not null:
                state.Promised = ReadNumber(ref content);
                break;
            case RecordKind.Epoch when state is not null:
                state.Enter(ReadEpoch(ref content, state.DroppedLocals.Length));
                break;
            case RecordKind.Join when state is not null:
                state.Join(ReadEpoch(ref content, state.DroppedLocals.Length));
                break;
            case RecordKind.Operation when state is not null:
                state.Operated = ReadNumber(ref content) == state.Epoch.Number;
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
        if (content[0] is < OldestVersion or > Version)
        {
            throw new InvalidDataException(
                $"The journal is of version {content[0]}; this library reads versions {OldestVersion} to {Version}."
            );
        }

        int members = content[1];
        int self = content[2];
        content = content[3..];
        var dropped = ReadNumber(ref content) - 1;
        var allHeld = ReadNumber(ref content) - 1;
        var applied = ReadNumber(ref content) - 1;
        var position = ReadNumber(ref content) - 1;
        var incarnation = ReadInt64(ref content);
        var lifeNumber = ReadNumber(ref content);
        var flags = ReadNumber(ref content);
        var promised = ReadNumber(ref content);
        var state = new JournalState(self, members, ReadEpoch(ref content, members))
        {
            Dropped = dropped,
            AllHeld = allHeld,
            Applied = applied,
            Position = position,
            Incarnation = incarnation,
            LifeNumber = lifeNumber,
            Returns = (flags & 1) != 0,
            Operated = (flags & 2) != 0,
            Promised = promised,
        };
        for (var m = 0; m < members; m++)
        {
            state.DroppedLocals[m] = ReadNumber(ref content) - 1;
            var partial = (int)ReadNumber(ref content);
            state.Partial[m] = content[..partial].ToArray();
            content = content[partial..];
        }

        return state;
    }

    private static void WriteOneNumber(IBufferWriter<byte> writer, RecordKind kind, long number)
    {
        var into = writer.GetSpan(HeaderLength + 1 + Varint.MaxLength);
        into[HeaderLength] = (byte)kind;
        Finish(writer, into, HeaderLength + 1 + Varint.Write(into[(HeaderLength + 1)..], number));
    }

    private static int MaxLengthOf(Epoch epoch) =>
        (2 * Varint.MaxLength) + (epoch.Locals.Length * (sizeof(long) + Varint.MaxLength));

    private static int Write(Span<byte> into, Epoch epoch)
    {
        var at = Varint.Write(into, epoch.Number);
        at += Varint.Write(into[at..], epoch.Cut + 1);
        for (var m = 0; m < epoch.Locals.Length; m++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(into[at..], epoch.Incarnations[m]);
            at += sizeof(long);
            at += Varint.Write(into[at..], epoch.Locals[m] + 1);
        }

        return at;
    }

    private static Epoch ReadEpoch(ref ReadOnlySpan<byte> content, int members)
    {
        Epoch epoch = new(members) { Number = ReadNumber(ref content), Cut = ReadNumber(ref content) - 1 };
        for (var m = 0; m < members; m++)
        {
            epoch.Incarnations[m] = ReadInt64(ref content);
            epoch.Locals[m] = ReadNumber(ref content) - 1;
        }

        return epoch;
    }

    private static long ReadInt64(ref ReadOnlySpan<byte> content)
    {
        var value = BinaryPrimitives.ReadInt64LittleEndian(content);
        content = content[sizeof(long)..];
        return value;
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
