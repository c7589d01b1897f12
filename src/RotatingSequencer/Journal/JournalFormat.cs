using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Journal;

/// <summary>
/// Records of the journal: length of what follows the checksum (4 bytes), CRC-32C of it (4), kind (1), content. A journal begins
/// with a checkpoint. The first record that is cut short or does not match its checksum is where a crash ended the journal: nothing
/// behind it was ever relied on.
/// </summary>
internal static class JournalFormat
{
    private const byte Version = 1;
    private const int HeaderLength = 8;

    private enum Kind : byte
    {
        Checkpoint = 1,
        Request = 2,
        Sequence = 3,
        Incarnation = 4,
    }

    public static void WriteRequest(IBufferWriter<byte> writer, RequestId id, ReadOnlySpan<byte> body)
    {
        var into = writer.GetSpan(HeaderLength + 2 + Varint.MaximumLength + body.Length);
        var at = HeaderLength;
        into[at++] = (byte)Kind.Request;
        into[at++] = (byte)id.Sender;
        at += Varint.Write(into[at..], id.Local);
        body.CopyTo(into[at..]);
        Finish(writer, into, at + body.Length);
    }

    public static void WriteSequence(IBufferWriter<byte> writer, long number, RequestId id)
    {
        var into = writer.GetSpan(HeaderLength + 2 + (2 * Varint.MaximumLength));
        var at = HeaderLength;
        into[at++] = (byte)Kind.Sequence;
        at += Varint.Write(into[at..], number);
        into[at++] = (byte)id.Sender;
        at += Varint.Write(into[at..], id.Local);
        Finish(writer, into, at);
    }

    public static void WriteIncarnation(IBufferWriter<byte> writer, int member, long incarnation)
    {
        var into = writer.GetSpan(HeaderLength + 10);
        into[HeaderLength] = (byte)Kind.Incarnation;
        into[HeaderLength + 1] = (byte)member;
        BinaryPrimitives.WriteInt64LittleEndian(into[(HeaderLength + 2)..], incarnation);
        Finish(writer, into, HeaderLength + 10);
    }

    /// <summary>Writes where a member stands; what it holds from there on follows in records of its own.</summary>
    public static void WriteCheckpoint(IBufferWriter<byte> writer, JournalState state)
    {
        var members = state.DroppedLocals.Length;
        var into = writer.GetSpan(
            HeaderLength + 4 + (3 * Varint.MaximumLength) + (members * ((2 * Varint.MaximumLength) + 8)) + state.Partial.Sum(p => p.Length));
        var at = HeaderLength;
        into[at++] = (byte)Kind.Checkpoint;
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

    /// <summary>Reads a journal up to its end or the first broken record; null when it does not begin with a checkpoint.</summary>
    /// <param name="journal">The bytes of the file.</param>
    /// <param name="length">How many of them are good.</param>
    /// <exception cref="InvalidDataException">A record with a good checksum makes no sense: another version, or a bug.</exception>
    public static JournalState? Read(ReadOnlySpan<byte> journal, out int length)
    {
        JournalState? state = null;
        length = 0;
        while (TryReadRecord(journal[length..], out var record))
        {
            var content = record[1..];
            switch ((Kind)record[0])
            {
                case Kind.Checkpoint when state is null:
                    state = ReadCheckpoint(content);
                    break;
                case Kind.Request when state is not null:
                    int sender = content[0];
                    content = content[1..];
                    state.Requests.Add((new(sender, ReadNumber(ref content)), content.ToArray()));
                    break;
                case Kind.Sequence when state is not null:
                    var number = ReadNumber(ref content);
                    int named = content[0];
                    content = content[1..];
                    state.Sequences.Add((number, new(named, ReadNumber(ref content))));
                    break;
                case Kind.Incarnation when state is not null:
                    state.Incarnations[content[0]] = BinaryPrimitives.ReadInt64LittleEndian(content[1..]);
                    break;
                default:
                    throw new InvalidDataException($"The journal holds a record of kind {record[0]} where none belongs.");
            }

            length += HeaderLength + record.Length;
        }

        return state;
    }

    private static JournalState ReadCheckpoint(ReadOnlySpan<byte> content)
    {
        if (content[0] != Version)
        {
            throw new InvalidDataException($"The journal is of version {content[0]}; this library reads version {Version}.");
        }

        int members = content[1];
        int self = content[2];
        content = content[3..];
        var dropped = ReadNumber(ref content) - 1;
        var applied = ReadNumber(ref content) - 1;
        var position = ReadNumber(ref content) - 1;
        var state = new JournalState(self, members) { Dropped = dropped, Applied = applied, Position = position };
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
        Varint.TryRead(ref content, out var value) ? value : throw new InvalidDataException("A record of the journal ends within a number.");

    private static bool TryReadRecord(ReadOnlySpan<byte> journal, out ReadOnlySpan<byte> record)
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
        return BinaryPrimitives.ReadUInt32LittleEndian(journal[4..]) == Checksum(record);
    }

    private static void Finish(IBufferWriter<byte> writer, Span<byte> record, int length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(record, (uint)(length - HeaderLength));
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Checksum(record[HeaderLength..length]));
        writer.Advance(length);
    }

    private static uint Checksum(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        for (; data.Length >= sizeof(ulong); data = data[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
        }

        foreach (var b in data)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }
}

/// <summary>What a journal holds: where a member stood, and what it held from there on.</summary>
internal sealed class JournalState
{
    public JournalState(int self, int members)
    {
        Self = self;
        DroppedLocals = new long[members];
        Array.Fill(DroppedLocals, -1);
        Incarnations = new long[members];
        Partial = new byte[members][];
        Array.Fill(Partial, []);
    }

    public int Self { get; }

    /// <summary>Everything up to here was held by all members and applied.</summary>
    public long Dropped { get; init; } = -1;

    /// <summary>The application had made everything up to here durable.</summary>
    public long Applied { get; init; } = -1;

    /// <summary>
    /// The number that the application stored with its last effects when it had made them durable: at most <see cref="Applied"/>, below which
    /// there may be numbers that completed no payload. An application that comes back with less has lost what is not in the journal any more.
    /// </summary>
    public long Position { get; init; } = -1;

    /// <summary>By member: highest local number among what was dropped.</summary>
    public long[] DroppedLocals { get; }

    /// <summary>By member: which life of it this group knows; 0 while unknown. The own one is chosen once for each journal.</summary>
    public long[] Incarnations { get; init; }

    /// <summary>By member: the pieces delivered so far of a payload that was cut, at <see cref="Applied"/>.</summary>
    public byte[][] Partial { get; init; }

    public List<(RequestId Id, byte[] Body)> Requests { get; } = [];

    public List<(long Number, RequestId Id)> Sequences { get; } = [];

    /// <summary>Highest local number of a member's Requests; that of what was dropped when there are none.</summary>
    public long LastLocal(int member) =>
        Requests.Where(request => request.Id.Sender == member).Select(request => request.Id.Local).Append(DroppedLocals[member]).Max();

    /// <summary>Highest number of a Sequence; that of what was dropped when there are none.</summary>
    public long LastNumber => Sequences.Select(sequence => sequence.Number).Append(Dropped).Max();

    /// <summary>A member that has never run.</summary>
    public static JournalState Fresh(int self, int members, long incarnation)
    {
        var state = new JournalState(self, members);
        state.Incarnations[self] = incarnation;
        return state;
    }
}
