using Agora.Contracts.Cluster;

namespace Agora.Launcher;

/// <summary>What a supervisor knows of a process of its own, without asking it.</summary>
/// <param name="Pid">Its process id while it is up.</param>
/// <param name="State">What to call its state while it does not answer.</param>
/// <param name="Restarts">How often it was brought back.</param>
/// <param name="MemoryBytes">Resident memory while it is up.</param>
/// <param name="LastExit">How it ended last; null where it never has.</param>
internal readonly record struct LocalView(int? Pid, string State, int Restarts, long? MemoryBytes, ProcessExit? LastExit)
{
    /// <summary>There is a process that is meant to be up.</summary>
    public bool IsUp => Pid is not null && State is ProcessState.Starting or ProcessState.Unresponsive;
}

/// <summary>Puts together what the supervisor sees and what the processes answer.</summary>
internal static class StatusReport
{
    /// <param name="processes">All of them.</param>
    /// <param name="answers">What each answered, in the same order.</param>
    /// <param name="local">What is known without asking.</param>
    /// <param name="missing">What is not served, and what it waits for; null where that was not asked.</param>
    public static ClusterStatus Of(
        IReadOnlyList<ClusterProcess> processes, IReadOnlyList<ProbeAnswer> answers, Func<ClusterProcess, LocalView?> local,
        IReadOnlyList<string>? missing)
    {
        // The highest position that anybody in the group has heard of: what a replica lags behind.
        Dictionary<string, long> known = processes.Zip(answers)
            .Where(p => p.Second.Replica is not null)
            .GroupBy(p => p.First.Component, p => Math.Max(p.Second.Replica!.Known, p.Second.Replica.Applied))
            .ToDictionary(g => g.Key, g => g.Max());

        ProcessStatus[] rows = [.. processes.Zip(answers, (process, answer) =>
        {
            LocalView? view = local(process);
            return new ProcessStatus(
                process.Name, process.Component, process.Replica, view?.Pid, State(view, answer), view?.Restarts ?? 0,
                answer.Replica?.Role, answer.Replica?.Applied, known.TryGetValue(process.Component, out long highest) ? highest - answer.Replica?.Applied : null,
                view?.MemoryBytes, process.Endpoints.ToDictionary(e => e.Name, e => e.Address), view?.LastExit);
        })];
        return new ClusterStatus(missing is { Count: 0 }, rows) { Missing = missing ?? [] };
    }

    private static string State(LocalView? view, ProbeAnswer answer) => view switch
    {
        null => answer.Answers ? ProcessState.Running : ProcessState.Unreachable,
        { IsUp: true } => answer.Answers ? ProcessState.Running : view.Value.State,
        { } down => down.State,
    };
}
