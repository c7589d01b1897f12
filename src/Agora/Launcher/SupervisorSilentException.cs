namespace Agora.Launcher;

/// <summary>The supervisor exists, but does not answer.</summary>
internal sealed class SupervisorSilentException(string message, Exception? inner = null)
    : CommandFailedException(message, inner);
