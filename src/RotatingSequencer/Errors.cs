namespace RotatingSequencer;

/// <summary>
/// The group's rules were broken: a journal was lost (<see cref="JournalLostException"/>), two groups share a key, or
/// there is a bug. The member stops, because members that went on could deliver different things.
/// </summary>
/// <param name="message">Which rule was broken, and by which member.</param>
public class ProtocolViolationException(string message) : Exception(message);

/// <summary>
/// A member's journal does not fit its application's state, its options, or what the other members hold. One of them
/// was lost or damaged, is an older copy, or belongs to another member. Set the journal aside
/// (<see cref="Member.SetAsideJournal"/>) and start again: the member then joins as a new one, and copies the state.
/// </summary>
/// <param name="message">What does not fit what.</param>
public sealed class JournalLostException(string message) : ProtocolViolationException(message);

/// <summary>
/// Another process has taken this member's place: it runs with a copy of this member's journal, or with a new one. This
/// one must not run again.
/// </summary>
/// <param name="message">How that was noticed.</param>
public sealed class MemberReplacedException(string message) : ProtocolViolationException(message);

/// <summary>
/// A file of the journal does not hold what was on disk once: the disk has lost or changed it, or files of different
/// journals lie in one directory. No crash does that. The files are left as they are; see
/// <see cref="Member.SetAsideJournal"/>.
/// </summary>
/// <param name="file">The file's path.</param>
/// <param name="offset">The byte in the file from which on it is wrong.</param>
/// <param name="what">What is wrong, without a full stop.</param>
public sealed class JournalDamagedException(string file, long offset, string what)
    : Exception($"{file} is damaged at byte {offset}: {what}. No crash does that.")
{
    /// <summary>The file's path.</summary>
    public string File { get; } = file;

    /// <summary>The byte in the file from which on it is wrong.</summary>
    public long Offset { get; } = offset;
}

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
