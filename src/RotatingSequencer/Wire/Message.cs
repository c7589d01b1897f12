namespace RotatingSequencer.Wire;

/// <summary>A message of a datagram, as read. A Request's body points into the datagram.</summary>
internal ref struct Message
{
    public MessageKind Kind;
    public RequestId Id;

    /// <summary>Global number of a Sequence.</summary>
    public long Number;

    /// <summary>Body of a Request, or of a part of it.</summary>
    public ReadOnlySpan<byte> Body;

    /// <summary>Which part of a Request, from 0.</summary>
    public int Part;

    /// <summary>Length of the whole body of which this is a part.</summary>
    public int Total;

    /// <summary>In a Retransmit request, the token of its question, 0 when it asks nothing.</summary>
    public long Ask;

    /// <summary>In a Retransmit request, the token of the question that it answers, 0 for none.</summary>
    public long Answer;

    /// <summary>
    /// In a Retransmit request, its <see cref="MissingRange"/>s, still encoded; <see cref="DatagramReader"/> checked
    /// them.
    /// </summary>
    public ReadOnlySpan<byte> Missing;

    public Greeting Greeting;

    /// <summary>
    /// Prepare, Promise or Install, still encoded: only those of known lives are worth memory. See
    /// <see cref="EpochMessages"/>.
    /// </summary>
    public ReadOnlySpan<byte> Encoded;
}
