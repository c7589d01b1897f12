using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace RotatingSequencer.Journal;

/// <summary>
/// The journal on disk: one file, <c>journal-N</c>, to which records are appended and synced. <see cref="Replace"/>
/// begins <c>journal-N+1</c> with a checkpoint: it is written under another name, synced and renamed; then the old one
/// is deleted. A crash in between leaves the old file alone, or both; the newer counts.
/// </summary>
/// <remarks>
/// <para>Nothing is deleted before it is checked, and nothing that is damaged is deleted at all.</para>
/// <para>When a sync fails, the kernel reports it once and may still show in its memory what never came to the disk. So
/// what the last batch of a file holds is not believed after a start: the records are written into a new file, and
/// synced there. That costs one write of the whole journal (<see cref="MemberOptions.MaxJournalGrowth"/> and a
/// checkpoint at most; 64 MiB take half a second), and only after a crash: a journal that was closed in order ends
/// with a mark, which is not written after a failed sync.</para>
/// </remarks>
internal sealed class JournalFile : IDisposable
{
    private const string Prefix = "journal-";
    private const string SetAsideDirectory = "set-aside";
    private const string Unfinished = "unfinished";
    private const string Lock = "lock";
    private static readonly byte[] s_zeros = new byte[256 << 10];

    private readonly string _directory;
    private readonly JournalDisk _disk;
    private readonly FileStream _lock;
    private readonly byte[] _mark = new byte[JournalLayout.MarkSize];
    private SafeFileHandle _file;
    private long _generation;
    private long _salt;

    /// <summary>Where the next mark goes. Everything before is on disk, unless the journal has failed.</summary>
    private long _length;

    /// <summary>
    /// The file's length, with zeros after the records: a sync then has only data to write. When it also has to write a
    /// new length it takes half as long again, and the members of one machine wait for each other at the file system's
    /// own journal.
    /// </summary>
    private long _prepared;

    /// <summary>Whether a write has begun and is not known to be on disk. True for good after a failure.</summary>
    private bool _uncertain;

    private JournalFile(string directory, JournalDisk disk, FileStream @lock, long generation)
    {
        _directory = directory;
        _disk = disk;
        _lock = @lock;
        _generation = generation;
        _file = null!;
    }

    /// <summary>
    /// Bytes appended since the journal was replaced. The checkpoint at its beginning does not count, since another
    /// would be no shorter. After a restart all bytes count, so that a member that restarts often still replaces its
    /// journal.
    /// </summary>
    public long Growth { get; private set; }

    /// <summary>Opens the journal of a directory, or begins one with <paramref name="fresh"/>.</summary>
    /// <param name="directory">The journal's directory.</param>
    /// <param name="fresh">What a new journal begins with.</param>
    /// <param name="state">What the journal says.</param>
    /// <param name="disk">How it gets to the disk.</param>
    /// <param name="check">Throws if this journal is the wrong one, before anything is written or deleted.</param>
    /// <exception cref="JournalDamagedException">The journal is damaged; its files are as they were.</exception>
    /// <exception cref="InvalidDataException">The journal is of another version.</exception>
    public static JournalFile Open(
        string directory,
        Func<JournalState> fresh,
        out JournalState state,
        JournalDisk? disk = null,
        Action<JournalState>? check = null
    )
    {
        Directory.CreateDirectory(directory);
        var @lock = TakeLock(directory);
        JournalFile? journal = null;
        try
        {
            var generations = Find(directory);
            journal = new JournalFile(directory, disk ?? JournalDisk.System, @lock, generations.LastOrDefault());
            if (generations.Count == 0)
            {
                var checkpoint = new ArrayBufferWriter<byte>();
                state = fresh();
                JournalFormat.WriteCheckpoint(checkpoint, state);
                journal.Begin(0, [checkpoint.WrittenMemory]);
            }
            else
            {
                state = journal.GoOn(generations, check);
            }

            return journal;
        }
        catch
        {
            journal?._file?.Dispose();
            @lock.Dispose();
            throw;
        }
    }

    /// <summary>Whether a journal of this directory was set aside.</summary>
    public static bool WasSetAside(string directory) => Directory.Exists(Path.Combine(directory, SetAsideDirectory));

    /// <summary>
    /// Moves the files of a journal into a directory of their own in <c>set-aside</c>, with the reason in a text file.
    /// Nothing is deleted. A crash in between leaves the newest file, which is what is wrong, to the next try.
    /// </summary>
    /// <returns>The directory; null when there is no journal.</returns>
    /// <exception cref="IOException">A member uses the journal, or the disk fails.</exception>
    public static string? SetAside(string directory, string reason)
    {
        if (!Directory.Exists(directory))
        {
            return null;
        }

        using var @lock = TakeLock(directory);
        var unfinished = Path.Combine(directory, Unfinished);
        string[] files =
        [
            .. File.Exists(unfinished) ? [unfinished] : Array.Empty<string>(),
            .. Find(directory).Select(generation => PathOf(directory, generation)),
        ];
        if (files.Length == 0)
        {
            return null;
        }

        var parent = Path.Combine(directory, SetAsideDirectory);
        Directory.CreateDirectory(parent);
        var now = TimeProvider.System.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var target = Enumerable
            .Range(1, int.MaxValue)
            .Select(n => Path.Combine(parent, $"{now}-{n}"))
            .First(path => !Path.Exists(path));
        Directory.CreateDirectory(target);
        var note = Path.Combine(target, "reason.txt");
        File.WriteAllText(note, reason + "\n");
        using (var file = File.OpenHandle(note, FileMode.Open, FileAccess.ReadWrite))
        {
            DiskSync.SyncData(file, note);
        }

        foreach (var file in files)
        {
            File.Move(file, Path.Combine(target, Path.GetFileName(file)));
        }

        DiskSync.SyncDirectory(target);
        DiskSync.SyncDirectory(parent);
        DiskSync.SyncDirectory(directory);
        return target;
    }

