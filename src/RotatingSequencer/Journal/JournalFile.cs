using System.Buffers;
using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace RotatingSequencer.Journal;

/// <summary>
/// The journal on disk: one file, <c>journal-N</c>, to which records are appended and synced. <see cref="Replace"/>
/// begins <c>journal-N+1</c> with a checkpoint: it is written under another name, synced and renamed; then the old one
/// is deleted. A crash in between leaves the old file alone, or both; the newer counts.
/// </summary>
internal sealed class JournalFile : IDisposable
{
    private const string Prefix = "journal-";
    private const string Unfinished = "unfinished";
    private static readonly byte[] s_zeros = new byte[256 << 10];

    private readonly string _directory;
    private readonly FileStream _lock;
    private SafeFileHandle _file;
    private long _generation;

    private long _length;

    /// <summary>
    /// The file's length, with zeros after the records: a sync then has only data to write. When it also has to write a
    /// new length it takes half as long again, and the members of one machine wait for each other at the file system's
    /// own journal.
    /// </summary>
    private long _prepared;

    private JournalFile(string directory, FileStream @lock, long generation, SafeFileHandle file, long length)
    {
        _directory = directory;
        _lock = @lock;
        _generation = generation;
        _file = file;
        _length = _prepared = length;
    }

    /// <summary>
    /// Bytes appended since the journal was replaced. The checkpoint at its beginning does not count, since another
    /// would be no shorter. After a restart all bytes count, so that a member that restarts often still replaces its
    /// journal.
    /// </summary>
    public long Growth { get; private set; }

    /// <summary>Opens the journal of a directory, or begins one with <paramref name="fresh"/>.</summary>
    /// <exception cref="InvalidDataException">The journal is damaged, or of another version.</exception>
    public static JournalFile Open(string directory, JournalState fresh, out JournalState state)
    {
        Directory.CreateDirectory(directory);
        var @lock = new FileStream(
            Path.Combine(directory, "lock"),
            FileMode.OpenOrCreate,
            FileAccess.ReadWrite,
            FileShare.None
        );
        try
        {
            File.Delete(Path.Combine(directory, Unfinished));
            // Other files, a copy perhaps, are left alone.
            long[] generations =
            [
                .. Directory.GetFiles(directory, Prefix + "*").Select(GenerationOf).OfType<long>().Order(),
            ];
            if (generations.Length == 0)
            {
                state = fresh;
                var checkpoint = new ArrayBufferWriter<byte>();
                JournalFormat.WriteCheckpoint(checkpoint, fresh);
                return new JournalFile(
                    directory,
                    @lock,
                    0,
                    Begin(directory, 0, checkpoint.WrittenSpan),
                    checkpoint.WrittenCount
                );
            }

            foreach (var old in generations[..^1])
            {
                File.Delete(PathOf(directory, old));
            }

            var path = PathOf(directory, generations[^1]);
            state = Read(path, out var length);
            var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
            // A record that a crash cut short must not turn up again after the next records. And what a killed process
            // wrote but did not sync is relied on from here, so it has to survive a loss of power as well.
            RandomAccess.SetLength(file, length);
            DiskSync.SyncData(file, path);
            return new JournalFile(directory, @lock, generations[^1], file, length) { Growth = length };
        }
        catch
        {
            @lock.Dispose();
            throw;
        }
    }

    /// <summary>Appends records and returns once they are on disk.</summary>
    public void Append(ReadOnlySpan<byte> records)
    {
        RandomAccess.Write(_file, records, _length);
        _length += records.Length;
        if (_length > _prepared)
        {
            RandomAccess.Write(_file, s_zeros, _length);
            _prepared = _length + s_zeros.Length;
        }

        DiskSync.SyncData(_file, PathOf(_directory, _generation));
        Growth += records.Length;
    }

    /// <summary>Begins a new journal with a checkpoint and deletes the old one; returns once it is on disk.</summary>
    public void Replace(ReadOnlySpan<byte> checkpoint)
    {
        var file = Begin(_directory, _generation + 1, checkpoint);
        _file.Dispose();
        File.Delete(PathOf(_directory, _generation));
        _file = file;
        _generation++;
        _length = _prepared = checkpoint.Length;
        Growth = 0;
    }

    public void Dispose()
    {
        _file.Dispose();
        _lock.Dispose();
    }

    private static SafeFileHandle Begin(string directory, long generation, ReadOnlySpan<byte> checkpoint)
    {
        var unfinished = Path.Combine(directory, Unfinished);
        using (var file = File.OpenHandle(unfinished, FileMode.Create, FileAccess.Write))
        {
            RandomAccess.Write(file, checkpoint, 0);
            RandomAccess.FlushToDisk(file);
        }

        var path = PathOf(directory, generation);
        File.Move(unfinished, path);
        DiskSync.SyncDirectory(directory);
        return File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
    }

    private static string PathOf(string directory, long generation) =>
        Path.Combine(directory, Prefix + generation.ToString("D10", CultureInfo.InvariantCulture));

    /// <summary>Null for a file that is no journal, even if its name begins like one.</summary>
    private static long? GenerationOf(string path) =>
        long.TryParse(
            Path.GetFileName(path).AsSpan(Prefix.Length),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var generation
        )
        && PathOf(Path.GetDirectoryName(path)!, generation) == path
            ? generation
            : null;

    private static JournalState Read(string path, out int length)
    {
        JournalState? state;
        try
        {
            state = JournalFormat.Read(File.ReadAllBytes(path), out length);
        }
        catch (Exception e) when (e is InvalidDataException or IndexOutOfRangeException or ArgumentOutOfRangeException)
        {
            throw new InvalidDataException($"{path} cannot be read: {e.Message}", e);
        }

        return state
            ?? throw new InvalidDataException(
                $"{path} is no journal, or is damaged: it does not begin with a checkpoint."
            );
    }
}
