namespace Agora.Launcher;

/// <summary>What to ask the processes of a cluster.</summary>
/// <param name="Brief">
/// Leave out whether every function is served. To find that out takes longer, and writes to the databases.
/// </param>
/// <param name="Functions">Also ask the servers what they have served.</param>
/// <param name="Deadline">The deadline of each question; null for the usual one.</param>
internal readonly record struct StatusQuestion(bool Brief, bool Functions = false, TimeSpan? Deadline = null);
