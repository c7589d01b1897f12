using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using Agora.Cluster;
using Microsoft.Win32.SafeHandles;
using RotatingSequencer.Journal;

namespace Agora.Replication.Raft;

/// <summary>
/// One file of the log. Its header says whose it is, behind which entry it begins and in which terms the entries before
/// that were made; its records follow in the order in which they were written, and nothing else is ever written in
/// place.
/// </summary>
/// <remarks>
/// <para>A record is checksum (4 bytes), length of the payload (4), index (8), term (8), how much of the file was on
/// disk when it was written (8), payload, zeros to a multiple of eight; little endian, CRC-32C over what follows the
/// checksum. The space is allocated at the beginning: a disk that is full says so there, and a sync writes no
/// metadata.</para>
/// <para>A record of index 0 without payload is a mark: it holds nothing, and only says how much was on disk. It is
/// written when nothing else is. Without one, damage of the last records that were synced would pass for a torn
/// end.</para>
/// </remarks>
internal sealed class LogSegment : IDisposable
{
    public const int RecordHeader = 32;

    private const string Suffix = ".log";
    private const int OwnerOffset = 24;
    private const int HeaderSize = OwnerOffset + OwnerMark.Size;
    private const int ChecksumOffset = 8;
    private const int Alignment = 8;

