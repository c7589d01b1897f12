using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>One replica of a database, as its group's picture shows it.</summary>
/// <param name="Process">Its status.</param>
/// <param name="Mark">Its state.</param>
/// <param name="IsFresh">It answered so lately that what it said of itself is shown as a fact.</param>
/// <param name="IsActing">It leads, or assigns the next number, and that is a fact.</param>
public sealed record ReplicaView(ProcessStatus Process, Mark Mark, bool IsFresh, bool IsActing)
{
    /// <summary>Its name within the group.</summary>
    public string Number => FormattableString.Invariant($"{Process.Replica}");
}
