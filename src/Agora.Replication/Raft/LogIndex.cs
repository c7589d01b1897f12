using System.Runtime.InteropServices;

namespace Agora.Replication.Raft;

/// <summary>
/// What the log knows in memory: of each entry its location in the files and its term, and the payloads of the latest
/// ones. Not for several threads at a time.
/// </summary>
/// <remarks>
/// Base ≤ Last. Entries up to Base are gone; only their terms are known, as far back as <see cref="MaxTermRuns"/>.
/// Payloads from <see cref="_firstCached"/> on are in memory: Base &lt; firstCached ≤ Last + 1.
/// </remarks>
internal sealed class LogIndex
{
    // More elections than a replica can miss while the log still holds the entries between them.
    private const int MaxTermRuns = 1024;

    private readonly List<Location> _locations = [];
    private readonly List<TermRun> _terms = [];
    private long _base;
    private long _last;
    private long _firstCached = 1;
    private long _cachedBytes;

    /// <summary>Entries up to here are gone.</summary>
    public long Base => Volatile.Read(ref _base);

    public long Last => Volatile.Read(ref _last);

    /// <summary>The terms that a file which begins now names, up to <see cref="Last"/>.</summary>
    public ReadOnlySpan<TermRun> LatestTerms()
    {
        if (_terms.Count > MaxTermRuns)
        {
            _terms.RemoveRange(0, _terms.Count - MaxTermRuns);
        }

        return CollectionsMarshal.AsSpan(_terms);
    }

    /// <summary>Forgets all; the first entry is to come behind a base.</summary>
    public void Reset(long baseIndex, ReadOnlySpan<TermRun> terms)
    {
        _locations.Clear();
        _terms.Clear();
        _terms.AddRange(terms);
        Volatile.Write(ref _base, baseIndex);
        Volatile.Write(ref _last, baseIndex);
        (_firstCached, _cachedBytes) = (baseIndex + 1, 0);
    }

    /// <summary>The term of an entry up to <see cref="Last"/>; −1 where it is not known, 0 before the first.</summary>
    public long TermAt(long index)
    {
        if (index > _last)
        {
            return -1;
        }

        for (var i = _terms.Count - 1; i >= 0; i--)
        {
            if (_terms[i].First <= index)
            {
                return _terms[i].Term;
            }
        }

        return index == 0 ? 0 : -1;
    }

    /// <summary>The terms up to an entry, as far back as they are known.</summary>
    public TermRun[] TermsUpTo(long index) => [.. _terms.Where(t => t.First <= index)];

    /// <summary>Where an entry behind the base is.</summary>
    public Location this[long index] => _locations[(int)(index - _base - 1)];

    /// <summary>Adds the next entry.</summary>
    public void Add(in Location location, long term)
    {
        Volatile.Write(ref _last, _last + 1);
        _locations.Add(location);
        if (_terms.Count == 0 || _terms[^1].Term != term)
        {
            _terms.Add(new TermRun(_last, term));
        }

        if (location.Payload is not null)
        {
            _cachedBytes += location.Length;
        }
    }

    /// <summary>Ends the log at an entry; false where it ends there already.</summary>
    public bool Truncate(long last)
    {
        if (last >= _last)
        {
            return false;
        }

        for (var index = Math.Max(last + 1, _firstCached); index <= _last; index++)
        {
            _cachedBytes -= this[index].Length;
        }

        _locations.RemoveRange((int)(last - _base), (int)(_last - last));
        _terms.RemoveAll(t => t.First > last);
        _firstCached = Math.Min(_firstCached, last + 1);
        Volatile.Write(ref _last, last);
        return true;
    }

    /// <summary>Moves the base on.</summary>
    public void CutTo(long baseIndex)
    {
        _locations.RemoveRange(0, (int)(baseIndex - _base));
        Volatile.Write(ref _base, baseIndex);
        _firstCached = Math.Max(_firstCached, baseIndex + 1);
        _cachedBytes = 0;
        foreach (var location in CollectionsMarshal.AsSpan(_locations)[(int)(_firstCached - baseIndex - 1)..])
        {
            _cachedBytes += location.Length;
        }
    }

    /// <summary>From now on payloads that come are kept; none of those up to here is.</summary>
    public void BeginCache() => (_firstCached, _cachedBytes) = (_last + 1, 0);

    /// <summary>Lets go of the oldest payloads until the others fit, but never of the last one.</summary>
    public void TrimCache(long maxBytes)
    {
        var locations = CollectionsMarshal.AsSpan(_locations);
        for (; _cachedBytes > maxBytes && _firstCached < _last; _firstCached++)
        {
            ref var location = ref locations[(int)(_firstCached - _base - 1)];
            _cachedBytes -= location.Length;
            location = location with { Payload = null };
        }
    }

    /// <summary>Where an entry's payload is: in a file, and in memory too while it is recent.</summary>
    public readonly record struct Location(LogSegment Segment, int Offset, int Length, byte[]? Payload);
}
