using System.Buffers.Binary;
using System.Numerics;
using Microsoft.Win32.SafeHandles;

namespace RotatingSequencer.Processes;

/// <summary>What one member delivered: a payload and its number in the total order.</summary>
internal readonly record struct HistoryEntry(long Number, PayloadId Payload);

/// <summary>
/// The application of these tests: it appends every delivery to a file, one write for each batch. Its position is the
/// end of that file. A process that is killed in the middle of a write leaves part of a batch, which the next process
/// cuts off; so position and effects both end with the batch before.
/// </summary>
internal sealed class HistoryFile : IDeliveryHandler, IDisposable
{
    private const int EntrySize = 28;

    private readonly SafeFileHandle _file;
    private byte[] _buffer = new byte[256 * EntrySize];
    private long _length;

    public HistoryFile(string path)
    {
        var entries = Read(path, out _length);
        Applied = entries.Count == 0 ? -1 : entries[^1].Number;
        _file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        RandomAccess.SetLength(_file, _length);
    }

    public long Applied { get; private set; }

    public void Dispose() => _file.Dispose();

    public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results)
    {
        if (_buffer.Length < deliveries.Length * EntrySize)
        {
            _buffer = new byte[deliveries.Length * EntrySize];
        }

        for (var i = 0; i < deliveries.Length; i++)
        {
            var id = PayloadId.Read(deliveries[i].Payload.Span);
            if (id.Member != deliveries[i].Sender)
            {
                throw new InvalidDataException($"{id} was delivered as member {deliveries[i].Sender}'s.");
            }

            Write(_buffer.AsSpan(i * EntrySize, EntrySize), new(deliveries[i].Number, id), i == deliveries.Length - 1);
            var result = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(result, deliveries[i].Number);
            results[i] = result;
        }

        RandomAccess.Write(_file, _buffer.AsSpan(0, deliveries.Length * EntrySize), _length);
        _length += deliveries.Length * EntrySize;
        Applied = deliveries[^1].Number;
    }

    public bool TryFlush()
    {
        RandomAccess.FlushToDisk(_file);
        return true;
    }

    /// <summary>The whole batches of a file; none if there is no file.</summary>
    public static IReadOnlyList<HistoryEntry> Read(string path) => Read(path, out _);

    private static List<HistoryEntry> Read(string path, out long length)
    {
        var bytes = File.Exists(path) ? File.ReadAllBytes(path) : [];
        var entries = new List<HistoryEntry>();
        var whole = 0;
        for (
            var at = 0;
            at + EntrySize <= bytes.Length && TryRead(bytes.AsSpan(at, EntrySize), out var entry, out var isLast);
            at += EntrySize
        )
        {
            entries.Add(entry);
            whole = isLast ? entries.Count : whole;
        }

        entries.RemoveRange(whole, entries.Count - whole);
        length = whole * EntrySize;
        return entries;
    }

    private static void Write(Span<byte> to, HistoryEntry entry, bool isLast)
    {
        BinaryPrimitives.WriteInt64LittleEndian(to, entry.Number);
        BinaryPrimitives.WriteInt32LittleEndian(to[8..], entry.Payload.Member);
        BinaryPrimitives.WriteInt32LittleEndian(to[12..], entry.Payload.Life);
        BinaryPrimitives.WriteInt32LittleEndian(to[16..], entry.Payload.Counter);
        BinaryPrimitives.WriteInt32LittleEndian(to[20..], isLast ? 1 : 0);
        BinaryPrimitives.WriteUInt32LittleEndian(to[24..], Checksum(to[..24]));
    }

    private static bool TryRead(ReadOnlySpan<byte> from, out HistoryEntry entry, out bool isLast)
    {
        entry = new(
            BinaryPrimitives.ReadInt64LittleEndian(from),
            new(
                BinaryPrimitives.ReadInt32LittleEndian(from[8..]),
                BinaryPrimitives.ReadInt32LittleEndian(from[12..]),
                BinaryPrimitives.ReadInt32LittleEndian(from[16..])
            )
        );
        isLast = BinaryPrimitives.ReadInt32LittleEndian(from[20..]) == 1;
        return BinaryPrimitives.ReadUInt32LittleEndian(from[24..]) == Checksum(from[..24]);
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var sum = uint.MaxValue;
        for (var i = 0; i < bytes.Length; i += sizeof(ulong))
        {
            sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]));
        }

        return sum;
    }
}
