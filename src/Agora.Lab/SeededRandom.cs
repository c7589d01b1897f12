namespace Agora.Lab;

/// <summary>
/// A sequence of random numbers (SplitMix64) that depends only on its seed, on every platform and in every version.
/// <see cref="Random"/> does not promise this.
/// </summary>
public struct SeededRandom
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state;

    /// <summary>The sequence of a seed.</summary>
    public SeededRandom(ulong seed) => _state = seed;

    /// <summary>A separate sequence for each combination of seeds.</summary>
    public SeededRandom(long seed, params ReadOnlySpan<long> seeds)
    {
        _state = Mix((ulong)seed);
        foreach (var part in seeds)
        {
            _state = Mix(_state + Golden + (ulong)part);
        }
    }

    /// <summary>A separate sequence for each name, from one seed.</summary>
    public static SeededRandom For(ulong seed, string name)
    {
        ArgumentNullException.ThrowIfNull(name);

        // FNV-1a: string.GetHashCode differs from process to process.
        var hash = 0xCBF29CE484222325;
        foreach (var c in name)
        {
            hash = (hash ^ c) * 0x100000001B3;
        }

        return new(Mix(seed + Golden) ^ hash);
    }

    /// <summary>The next number of 64 bits.</summary>
    public ulong Next() => Mix(_state += Golden);

    /// <summary>A number from 0 to below 1, evenly distributed.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>
    /// A number from 0 to below a bound. The bias of the remainder is below a millionth for bounds below 2^44.
    /// </summary>
    public int Below(int bound) => (int)(Next() % (ulong)bound);

    /// <summary>A random element of a list.</summary>
    public T Of<T>(IReadOnlyList<T> list)
    {
        ArgumentNullException.ThrowIfNull(list);
        return list[Below(list.Count)];
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
