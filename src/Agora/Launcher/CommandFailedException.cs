namespace Agora.Launcher;

/// <summary>
/// A failure that the user can fix. The message is written to standard error as it is, without a stack trace.
/// </summary>
internal class CommandFailedException(string message, Exception? inner = null) : Exception(message, inner);
