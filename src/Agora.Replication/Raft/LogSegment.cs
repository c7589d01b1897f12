using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using RotatingSequencer.Journal;

namespace Agora.Replication.Raft;

/// <summary>
/// One file of the log. Its header says behind which entry it begins and in which terms the entries before that were
/// made; its records follow in the order in which they were written, and nothing is ever written in place.
/// </summary>
/// <remarks>
/// A record is checksum (4 bytes), length of the payload (4), index (8), term (8), how much of the file was on disk
/// when it was written (8), payload, zeros to a multiple of eight; little endian, CRC-32C over what follows the
/// checksum. The space is allocated at the beginning: a disk that is full says so there, and a sync writes no metadata.
/// </remarks>
internal sealed class LogSegment : IDisposable
{
    public const int RecordHeader = 32;

    private const string Suffix = ".log";
    private const int HeaderSize = 24;
    private const int Alignment = 8;

    // The first eight bytes: "agralog" and the version of the form.
    private const ulong Magic = 0x00_67_6F6C_6172_6761;
    private const int VersionShift = 56;
    private const byte Version = 1;

    private readonly string _path;

    private LogSegment(
        string path,
        SafeFileHandle file,
        long number,
        long baseIndex,
        TermRun[] terms,
        int capacity,
        int length
    )
    {
        (_path, File, Number, Base, BaseTerms) = (path, file, number, baseIndex, terms);
        (Capacity, Length, SyncedLength, First) = (capacity, length, length, length);
    }

    public SafeFileHandle File { get; }

    /// <summary>The file's number in the order of files; the last one is written to.</summary>
    public long Number { get; }

    /// <summary>The records are of entries above this one.</summary>
    public long Base { get; }

    /// <summary>The terms up to <see cref="Base"/>, as far back as they are known.</summary>
    public TermRun[] BaseTerms { get; }

    /// <summary>Where the last record must end: Length ≤ Capacity.</summary>
    public int Capacity { get; private set; }

    /// <summary>Where the first record begins.</summary>
    public int First { get; }

    /// <summary>Where the next record begins.</summary>
    public int Length { get; private set; }

    /// <summary>Everything before is on disk: SyncedLength ≤ Length.</summary>
    public int SyncedLength { get; set; }

    public static int SizeOf(int payload) => (RecordHeader + payload + Alignment - 1) & -Alignment;

