namespace Agora.Launcher;

/// <summary>Something that the person at the keyboard can mend: told on standard error as it is, without a stack trace.</summary>
internal sealed class CommandFailedException(string message, Exception? inner = null) : Exception(message, inner);
