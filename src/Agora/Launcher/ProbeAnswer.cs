using Agora.Cluster;
using Agora.Contracts.Replication;

namespace Agora.Launcher;

/// <summary>The answer of one process over the network.</summary>
/// <param name="Answers">It answers at all.</param>
/// <param name="Replica">The status that a database replica reports.</param>
/// <param name="At">When the answer came, in UTC; null if none came.</param>
/// <param name="Functions">What a server has served; null if it was not asked.</param>
/// <param name="Build">The build that a process other than a database replica tells; null if it was not asked.</param>
internal readonly record struct ProbeAnswer(
    bool Answers,
    StatusReply? Replica,
    DateTime? At = null,
    IReadOnlyList<FunctionCounts>? Functions = null,
    string? Build = null
);
