namespace RotatingSequencer.Core;

/// <summary>
/// A Request that is held. Its buffer is from the pool, and goes back there when the Request is dropped.
/// </summary>
internal struct HeldRequest
{
    public byte[] Buffer;
    public int Length;
    public LastSent LastSent;

    public readonly ReadOnlySpan<byte> Body => Buffer.AsSpan(0, Length);
}
