namespace Agora.Launcher;

/// <summary>Something that the person at the keyboard can mend: told on standard error as it is, without a stack trace.</summary>
internal class CommandFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The supervisor is there, and does not answer.</summary>
internal sealed class SupervisorSilentException(string message, Exception? inner = null) : CommandFailedException(message, inner);
