using System.Globalization;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// Notes who leads a database that has a leader, and says what has changed since the last look. If two replicas say
/// that they lead, the one with the higher term does.
/// </summary>
internal sealed class LeaderChanges
{
    private readonly Dictionary<string, (string? Leader, long Term)> _last = [];
    private readonly Lock _gate = new();

    /// <summary>What has changed, as sentences.</summary>
    public IReadOnlyList<string> See(ClusterStatus status)
    {
        List<string> changes = [];
        lock (_gate)
        {
            foreach (var group in status.Processes.Where(p => p.Database?.Term is not null).GroupBy(p => p.Component))
            {
                var replicas = status.Processes.Count(p => p.Component == group.Key);
                var leader = group.Where(p => p.Role == "leader").MaxBy(p => p.Database!.Term);
                var term = leader?.Database!.Term ?? group.Max(p => p.Database!.Term)!.Value;
                var isKnown = _last.TryGetValue(group.Key, out var last);

                // Without an answer of the leader, only a majority that knows none shows that there is none. An older
                // term is the answer of one that does not know yet that it was replaced.
                if (
                    (leader is null && (group.Count(p => p.Database!.Leader is null) * 2 <= replicas || !isKnown))
                    || (leader?.Name, term) == last
                    || (isKnown && (term < last.Term || (leader is null && last.Leader is null)))
                )
                {
                    continue;
                }

                _last[group.Key] = (leader?.Name, term);
                changes.Add(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{group.Key}: {(leader is null ? "no leader" : $"{leader.Name} leads, term {term}")}"
                    )
                        + (
                            last.Leader is null || last.Leader == leader?.Name
                                ? ""
                                : string.Create(
                                    CultureInfo.InvariantCulture,
                                    $" (before: {last.Leader}, term {last.Term})"
                                )
                        )
                );
            }
        }

        return changes;
    }
}
