using System.Buffers;

namespace Agora.Replication.Raft;

/// <summary>
/// The replica's log on disk: entries numbered from 1, each with the term in which a leader made it. One caller at a
/// time appends; any caller reads and syncs.
/// </summary>
/// <remarks>
/// What holds at any instant, whenever the process dies or the power fails:
/// <list type="number">
/// <item>Files are only appended to. The log is what replaying the records gives: a record of entry i ends the log at i
/// − 1 and then adds i. So a leader's entries replace others by being written behind them. A crash in between leaves
/// the old log, the new one, or one that ends before the first entry that was to be replaced. The leader has said that
/// this entry is no part of the log.</item>
/// <item>What was there when <see cref="Sync"/> was called is found again once it has returned. Of what was written
/// since, any part may be: recovery takes the records up to the first torn one, which gives a state that the log went
/// through. It writes again what may not be on disk of that, so what an opened log holds is on disk, also where a sync
/// has failed before (<see cref="LogDisk"/>).</item>
/// <item>Every file but the last is complete on disk and ends with its last record. The next one begins behind an entry
/// which it holds. All records of a file are above its base.</item>
/// <item>The log is cut by removing whole files from its beginning. What remains begins behind the base of the first
/// file.</item>
/// </list>
/// Base ≤ Durable ≤ Last. Entries up to Base are gone; only their terms are known.
/// </remarks>
internal sealed class RaftLog : IDisposable
{
    private readonly string _directory;
    private readonly RaftLogOptions _options;
    private readonly LogDisk _disk;
    private readonly Lock _gate = new();
    private readonly Lock _syncing = new();
    private readonly List<LogSegment> _segments = [];
    private readonly LogIndex _index = new();
    private readonly ArrayBufferWriter<byte> _buffer = new();

    private long _durable; // Entries up to here are on disk: durable ≤ last.
    private long _written; // Bytes appended since the process began,
    private long _synced; // and how many of them are on disk: synced ≤ written.
    private long _lowest; // Lowest end of the log since the sync that is under way began.
    private bool _isMarked; // The last record is a mark.
    private bool _failed;
    private bool _closed;

    private RaftLog(string directory, RaftLogOptions options) =>
        (_directory, _options, _disk) = (directory, options, options.Disk);

    /// <summary>The directory of its files.</summary>
    public string Location => _directory;

    /// <summary>Entries up to here are gone.</summary>
    public long BaseIndex => _index.Base;

    public long LastIndex => _index.Last;

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

    /// <summary>Opens the log that <see cref="Create"/> began in the directory.</summary>
    /// <exception cref="IOException">The directory cannot be used or the log is damaged; the message says which file
    /// and where.</exception>
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

    /// <summary>
    /// Begins an empty log behind an entry whose effects the state holds already; a log that was there is gone
    /// afterwards.
    /// </summary>
    /// <remarks>
    /// A crash may leave old files beside the new one, or some of the old ones. The caller remembers on disk that it
    /// does this, and repeats it.
    /// </remarks>
    public static RaftLog Create(string directory, long baseIndex, ReadOnlySpan<TermRun> terms, RaftLogOptions options)
    {
        Directory.CreateDirectory(directory);
        var old = LogSegment.Find(directory);
        foreach (var number in old)
        {
            LogSegment.Delete(directory, number);
        }

        RaftLog log = new(directory, options) { _durable = baseIndex };
        log._index.Reset(baseIndex, terms);
        log.BeginSegment(0);
        return log;
    }

    /// <summary>The term of an entry; −1 where it is not known, 0 before the first.</summary>
    public long TermAt(long index)
    {
        lock (_gate)
        {
            return _index.TermAt(index);
        }
    }

    /// <summary>The terms up to an entry, as far back as they are known.</summary>
    public TermRun[] TermsUpTo(long index)
    {
        lock (_gate)
        {
            return _index.TermsUpTo(index);
        }
    }

