using Google.Protobuf;

namespace Agora.Servers;

/// <summary>
/// Since when this server has seen what is left open in a database. The age of a thing is the time since this server
/// saw it first, by a time that never jumps: no other machine's clock can make it older or younger. For one caller.
/// </summary>
internal sealed class Sightings(TimeProvider time)
{
    /// <summary>More are not remembered; what is settled makes room.</summary>
    public const int MaxKnown = 10_000;

    private readonly Dictionary<ByteString, Sighting> _known = [];
    private int _sweep;

    /// <summary>A thing that was seen, and how often it could not be settled.</summary>
    internal sealed class Sighting(long firstSeen)
    {
        public long FirstSeen { get; } = firstSeen;
        public int Failures { get; set; }
        public int Sweep { get; set; }
    }

    /// <summary>Notes that a thing is open; null where there is no room for one more.</summary>
    public Sighting? See(ByteString id)
    {
        if (!_known.TryGetValue(id, out var sighting))
        {
            if (_known.Count == MaxKnown)
            {
                return null;
            }

            sighting = new Sighting(time.GetTimestamp());
            _known.Add(id, sighting);
        }

        sighting.Sweep = _sweep;
        return sighting;
    }

    /// <summary>
    /// What has been open for so long, the least often tried first: what can never be settled does not hold up the
    /// rest.
    /// </summary>
    public List<(T Item, Sighting Sighting)> Due<T>(
        IEnumerable<(T Item, Sighting? Sighting)> seen,
        TimeSpan age,
        int limit
    ) =>
        [
            .. seen.Where(each => each.Sighting is { } s && time.GetElapsedTime(s.FirstSeen) >= age)
                .Select(each => (each.Item, Sighting: each.Sighting!))
                .OrderBy(each => each.Sighting.Failures)
                .ThenBy(each => each.Sighting.FirstSeen)
                .Take(limit),
        ];

    /// <summary>All that is open was seen once since the last call: forgets what was not, for it is settled.</summary>
    public void EndSweep()
    {
        foreach (var (id, sighting) in _known)
        {
            if (sighting.Sweep != _sweep)
            {
                _known.Remove(id);
            }
        }

        _sweep++;
    }
}