    /// <summary>Appends records and returns once they are on disk.</summary>
    public void Append(ReadOnlySpan<byte> records)
    {
        _uncertain = true;
        JournalLayout.WriteMark(_mark, _salt, _length);
        RandomAccess.Write(_file, _mark, _length);
        RandomAccess.Write(_file, records, _length + _mark.Length);
        var length = _length + _mark.Length + records.Length;
        if (length > _prepared)
        {
            RandomAccess.Write(_file, s_zeros, length);
            _prepared = length + s_zeros.Length;
        }

        _disk.SyncData(_file, PathOf(_directory, _generation));
        Growth += length - _length;
        _length = length;
        _uncertain = false;
    }

    /// <summary>Begins a new journal with a checkpoint and deletes the old one; returns once it is on disk.</summary>
    public void Replace(ReadOnlyMemory<byte> checkpoint)
    {
        var old = PathOf(_directory, _generation);
        Begin(_generation + 1, [checkpoint]);
        File.Delete(old);
        Growth = 0;
    }

    /// <summary>
    /// Closes the file. If everything is on disk, a mark says so. The mark itself need not be on disk: wherever it is
    /// read, it is true.
    /// </summary>
    public void Dispose()
    {
        if (!_uncertain)
        {
            JournalLayout.WriteMark(_mark, _salt, _length);
            try
            {
                RandomAccess.Write(_file, _mark, _length);
            }
            catch (IOException)
            {
                // The disk is full, perhaps. The journal is as whole without the mark; the next start takes longer.
            }
        }

        _file.Dispose();
        _lock.Dispose();
    }

    /// <summary>Goes on with what the directory holds.</summary>
    private JournalState GoOn(List<long> generations, Action<JournalState>? check)
    {
        var newest = Read(_directory, generations[^1]);
        foreach (var older in generations[..^1])
        {
            CheckSameJournal(older, newest.State);
        }

        check?.Invoke(newest.State);

        if (newest.IsClosed)
        {
            _disk.SyncDirectory(_directory);
            _file = OpenHandle(_generation);
            (_salt, _length, _prepared) = (newest.Salt, newest.Length, RandomAccess.GetLength(_file));
        }
        else
        {
            Begin(_generation + 1, newest.Records);
        }

        Growth = _length;
        File.Delete(Path.Combine(_directory, Unfinished));
        foreach (var older in generations.Where(generation => generation < _generation))
        {
            File.Delete(PathOf(_directory, older));
        }

        return newest.State;
    }

    /// <summary>
    /// A newer file got its name when it was complete on disk, so it counts whatever the older one holds; and when it
    /// is broken, no crash did that, and the older one is not what the member claimed last. But both must be the same
    /// member's, of one journal: otherwise somebody put files together that do not belong together.
    /// </summary>
    private void CheckSameJournal(long older, JournalState newest)
    {
        JournalState state;
        try
        {
            state = Read(_directory, older).State;
        }
        catch (Exception e) when (e is JournalDamagedException or InvalidDataException)
        {
            // It has been replaced, and says nothing against the newer one.
            return;
        }

        if (
            state.Self != newest.Self
            || state.DroppedLocals.Length != newest.DroppedLocals.Length
            || state.Incarnation != newest.Incarnation
        )
        {
            throw new JournalDamagedException(
                PathOf(_directory, _generation),
                0,
                $"{PathOf(_directory, older)} lies beside it and is of another journal"
            );
        }
    }

    /// <summary>Makes a new file, and goes on with it.</summary>
    private void Begin(long generation, IReadOnlyList<ReadOnlyMemory<byte>> records)
    {
        _uncertain = true;
        var salt = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));
        var length = JournalLayout.HeaderSize + records.Sum(piece => (long)piece.Length);
        var header = new byte[JournalLayout.HeaderSize];
        JournalLayout.WriteHeader(header, salt, length);
        var unfinished = Path.Combine(_directory, Unfinished);
        // A file that is left over could have a failed sync behind it.
        File.Delete(unfinished);
        using (var file = File.OpenHandle(unfinished, FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.Write(file, [header, .. records], 0);
            _disk.SyncData(file, unfinished);
        }

        File.Move(unfinished, PathOf(_directory, generation));
        _disk.SyncDirectory(_directory);
        _file?.Dispose();
        _file = OpenHandle(generation);
        (_generation, _salt, _length, _prepared) = (generation, salt, length, length);
        _uncertain = false;
    }

    private SafeFileHandle OpenHandle(long generation) =>
        File.OpenHandle(PathOf(_directory, generation), FileMode.Open, FileAccess.ReadWrite);

    private static FileStream TakeLock(string directory) =>
        new(Path.Combine(directory, Lock), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    /// <summary>The generations in a directory, in order. Other files, a copy perhaps, are left alone.</summary>
    private static List<long> Find(string directory) =>
        [.. Directory.GetFiles(directory, Prefix + "*").Select(GenerationOf).OfType<long>().Order()];

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

    private static JournalContent Read(string directory, long generation)
    {
        var path = PathOf(directory, generation);
        try
        {
            return JournalLayout.Read(path, File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IndexOutOfRangeException or ArgumentOutOfRangeException)
        {
            throw new InvalidDataException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
