namespace RotatingSequencer;

/// <summary>
/// The group's rules were broken: a member lost its journal and came back, two groups share a key, or there is a bug. The member stops,
/// because going on could deliver different things at different members.
/// </summary>
public sealed class ProtocolViolationException(string message) : Exception(message);

/// <summary>Too much waits to be sent already: some member is slow or away. Nothing was sent; try again later.</summary>
public sealed class OverloadedException(string message) : Exception(message);

/// <summary>The member has stopped or is stopping. Whether a request that waited is delivered is unknown: repeat it only if that does no harm.</summary>
public sealed class MemberStoppedException(string message, Exception? innerException = null) : Exception(message, innerException);
