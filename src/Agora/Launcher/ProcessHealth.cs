namespace Agora.Launcher;

/// <summary>Whether one process serves.</summary>
/// <param name="Name">The process, such as <c>customers/0</c>.</param>
/// <param name="Healthy">It does what was asked for: it serves, or it answers.</param>
/// <param name="Reason">Why not; null when it does.</param>
internal sealed record ProcessHealth(string Name, bool Healthy, string? Reason);
