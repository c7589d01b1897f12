using System.Buffers.Binary;

namespace RotatingSequencer.Journal;

/// <summary>
/// How records lie in a file. First comes a header: how many bytes were on disk before the file got its name. Then come
/// the records from the file's beginning, and batches: a mark, and the records that were appended with it. A batch is
/// written only when everything before it is on disk, so each mark also says how much that was: all bytes up to itself.
/// </summary>
/// <remarks>
/// Header and mark are records too. The header's content is version (1 byte), salt (8), bytes (8); a mark's is salt
/// (8), and its own place in the file (8). The salt is random. So neither a payload nor the remains of another journal
/// can pass for a mark.
/// </remarks>
internal static class JournalLayout
{
    public const int HeaderSize = JournalFormat.HeaderLength + 18;
    public const int MarkSize = JournalFormat.HeaderLength + 17;

    private const int SaltInMark = JournalFormat.HeaderLength + 1;

    /// <summary>Writes the header of a file that gets its name with this many bytes on disk, header included.</summary>
    public static void WriteHeader(Span<byte> header, long salt, long length)
    {
        header[JournalFormat.HeaderLength] = (byte)JournalFormat.RecordKind.File;
        header[JournalFormat.HeaderLength + 1] = JournalFormat.Version;
        BinaryPrimitives.WriteInt64LittleEndian(header[(JournalFormat.HeaderLength + 2)..], salt);
        BinaryPrimitives.WriteInt64LittleEndian(header[(JournalFormat.HeaderLength + 10)..], length);
        JournalFormat.Seal(header[..HeaderSize]);
    }

    /// <summary>Writes a mark that lies at this place in the file; everything before is on disk.</summary>
    public static void WriteMark(Span<byte> mark, long salt, long place)
    {
        mark[JournalFormat.HeaderLength] = (byte)JournalFormat.RecordKind.Batch;
        BinaryPrimitives.WriteInt64LittleEndian(mark[SaltInMark..], salt);
        BinaryPrimitives.WriteInt64LittleEndian(mark[(SaltInMark + 8)..], place);
        JournalFormat.Seal(mark[..MarkSize]);
    }

    /// <summary>
    /// Reads a file up to its end, or up to where a crash tore what was written last. A crash tears only what was not
    /// on disk yet, and that is the last batch. So a record that is broken before the last mark is damage.
    /// </summary>
    /// <remarks>
    /// No file can tell a broken last batch from a torn one, nor a file that was cut short, or is an older copy, from
    /// one that was never longer. A member therefore asks the others after each start what it has claimed. A member
    /// that stops in good order writes a mark behind its last batch, which is then no longer the last.
    /// </remarks>
    /// <param name="path">The file's name, for errors.</param>
    /// <param name="file">The file's bytes.</param>
    /// <exception cref="JournalDamagedException">Bytes that were on disk have changed.</exception>
    /// <exception cref="InvalidDataException">The file is of another version, or there is a bug.</exception>
    public static JournalContent Read(string path, ReadOnlyMemory<byte> file)
    {
        var bytes = file.Span;
        var (salt, named) = ReadHeader(path, bytes);
        JournalState? state = null;
        var pieces = new List<ReadOnlyMemory<byte>>();
        var at = HeaderSize;
        var piece = at;
        var lastMark = 0L;
        while (JournalFormat.TryReadRecord(bytes[at..], out var record))
        {
            var end = at + JournalFormat.HeaderLength + record.Length;
            if (record[0] != (byte)JournalFormat.RecordKind.Batch)
            {
                JournalFormat.Take(ref state, record);
            }
            else if (!IsMark(bytes, at, salt))
            {
                break;
            }
            else
            {
                AddPiece(piece, at);
                (lastMark, piece) = (at, end);
            }

            at = end;
        }

        AddPiece(piece, at);
        if (at < named)
        {
            throw new JournalDamagedException(
                path,
                at,
                $"no whole record begins here, but {named} bytes were on disk when the file got its name"
            );
        }

        if (MarkAfter(bytes, at, salt) is { } mark)
        {
            throw new JournalDamagedException(
                path,
                at,
                $"no whole record begins here, but everything before byte {mark} was on disk"
            );
        }

        return new JournalContent
        {
            State = state ?? throw new JournalDamagedException(path, HeaderSize, "there is no checkpoint"),
            Salt = salt,
            Length = at,
            Records = pieces,
            IsClosed =
                bytes[JournalFormat.HeaderLength + 1] == JournalFormat.Version
                && at == lastMark + MarkSize
                && !bytes[at..].ContainsAnyExcept((byte)0),
        };

        void AddPiece(int start, int end)
        {
            if (end > start)
            {
                pieces.Add(file[start..end]);
            }
        }
    }

    private static (long Salt, long Length) ReadHeader(string path, ReadOnlySpan<byte> bytes)
    {
        if (!JournalFormat.TryReadRecord(bytes, out var record) || record.Length < 2)
        {
            throw new JournalDamagedException(path, 0, "the file does not begin with a whole header");
        }

        // Version 1 had no header, but its checkpoint also named the version first.
        if (record[1] is < JournalFormat.OldestVersion or > JournalFormat.Version)
        {
            throw new InvalidDataException(
                $"{path} is of version {record[1]}; this library reads versions "
                    + $"{JournalFormat.OldestVersion} to {JournalFormat.Version}."
            );
        }

        return
            record.Length == HeaderSize - JournalFormat.HeaderLength && record[0] == (byte)JournalFormat.RecordKind.File
            ? (
                BinaryPrimitives.ReadInt64LittleEndian(record[2..]),
                BinaryPrimitives.ReadInt64LittleEndian(record[10..])
            )
            : throw new JournalDamagedException(path, 0, "the file begins with a record that is no header");
    }

    private static bool IsMark(ReadOnlySpan<byte> bytes, int at, long salt)
    {
        if (at < 0 || bytes.Length - at < MarkSize)
        {
            return false;
        }

        Span<byte> mark = stackalloc byte[MarkSize];
        WriteMark(mark, salt, at);
        return bytes.Slice(at, MarkSize).SequenceEqual(mark);
    }

    /// <summary>The place of the first mark behind broken bytes.</summary>
    private static int? MarkAfter(ReadOnlySpan<byte> bytes, int broken, long salt)
    {
        Span<byte> wanted = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(wanted, salt);
        for (var from = broken; ; from++)
        {
            var found = bytes[from..].IndexOf(wanted);
            if (found < 0)
            {
                return null;
            }

            from += found;
            if (from - SaltInMark >= broken && IsMark(bytes, from - SaltInMark, salt))
            {
                return from - SaltInMark;
            }
        }
    }
}