    /// <summary>
    /// Makes a file with its header, complete on disk or not there at all, that has room for the first record whatever
    /// its size.
    /// </summary>
    public static LogSegment Create(
        string directory,
        long number,
        long baseIndex,
        ReadOnlySpan<TermRun> terms,
        int size,
        int firstRecord,
        LogDisk disk
    )
    {
        var header = EncodeHeader(baseIndex, terms);
        var capacity = Math.Max(size, header.Length + firstRecord);
        var path = PathOf(directory, number);
        var begun = path + ".begun";
        System.IO.File.Delete(begun);
        var file = System.IO.File.OpenHandle(
            begun,
            FileMode.CreateNew,
            FileAccess.ReadWrite,
            FileShare.Read,
            FileOptions.None,
            capacity
        );
        try
        {
            RandomAccess.SetLength(file, capacity);
            RandomAccess.Write(file, header, 0);
            disk.Sync(file, path);
            System.IO.File.Move(begun, path);
            disk.SyncDirectory(directory);
            return new LogSegment(path, file, number, baseIndex, terms.ToArray(), capacity, header.Length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The numbers of the segments in the directory, in order. What was only begun is removed.</summary>
    public static List<long> Find(string directory)
    {
        foreach (var begun in Directory.GetFiles(directory, "*.begun"))
        {
            System.IO.File.Delete(begun);
        }

        return [.. Directory.GetFiles(directory, "*" + Suffix).Select(NumberOf).OfType<long>().Order()];
    }

    /// <summary>The number of the segment that a file is by its name; null where it is none.</summary>
    public static long? NumberOf(string path) =>
        long.TryParse(
            Path.GetFileNameWithoutExtension(path),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var number
        )
        && PathOf(Path.GetDirectoryName(path)!, number) == path
            ? number
            : null;

    public static void Delete(string directory, long number) => System.IO.File.Delete(PathOf(directory, number));

    /// <summary>Opens a file and gives its good records to <paramref name="found"/>, in order.</summary>
    /// <param name="directory">The log's directory.</param>
    /// <param name="number">Which of its files.</param>
    /// <param name="last">
    /// A crash may have torn what was written last, which nobody relied on: what is behind the last good record is cut
    /// off. An earlier file was complete on disk before the next one began.
    /// </param>
    /// <param name="disk">How the cut is made durable.</param>
    /// <param name="found">Index, term, offset and length of the payload.</param>
    /// <exception cref="IOException">Damaged in a part that was on disk once.</exception>
    public static LogSegment Open(
        string directory,
        long number,
        bool last,
        LogDisk disk,
        Action<LogSegment, long, long, int, int> found
    )
    {
        var path = PathOf(directory, number);
        var content = System.IO.File.ReadAllBytes(path);
        if (OtherVersion(content) is { } version)
        {
            throw new LogDamagedException(
                path,
                $"is of version {version}, and this program reads {Version}; or it is damaged"
            );
        }

        if (!TryDecodeHeader(content, out var baseIndex, out var terms, out var at))
        {
            throw new LogDamagedException(path, "has a damaged header");
        }

        var file = System.IO.File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        LogSegment segment = new(path, file, number, baseIndex, terms, content.Length, at);
        try
        {
            while (TryReadRecord(content, at, out var index, out var term, out _, out var length))
            {
                found(segment, index, term, at + RecordHeader, length);
                at += SizeOf(length);
            }

            if (at < content.Length && (!last || WasOnDiskOnce(content, at)))
            {
                throw new LogDamagedException(path, $"is damaged at byte {at}");
            }

            if (at < content.Length)
            {
                // Nothing is written behind torn records, which could pass for new ones there: the next record goes to
                // a new file.
                RandomAccess.SetLength(file, at);
                disk.Sync(file, path);
            }

            (segment.Length, segment.SyncedLength, segment.Capacity) = (at, at, at);
            return segment;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Encodes a record that comes at the end of this file; returns its size.</summary>
    public int Encode(IBufferWriter<byte> output, long index, long term, ReadOnlySpan<byte> payload)
    {
        var size = SizeOf(payload.Length);
        var record = output.GetSpan(size)[..size];
        record[(RecordHeader + payload.Length)..].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(record[4..], payload.Length);
        BinaryPrimitives.WriteInt64LittleEndian(record[8..], index);
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], term);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], SyncedLength);
        payload.CopyTo(record[RecordHeader..]);
        BinaryPrimitives.WriteUInt32LittleEndian(record, Crc32C.Compute(record[4..(RecordHeader + payload.Length)]));
        output.Advance(size);
        return size;
    }

    /// <summary>Writes encoded records at the end; they are not on disk yet.</summary>
    public void Write(ReadOnlySpan<byte> records)
    {
        RandomAccess.Write(File, records, Length);
        Length += records.Length;
    }

    /// <summary>Ends the file behind its last record, on disk: nothing more is written to it.</summary>
    public void Seal(LogDisk disk)
    {
        RandomAccess.SetLength(File, Length);
        disk.Sync(File, _path);
        SyncedLength = Length;
    }

    public void Sync(LogDisk disk) => disk.Sync(File, _path);

    public void Read(int offset, Span<byte> payload)
    {
        if (RandomAccess.Read(File, payload, offset) < payload.Length)
        {
            throw new LogDamagedException(_path, "ends within a record");
        }
    }

    public void Delete()
    {
        File.Dispose();
        System.IO.File.Delete(_path);
    }

    public void Dispose() => File.Dispose();

    private static string PathOf(string directory, long number) =>
        Path.Combine(directory, number.ToString("D12", CultureInfo.InvariantCulture) + Suffix);

    private static byte[] EncodeHeader(long baseIndex, ReadOnlySpan<TermRun> terms)
    {
        var header = new byte[HeaderSize + (terms.Length * 16)];
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic | ((ulong)Version << VersionShift));
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), terms.Length);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), baseIndex);
        for (var i = 0; i < terms.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(HeaderSize + (i * 16)), terms[i].First);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(HeaderSize + (i * 16) + 8), terms[i].Term);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), Crc32C.Compute(header.AsSpan(12)));
        return header;
    }

    /// <summary>The version in a header that is one of ours, when it is not <see cref="Version"/>.</summary>
    private static byte? OtherVersion(ReadOnlySpan<byte> content)
    {
        if (content.Length < sizeof(ulong))
        {
            return null;
        }

        var first = BinaryPrimitives.ReadUInt64LittleEndian(content);
        var version = (byte)(first >> VersionShift);
        return first << 8 == Magic << 8 && version is not (0 or Version) ? version : null;
    }

    private static bool TryDecodeHeader(
        ReadOnlySpan<byte> content,
        out long baseIndex,
        out TermRun[] terms,
        out int length
    )
    {
        (baseIndex, terms, length) = (0, [], HeaderSize);
        if (
            content.Length < HeaderSize
            || BinaryPrimitives.ReadUInt64LittleEndian(content) != (Magic | ((ulong)Version << VersionShift))
        )
        {
            return false;
        }

        var count = BinaryPrimitives.ReadInt32LittleEndian(content[12..]);
        if (count < 0 || count > (content.Length - HeaderSize) / 16)
        {
            return false;
        }

        length += count * 16;
        baseIndex = BinaryPrimitives.ReadInt64LittleEndian(content[16..]);
        terms = new TermRun[count];
        for (var i = 0; i < count; i++)
        {
            var run = content[(HeaderSize + (i * 16))..];
            terms[i] = new TermRun(
                BinaryPrimitives.ReadInt64LittleEndian(run),
                BinaryPrimitives.ReadInt64LittleEndian(run[8..])
            );
        }

        return BinaryPrimitives.ReadUInt32LittleEndian(content[8..]) == Crc32C.Compute(content[12..length]);
    }

    private static bool TryReadRecord(
        ReadOnlySpan<byte> content,
        int at,
        out long index,
        out long term,
        out long synced,
        out int length
    )
    {
        (index, term, synced, length) = (0, 0, 0, 0);
        if (content.Length - at < RecordHeader)
        {
            return false;
        }

        var record = content[at..];
        length = BinaryPrimitives.ReadInt32LittleEndian(record[4..]);
        index = BinaryPrimitives.ReadInt64LittleEndian(record[8..]);
        term = BinaryPrimitives.ReadInt64LittleEndian(record[16..]);
        synced = BinaryPrimitives.ReadInt64LittleEndian(record[24..]);
        return index > 0
            && length >= 0
            && length <= record.Length - RecordHeader
            && SizeOf(length) <= record.Length
            && BinaryPrimitives.ReadUInt32LittleEndian(record) == Crc32C.Compute(record[4..(RecordHeader + length)]);
    }

    // A crash tears only what was not synced. A good record further back that was written when the broken bytes were on
    // disk already proves that something else broke them.
    private static bool WasOnDiskOnce(ReadOnlySpan<byte> content, int broken)
    {
        for (var at = broken + Alignment; at <= content.Length - RecordHeader; at += Alignment)
        {
            if (TryReadRecord(content, at, out _, out _, out var synced, out _) && synced > broken)
            {
                return true;
            }
        }

        return false;
    }
}