    // The first eight bytes: "agralog" and the version of the form.
    private const ulong Magic = 0x00_67_6F6C_6172_6761;
    private const int VersionShift = 56;
    private const byte Version = 2;

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
        int firstRecord,
        RaftLogOptions options
    )
    {
        var (size, disk) = (options.SegmentBytes, options.Disk);
        var header = EncodeHeader(options.Owner, baseIndex, terms);
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
            disk.Write(file, path, header, 0);
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
    /// <param name="options">Owner and disk.</param>
    /// <param name="found">Index, term, offset and length of the payload.</param>
    /// <remarks>
    /// When this returns, all that it has found is on disk: what no record proves to be there is written again. The
    /// same bytes go to the same place, so a crash on the way leaves what was there or what was read.
    /// </remarks>
    /// <exception cref="ReplicaDamagedException">Damaged in a part that was on disk once, or of another
    /// replica.</exception>
    /// <exception cref="FixableException">Written by another version of the program.</exception>
    public static LogSegment Open(
        string directory,
        long number,
        bool last,
        RaftLogOptions options,
        Action<LogSegment, long, long, int, int> found
    )
    {
        var path = PathOf(directory, number);
        var content = System.IO.File.ReadAllBytes(path);
        if (OtherVersion(content) is { } version)
        {
            throw new FixableException(
                path,
                $"is of version {version}, and this program reads {Version}",
                "Use the version of the program that wrote it, or begin empty elsewhere"
            );
        }

        if (!TryDecodeHeader(content, out var owner, out var baseIndex, out var terms, out var at))
        {
            throw new ReplicaDamagedException(path, "has a damaged header");
        }

        if (owner != options.Owner)
        {
            throw new ReplicaDamagedException(path, "is of the log of another replica");
        }

        var file = System.IO.File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        LogSegment segment = new(path, file, number, baseIndex, terms, content.Length, at);
        try
        {
            var proven = at;
            while (TryReadRecord(content, at, out var index, out var term, out var synced, out var length))
            {
                proven = (int)Math.Max(proven, Math.Min(synced, at));
                if (index > 0)
                {
                    found(segment, index, term, at + RecordHeader, length);
                }
                else if (proven == at)
                {
                    // A mark itself need not be on disk: it holds nothing.
                    proven += RecordHeader;
                }

                at += SizeOf(length);
            }

            if (at < content.Length && (!last || WasOnDiskOnce(content, at)))
            {
                throw new ReplicaDamagedException(path, $"is damaged at byte {at}");
            }

            if (at < content.Length)
            {
                // Nothing is written behind torn records, which could pass for new ones there: the next entry goes to
                // a new file.
                RandomAccess.SetLength(file, at);
                options.Disk.Sync(file, path);
            }

            if (last && proven < at)
            {
                at = segment.Prove(content.AsSpan(0, at), proven, options.Disk);
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

    /// <summary>Encodes a mark, which says that all before it is on disk; returns its size.</summary>
    public int EncodeMark(IBufferWriter<byte> output) => Encode(output, index: 0, term: 0, payload: []);

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
    public void Write(ReadOnlySpan<byte> records, LogDisk disk)
    {
        disk.Write(File, _path, records, Length);
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
            throw new ReplicaDamagedException(_path, "ends within a record");
        }
    }

    public void Delete()
    {
        File.Dispose();
        System.IO.File.Delete(_path);
    }

    public void Dispose() => File.Dispose();

    // Writes again what no record proves to be on disk, and then a mark that does. Returns where that ends.
    private int Prove(ReadOnlySpan<byte> records, int proven, LogDisk disk)
    {
        disk.Write(File, _path, records[proven..], proven);
        disk.Sync(File, _path);
        (Length, SyncedLength) = (records.Length, records.Length);
        ArrayBufferWriter<byte> mark = new(RecordHeader);
        EncodeMark(mark);
        Write(mark.WrittenSpan, disk);
        disk.Sync(File, _path);
        return Length;
    }

    private static string PathOf(string directory, long number) =>
        Path.Combine(directory, number.ToString("D12", CultureInfo.InvariantCulture) + Suffix);

    private static byte[] EncodeHeader(OwnerMark owner, long baseIndex, ReadOnlySpan<TermRun> terms)
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

        owner.Write(header.AsSpan(OwnerOffset));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(ChecksumOffset), ChecksumOf(header));
        return header;
    }

    // Over the whole header but the checksum itself.
    private static uint ChecksumOf(ReadOnlySpan<byte> header)
    {
        var copy = header.ToArray();
        copy.AsSpan(ChecksumOffset, sizeof(uint)).Clear();
        return Crc32C.Compute(copy);
    }

    /// <summary>
    /// The version in a header that is one of ours, when it is not <see cref="Version"/>. A damaged header has a wrong
    /// checksum, and is not taken for one of another version.
    /// </summary>
    private static byte? OtherVersion(ReadOnlySpan<byte> content)
    {
        const int OldHeaderSize = 24;
        if (content.Length < OldHeaderSize)
        {
            return null;
        }

        var first = BinaryPrimitives.ReadUInt64LittleEndian(content);
        var version = (byte)(first >> VersionShift);
        if (first << 8 != Magic << 8 || version is 0 or Version)
        {
            return null;
        }

        var size =
            (version == 1 ? OldHeaderSize : HeaderSize) + (16L * BinaryPrimitives.ReadInt32LittleEndian(content[12..]));
        if (size < OldHeaderSize || size > content.Length)
        {
            return null;
        }

        var header = content[..(int)size];
        var checksum = version == 1 ? Crc32C.Compute(header[12..]) : ChecksumOf(header);
        return BinaryPrimitives.ReadUInt32LittleEndian(content[ChecksumOffset..]) == checksum ? version : null;
    }

    private static bool TryDecodeHeader(
        ReadOnlySpan<byte> content,
        out OwnerMark owner,
        out long baseIndex,
        out TermRun[] terms,
        out int length
    )
    {
        (owner, baseIndex, terms, length) = (default, 0, [], HeaderSize);
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
        owner = OwnerMark.Read(content[OwnerOffset..]);
        terms = new TermRun[count];
        for (var i = 0; i < count; i++)
        {
            var run = content[(HeaderSize + (i * 16))..];
            terms[i] = new TermRun(
                BinaryPrimitives.ReadInt64LittleEndian(run),
                BinaryPrimitives.ReadInt64LittleEndian(run[8..])
            );
        }

        return BinaryPrimitives.ReadUInt32LittleEndian(content[ChecksumOffset..]) == ChecksumOf(content[..length]);
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
        return (index > 0 ? length >= 0 : index == 0 && length == 0 && synced > 0)
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
