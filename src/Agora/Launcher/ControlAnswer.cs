namespace Agora.Launcher;

/// <summary>The supervisor's answer to a command.</summary>
internal sealed record ControlAnswer(bool Done, string Message);
