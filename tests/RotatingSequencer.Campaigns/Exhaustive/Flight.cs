namespace RotatingSequencer.Campaigns.Exhaustive;

/// <summary>A datagram under way.</summary>
internal sealed class Flight(int from, int to, byte[] bytes)
{
    public int From => from;

    public int To => to;

    public byte[] Bytes => bytes;

    public ulong Hash { get; } = ObjectGraph.FingerprintOf((byte[])[(byte)to, .. bytes]);
}
