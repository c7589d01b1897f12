namespace RotatingSequencer;

/// <summary>
/// The group's rules were broken: a journal was lost (<see cref="JournalLostException"/>), two groups share a key, or
/// there is a bug. The member stops, because members that went on could deliver different things.
/// </summary>
/// <param name="message">Which rule was broken, and by which member.</param>
public class ProtocolViolationException(string message) : Exception(message);

/// <summary>
/// A member's journal does not fit its application's state, its options, or what the other members hold. One of them
/// was lost or damaged, is an older copy, or belongs to another member. An operator can fix this: restore journal and
/// state as they were at the same moment.
/// </summary>
/// <param name="message">What does not fit what.</param>
public sealed class JournalLostException(string message) : ProtocolViolationException(message);

/// <summary>
/// Too much waits to be sent: a member of the group is slow or down. Nothing was sent; try again later.
/// </summary>
/// <param name="message">What the caller can do.</param>
public sealed class OverloadedException(string message) : Exception(message);

/// <summary>
/// The member has stopped or is stopping. Whether a waiting request is delivered is unknown: repeat it only if that
/// does no harm.
/// </summary>
/// <param name="message">Which member stopped.</param>
/// <param name="innerException">Why it stopped; null when it was asked to.</param>
public sealed class MemberStoppedException(string message, Exception? innerException = null)
    : Exception(message, innerException);
