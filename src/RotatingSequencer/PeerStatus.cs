namespace RotatingSequencer;

/// <summary>What a member knows of another one.</summary>
/// <param name="Member">The other member's id.</param>
/// <param name="HeardAgo">How long ago a datagram of it came; null if none has come since the start.</param>
/// <param name="RoundTrip">The usual time from a question to its answer; null if not measured yet.</param>
/// <param name="Received">Datagrams of it that came since this member's start.</param>
/// <param name="Sent">Datagrams sent to it since this member's start.</param>
public readonly record struct PeerStatus(int Member, TimeSpan? HeardAgo, TimeSpan? RoundTrip, long Received, long Sent)
{
    /// <summary>
    /// The version of the datagrams that come in its name, where that is not
    /// <see cref="RotatingSequencer.Member.DatagramVersion"/> and nothing else comes of it; null otherwise. Such a
    /// datagram cannot be verified, so this is a hint.
    /// </summary>
    public int? OtherVersion { get; init; }
}
