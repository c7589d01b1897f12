using System.Buffers;
using System.Runtime.InteropServices;

namespace Agora.Replication.Raft;

/// <summary>
/// The replica's log on disk: entries numbered from 1, each with the term in which a leader made it. Appended to by one caller at a time, read and
/// synced by any.
/// </summary>
/// <remarks>
/// What holds at any instant, whenever the process dies or the power fails:
/// <list type="number">
/// <item>Files are only appended to. The log is what replaying the records gives: a record of entry i ends the log at i − 1 and then adds i. So
/// a leader's entries replace others by being written behind them; a crash in between leaves the log of before, of after, or one that ends
/// before the first that was to be replaced, which the leader has said is no part of the log.</item>
/// <item>What <see cref="Sync"/> returned for is found again. Of what was written since, any part may be: recovery takes the records up to the first
/// that is torn, which is a state that the log went through.</item>
/// <item>Every file but the last is complete on disk, ends with its last record, and is followed by one that begins behind an entry which it
/// holds. All records of a file are above its base.</item>
/// <item>The log is cut by removing whole files from its beginning; what remains begins behind the base of the first one.</item>
/// </list>
/// Base ≤ Durable ≤ Last. Entries up to Base are gone; of those only terms are known.
/// </remarks>
internal sealed class RaftLog : IDisposable
{
    // More elections than a replica can miss while the log still holds the entries between them.
    private const int MostTermRuns = 1024;

    private readonly string _directory;
    private readonly RaftLogOptions _options;
    private readonly LogDisk _disk;
    private readonly Lock _gate = new();
    private readonly Lock _syncing = new();
    private readonly List<LogSegment> _segments = [];
    private readonly List<Place> _places = [];
    private readonly List<TermRun> _terms = [];
    private readonly ArrayBufferWriter<byte> _buffer = new();

    private long _base;
    private long _last;
    private long _durable;
    private long _written;        // Bytes appended in this process's life; written up to here and
    private long _synced;         // on disk up to here: synced ≤ written.
    private long _lowest;         // Lowest end of the log since the sync that is under way began.
    private long _firstCached;    // Payloads from here on are in memory.
    private long _cachedBytes;
    private bool _failed;
    private bool _closed;

    private RaftLog(string directory, RaftLogOptions options) => (_directory, _options, _disk) = (directory, options, options.Disk);

    /// <summary>Entries up to here are gone.</summary>
    public long BaseIndex => Volatile.Read(ref _base);

    public long LastIndex => Volatile.Read(ref _last);

    /// <summary>Entries up to here are on disk.</summary>
    public long DurableIndex => Volatile.Read(ref _durable);

