namespace RotatingSequencer.Core;

/// <summary>
/// When a message was sent last, and to whom: it is not sent to the same member again within the pause.
/// </summary>
internal struct LastSent
{
    private ulong _members;
    private long _at;

    public static LastSent ToAll(long now) => new() { _members = ulong.MaxValue, _at = now };

    /// <summary>
    /// False when it was sent to that member less than <paramref name="pause"/> ago. Otherwise records that it is sent
    /// now.
    /// </summary>
    public bool TrySend(int member, long now, long pause)
    {
        var recent = now - _at < pause;
        if (recent && (_members & (1UL << member)) != 0)
        {
            return false;
        }

        _members = (recent ? _members : 0) | (1UL << member);
        _at = now;
        return true;
    }
}
