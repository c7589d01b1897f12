using Agora.Cluster;
using Agora.Launcher;

namespace Agora.Operations;

/// <summary>
/// What changes from one look at the cluster to the next, where no supervisor keeps a log of events.
/// </summary>
internal sealed class SeenChanges
{
    private readonly LeaderChanges _leaders = new();
    private Dictionary<string, string>? _states;

    /// <summary>The changes since the last look, as a kind and a sentence.</summary>
    public IReadOnlyList<(string Kind, string Text)> See(ClusterStatus status)
    {
        List<(string Kind, string Text)> changes = [];
        foreach (var process in _states is null ? [] : status.Processes)
        {
            if (_states!.GetValueOrDefault(process.Name) != process.State)
            {
                changes.Add(
                    process.State == ProcessState.Running
                        ? (EventKinds.Up, $"{process.Name} answers")
                        : (EventKinds.Down, $"{process.Name} is {process.State}")
                );
            }
        }

        _states = status.Processes.ToDictionary(p => p.Name, p => p.State);
        changes.AddRange(_leaders.See(status).Select(change => (EventKinds.Leader, change)));
        return changes;
    }
}