    /// <summary>What the files take.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _segments.Sum(s => (long)s.Length);
            }
        }
    }

    public static bool Exists(string directory) => Directory.Exists(directory) && LogSegment.Find(directory).Count > 0;

    /// <summary>Opens the log that <see cref="Create"/> began in the directory.</summary>
    /// <exception cref="IOException">The directory cannot be used or the log is damaged; the message says which file and where.</exception>
    public static RaftLog Open(string directory, RaftLogOptions options)
    {
        RaftLog log = new(directory, options);
        try
        {
            log.Recover();
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>Begins an empty log behind an entry whose effects the state holds already; whatever log was there is gone afterwards.</summary>
    /// <remarks>A crash may leave old files beside the new one, or some of the old ones: the caller remembers on disk that it is at this, and repeats it.</remarks>
    public static RaftLog Create(string directory, long baseIndex, ReadOnlySpan<TermRun> terms, RaftLogOptions options)
    {
        Directory.CreateDirectory(directory);
        var old = LogSegment.Find(directory);
        foreach (var number in old)
        {
            LogSegment.Delete(directory, number);
        }

        RaftLog log = new(directory, options) { _base = baseIndex, _last = baseIndex, _durable = baseIndex, _firstCached = baseIndex + 1 };
        log._terms.AddRange(terms);
        log.BeginSegment(0);
        return log;
    }

    /// <summary>The term of an entry; −1 where it is not known, 0 before the first.</summary>
    public long TermAt(long index)
    {
        lock (_gate)
        {
            return index > _last ? -1 : TermAtCore(index);
        }
    }

    /// <summary>The terms up to an entry, as far back as they are known.</summary>
    public TermRun[] TermsUpTo(long index)
    {
        lock (_gate)
        {
            return [.. _terms.Where(t => t.First <= index)];
        }
    }

    /// <summary>
    /// Adds entries from <paramref name="first"/> on. Those that are there already are left; where one is there of another term, it and all behind it are
    /// replaced. Nothing is on disk before <see cref="Sync"/> returns.
    /// </summary>
    public void Append(long first, ReadOnlySpan<LogRecord> entries)
    {
        lock (_gate)
        {
            ThrowIfFailed();
            if (first <= _base || first > _last + 1)
            {
                throw new InvalidOperationException($"Entry {first} cannot follow a log of {_base + 1} to {_last}.");
            }

            while (!entries.IsEmpty && first <= _last && TermAtCore(first) == entries[0].Term)
            {
                first++;
                entries = entries[1..];
            }

            if (entries.IsEmpty)
            {
                return;
            }

            // Memory and file differ until the end: whatever throws in between leaves it set.
            _failed = true;
            Truncate(first - 1);
            Write(first, entries);
            _failed = false;
        }
    }

    /// <summary>Returns when everything appended before the call is on disk.</summary>
    public void Sync()
    {
        lock (_syncing)
        {
            LogSegment tail;
            long written;
            int length;
            lock (_gate)
            {
                ThrowIfFailed();
                if (_synced == _written)
                {
                    return;
                }

                (tail, written, length) = (_segments[^1], _written, _segments[^1].Length);
                _lowest = _last;
            }

            try
            {
                tail.Sync(_disk);
            }
            catch
            {
                lock (_gate)
                {
                    _failed = true;
                }

                throw;
            }

            lock (_gate)
            {
                _synced = Math.Max(_synced, written);
                tail.SyncedLength = Math.Max(tail.SyncedLength, length);
                Volatile.Write(ref _durable, Math.Max(_durable, _lowest));
            }
        }
    }

    /// <summary>Reads entries, from memory where they are recent: at least one, then as many as the bounds allow.</summary>
    public void Read(long first, long last, int mostEntries, long mostBytes, List<LogRecord> output)
    {
        lock (_gate)
        {
            if (first <= _base || last > _last)
            {
                throw new InvalidOperationException($"Entries {first} to {last} are not in a log of {_base + 1} to {_last}.");
            }

            long bytes = 0;
            for (var index = first; index <= last && output.Count < mostEntries; index++)
            {
                var place = _places[(int)(index - _base - 1)];
                bytes += place.Length;
                if (bytes > mostBytes && output.Count > 0)
                {
                    break;
                }

                var payload = place.Payload;
                if (payload is null)
                {
                    payload = new byte[place.Length];
                    place.Segment.Read(place.Offset, payload);
                }

                output.Add(new LogRecord(TermAtCore(index), payload));
            }
        }
    }

    /// <summary>
    /// Removes files from the beginning, as long as the others hold <paramref name="kept"/> bytes and everything removed is at or below
    /// <paramref name="applied"/>, which the state holds durably.
    /// </summary>
    public void Cut(long applied, long kept)
    {
        lock (_gate)
        {
            ThrowIfFailed();

            // The log may begin at a file behind whose base no later one reaches back.
            var (begin, bytes, lowest) = (0, 0L, long.MaxValue);
            for (var i = _segments.Count - 1; i > 0; i--)
            {
                bytes += _segments[i].Length;
                lowest = Math.Min(lowest, _segments[i].Base);
                if (_segments[i].Base == lowest && lowest <= applied && bytes >= kept)
                {
                    begin = i;
                    break;
                }
            }

            if (begin == 0)
            {
                return;
            }

            foreach (var segment in _segments[..begin])
            {
                segment.Delete();
            }

            _segments.RemoveRange(0, begin);
            _places.RemoveRange(0, (int)(lowest - _base));
            Volatile.Write(ref _base, lowest);
            _firstCached = Math.Max(_firstCached, lowest + 1);
            _cachedBytes = 0;
            foreach (var place in CollectionsMarshal.AsSpan(_places)[(int)(_firstCached - lowest - 1)..])
            {
                _cachedBytes += place.Length;
            }
        }
    }

    public void Dispose()
    {
        lock (_syncing)
        {
            lock (_gate)
            {
                _closed = true;
                foreach (var segment in _segments)
                {
                    segment.Dispose();
                }
            }
        }
    }

    private void Recover()
    {
        var numbers = LogSegment.Find(_directory);
        if (numbers.Count == 0)
        {
            throw new LogDamagedException(_directory, "the log is gone");
        }

        // Files are removed from the beginning; one that comes back after a loss of power has a gap behind it, or one that reaches further back.
        for (var i = numbers.Count - 1; i > 0; i--)
        {
            if (numbers[i] != numbers[i - 1] + 1)
            {
                numbers.RemoveRange(0, i);
                break;
            }
        }

        foreach (var number in numbers)
        {
            var fresh = true;
            var segment = LogSegment.Open(_directory, number, number == numbers[^1], _disk, (from, index, term, offset, length) =>
            {
                Begin(from, ref fresh);
                Replay(from, index, term, offset, length);
            });
            Begin(segment, ref fresh);
            _segments.Add(segment);
        }

        (_durable, _firstCached) = (_last, _last + 1);

        void Begin(LogSegment segment, ref bool fresh)
        {
            if (!fresh)
            {
                return;
            }

            fresh = false;
            if (_segments.Count == 0 || segment.Base < _base)
            {
                _segments.ForEach(s => s.Dispose());
                _segments.Clear();
                _places.Clear();
                _terms.Clear();
                (_base, _last) = (segment.Base, segment.Base);
                _terms.AddRange(segment.BaseTerms);
            }
            else if (segment.Base > _last)
            {
                throw new LogDamagedException(
                    _directory, $"file {segment.Number} of the log begins behind entry {segment.Base}, where it holds {_base + 1} to {_last}");
            }
            else
            {
                Truncate(segment.Base);
            }
        }
    }

    private void Replay(LogSegment segment, long index, long term, int offset, int length)
    {
        if (index <= segment.Base || index > _last + 1)
        {
            throw new LogDamagedException(_directory, $"file {segment.Number} of the log has entry {index} where {_last + 1} belongs");
        }

        Truncate(index - 1);
        Add(new Place(segment, offset, length, null), term);
    }

    private void Write(long first, ReadOnlySpan<LogRecord> entries)
    {
        // All records of a file are above its base, and nothing is written to one that was there at the start.
        if (first <= _segments[^1].Base || _segments[^1].Length == _segments[^1].Capacity)
        {
            BeginSegment(LogSegment.SizeOf(entries[0].Payload.Length));
        }

        var tail = _segments[^1];
        _buffer.ResetWrittenCount();
        foreach (var entry in entries)
        {
            var size = LogSegment.SizeOf(entry.Payload.Length);
            if (tail.Length + _buffer.WrittenCount + size > tail.Capacity)
            {
                tail.Write(_buffer.WrittenSpan);
                _buffer.ResetWrittenCount();
                BeginSegment(size);
                tail = _segments[^1];
            }

            Add(new Place(tail, tail.Length + _buffer.WrittenCount + LogSegment.RecordHeader, entry.Payload.Length, entry.Payload), entry.Term);
            _written += tail.Encode(_buffer, first++, entry.Term, entry.Payload);
            _cachedBytes += entry.Payload.Length;
        }

        tail.Write(_buffer.WrittenSpan);
        if (_buffer.Capacity > 4 << 20)
        {
            _buffer.Clear();
        }

        DropFromCache();
    }

    // The one before is complete on disk when this one appears.
    private void BeginSegment(int firstRecord)
    {
        if (_segments.Count > 0)
        {
            _segments[^1].Seal(_disk);
        }

        if (_terms.Count > MostTermRuns)
        {
            _terms.RemoveRange(0, _terms.Count - MostTermRuns);
        }

        var number = _segments.Count > 0 ? _segments[^1].Number + 1 : 1;
        _segments.Add(LogSegment.Create(_directory, number, _last, CollectionsMarshal.AsSpan(_terms), _options.SegmentBytes, firstRecord, _disk));
    }

    private void Add(in Place place, long term)
    {
        Volatile.Write(ref _last, _last + 1);
        _places.Add(place);
        if (_terms.Count == 0 || _terms[^1].Term != term)
        {
            _terms.Add(new TermRun(_last, term));
        }
    }

    private void Truncate(long last)
    {
        if (last >= _last)
        {
            return;
        }

        for (var index = Math.Max(last + 1, _firstCached); index <= _last; index++)
        {
            _cachedBytes -= _places[(int)(index - _base - 1)].Length;
        }

        _places.RemoveRange((int)(last - _base), (int)(_last - last));
        _terms.RemoveAll(t => t.First > last);
        _firstCached = Math.Min(_firstCached, last + 1);
        _lowest = Math.Min(_lowest, last);
        Volatile.Write(ref _durable, Math.Min(_durable, last));
        Volatile.Write(ref _last, last);
    }

    private void DropFromCache()
    {
        var places = CollectionsMarshal.AsSpan(_places);
        for (; _cachedBytes > _options.CacheBytes && _firstCached < _last; _firstCached++)
        {
            ref var place = ref places[(int)(_firstCached - _base - 1)];
            _cachedBytes -= place.Length;
            place = place with { Payload = null };
        }
    }

    private long TermAtCore(long index)
    {
        for (var i = _terms.Count - 1; i >= 0; i--)
        {
            if (_terms[i].First <= index)
            {
                return _terms[i].Term;
            }
        }

        return index == 0 ? 0 : -1;
    }

    private void ThrowIfFailed()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (_failed)
        {
            throw new IOException($"The log in {_directory} has failed; nothing more is written to it.");
        }
    }

    private readonly record struct Place(LogSegment Segment, int Offset, int Length, byte[]? Payload);
}

/// <summary>An entry: the term of the leader that made it, and what it carries; nothing where the leader only began its term.</summary>
internal readonly record struct LogRecord(long Term, byte[] Payload);

/// <summary>The log's sizes.</summary>
internal sealed record RaftLogOptions
{
    public int SegmentBytes { get; init; } = 16 << 20;

    /// <summary>Recent payloads kept in memory, from which followers are served.</summary>
    public long CacheBytes { get; init; } = 8 << 20;

    public LogDisk Disk { get; init; } = LogDisk.System;
}
