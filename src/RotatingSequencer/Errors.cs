namespace RotatingSequencer;

/// <summary>
/// The group's rules were broken: a journal was lost (<see cref="JournalLostException"/>), two groups share a key, or there is a bug. The member stops,
/// because going on could deliver different things at different members.
/// </summary>
public class ProtocolViolationException(string message) : Exception(message);

/// <summary>
/// Of broken rules the one that people cause and can undo: a member's journal and its application's state, or what the others hold of it, are not of one
/// time or of one member. One of them was lost, damaged, is an older copy or belongs elsewhere.
/// </summary>
public sealed class JournalLostException(string message) : ProtocolViolationException(message);

/// <summary>Too much waits to be sent already: some member is slow or away. Nothing was sent; try again later.</summary>
public sealed class OverloadedException(string message) : Exception(message);

/// <summary>The member has stopped or is stopping. Whether a request that waited is delivered is unknown: repeat it only if that does no harm.</summary>
public sealed class MemberStoppedException(string message, Exception? innerException = null) : Exception(message, innerException);
