namespace RotatingSequencer.Campaigns.Exhaustive;

/// <summary>A datagram under way.</summary>
internal sealed class Flight(int from, int to, byte[] bytes, bool isLate = false)
{
    public int From => from;

    public int To => to;

    public byte[] Bytes => bytes;

    /// <summary>Whether it may arrive at any time, where others arrive in order.</summary>
    public bool IsLate => isLate;

    public ulong Hash { get; } = ObjectGraph.FingerprintOf((byte[])[(byte)to, isLate ? (byte)1 : (byte)0, .. bytes]);
}