    /// <summary>
    /// Adds entries from <paramref name="first"/> on. Entries that are there already stay. The first one of another
    /// term is replaced, with all behind it. Nothing is on disk before <see cref="Sync"/> returns.
    /// </summary>
    public void Append(long first, ReadOnlySpan<LogRecord> entries)
    {
        lock (_gate)
        {
            ThrowIfFailed();
            if (first <= _index.Base || first > _index.Last + 1)
            {
                throw new InvalidOperationException(
                    $"Entry {first} cannot follow a log of {_index.Base + 1} to {_index.Last}."
                );
            }

            while (!entries.IsEmpty && first <= _index.Last && _index.TermAt(first) == entries[0].Term)
            {
                first++;
                entries = entries[1..];
            }

            if (entries.IsEmpty)
            {
                return;
            }

            // Memory and file differ until the end: whatever throws in between leaves it set.
            (_failed, _isMarked) = (true, false);
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
                _lowest = _index.Last;
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

    /// <summary>
    /// Where everything is on disk, writes a mark that says so: from then on no damage of it passes for a torn end. For
    /// times at which nothing else is written; where something is, the next record says it.
    /// </summary>
    public void Mark()
    {
        lock (_gate)
        {
            var tail = _segments[^1];
            if (
                _failed
                || _closed
                || _isMarked
                || _synced != _written
                || tail.Length == tail.First
                || tail.Length + LogSegment.RecordHeader > tail.Capacity
            )
            {
                return;
            }

            _failed = true;
            _buffer.ResetWrittenCount();
            _written += tail.EncodeMark(_buffer);
            tail.Write(_buffer.WrittenSpan, _disk);
            (_failed, _isMarked) = (false, true);
        }

        Sync();
    }

    /// <summary>
    /// Reads entries, from memory where they are recent: at least one, then as many as the bounds allow.
    /// </summary>
    public void Read(long first, long last, int maxEntries, long maxBytes, List<LogRecord> output)
    {
        lock (_gate)
        {
            if (first <= _index.Base || last > _index.Last)
            {
                throw new InvalidOperationException(
                    $"Entries {first} to {last} are not in a log of {_index.Base + 1} to {_index.Last}."
                );
            }

            long bytes = 0;
            for (var index = first; index <= last && output.Count < maxEntries; index++)
            {
                var location = _index[index];
                bytes += location.Length;
                if (bytes > maxBytes && output.Count > 0)
                {
                    break;
                }

                var payload = location.Payload;
                if (payload is null)
                {
                    payload = new byte[location.Length];
                    location.Segment.Read(location.Offset, payload);
                }

                output.Add(new LogRecord(_index.TermAt(index), payload));
            }
        }
    }

    /// <summary>
    /// Removes files from the beginning, as long as the others hold <paramref name="kept"/> bytes and everything
    /// removed is at or below <paramref name="applied"/>, which the state holds durably.
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
            _index.CutTo(lowest);
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
            throw new ReplicaDamagedException(_directory, "the log is gone");
        }

        // Files are removed from the beginning; one that comes back after a loss of power has a gap behind it, or one
        // that reaches further back.
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
            var segment = LogSegment.Open(
                _directory,
                number,
                number == numbers[^1],
                _options,
                (from, index, term, offset, length) =>
                {
                    Begin(from, ref fresh);
                    Replay(from, index, term, offset, length);
                }
            );
            Begin(segment, ref fresh);
            _segments.Add(segment);
        }

        _durable = _index.Last;
        _index.BeginCache();

        void Begin(LogSegment segment, ref bool fresh)
        {
            if (!fresh)
            {
                return;
            }

            fresh = false;
            if (_segments.Count == 0 || segment.Base < _index.Base)
            {
                _segments.ForEach(s => s.Dispose());
                _segments.Clear();
                _index.Reset(segment.Base, segment.BaseTerms);
            }
            else if (segment.Base > _index.Last)
            {
                throw new ReplicaDamagedException(
                    _directory,
                    $"file {segment.Number} of the log begins behind entry {segment.Base}, "
                        + $"where it holds {_index.Base + 1} to {_index.Last}"
                );
            }
            else
            {
                Truncate(segment.Base);
            }
        }
    }

    private void Replay(LogSegment segment, long index, long term, int offset, int length)
    {
        if (index <= segment.Base || index > _index.Last + 1)
        {
            throw new ReplicaDamagedException(
                _directory,
                $"file {segment.Number} of the log has entry {index} where {_index.Last + 1} belongs"
            );
        }

        Truncate(index - 1);
        _index.Add(new LogIndex.Location(segment, offset, length, null), term);
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
                tail.Write(_buffer.WrittenSpan, _disk);
                _buffer.ResetWrittenCount();
                BeginSegment(size);
                tail = _segments[^1];
            }

            _index.Add(
                new LogIndex.Location(
                    tail,
                    tail.Length + _buffer.WrittenCount + LogSegment.RecordHeader,
                    entry.Payload.Length,
                    entry.Payload
                ),
                entry.Term
            );
            _written += tail.Encode(_buffer, first++, entry.Term, entry.Payload);
        }

        tail.Write(_buffer.WrittenSpan, _disk);
        if (_buffer.Capacity > 4 << 20)
        {
            _buffer.Clear();
        }

        _index.TrimCache(_options.CacheBytes);
    }

    // The one before is complete on disk when this one appears.
    private void BeginSegment(int firstRecord)
    {
        if (_segments.Count > 0)
        {
            _segments[^1].Seal(_disk);
        }

        var number = _segments.Count > 0 ? _segments[^1].Number + 1 : 1;
        _segments.Add(LogSegment.Create(_directory, number, _index.Last, _index.LatestTerms(), firstRecord, _options));
    }

    private void Truncate(long last)
    {
        if (_index.Truncate(last))
        {
            _lowest = Math.Min(_lowest, last);
            Volatile.Write(ref _durable, Math.Min(_durable, last));
        }
    }

    private void ThrowIfFailed()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (_failed)
        {
            throw new IOException($"The log in {_directory} has failed; nothing more is written to it.");
        }
    }
}
