namespace Agora.Lab;

/// <summary>A sequence of random numbers that depends on nothing but its seed, on every platform and in every version: SplitMix64.</summary>
internal struct Dice(ulong seed)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = seed;

    /// <summary>Dice of their own for each name, from one seed.</summary>
    public static Dice For(ulong seed, string name)
    {
        // FNV-1a: string.GetHashCode differs from process to process.
        ulong hash = 0xCBF29CE484222325;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 0x100000001B3;
        }
        return new Dice(Mix(seed + Golden) ^ hash);
    }

    /// <summary>Evenly from 0 to below 1.</summary>
    public double Next()
    {
        _state += Golden;
        return (Mix(_state) >> 11) * (1.0 / (1UL << 53));
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
