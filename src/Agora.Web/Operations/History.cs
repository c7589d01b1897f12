using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>
/// The last pictures' statuses, bounded, and what only several of them together show: speeds, losses, and what the
/// servers have answered. Not thread-safe.
/// </summary>
public sealed class History
{
    /// <summary>As many stretches of answers are kept: two minutes, if one begins every two seconds.</summary>
    public const int MaxSamples = 60;

    /// <summary>Too few datagrams say nothing about their loss.</summary>
    public const long MinDatagrams = 40;

    private static readonly TimeSpan s_kept = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_speedStretch = TimeSpan.FromSeconds(3);

    // After a longer pause, in which nobody looked, the answers of the pause belong to no stretch.
    private static readonly TimeSpan s_gap = TimeSpan.FromSeconds(10);

    private readonly LinkedList<(DateTime At, ClusterStatus Status)> _statuses = [];
    private readonly LinkedList<FunctionSample> _samples = [];
    private (DateTime At, ClusterStatus Status)? _counted;

    /// <summary>Takes the next status.</summary>
    public void Add(DateTime at, ClusterStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        _statuses.AddLast((at, status));
        while (at - _statuses.First!.Value.At > s_kept)
        {
            _statuses.RemoveFirst();
        }

        if (status.Processes.Any(p => p.Functions is not null))
        {
            if (_counted is { } before && at - before.At < s_gap && at > before.At)
            {
                _samples.AddLast(new FunctionSample(at, at - before.At, Answers(before.Status, status)));
                if (_samples.Count > MaxSamples)
                {
                    _samples.RemoveFirst();
                }
            }
            else
            {
                _samples.Clear();
            }

            _counted = (at, status);
        }
    }

    /// <summary>What the servers have answered, oldest first.</summary>
    public IReadOnlyList<FunctionSample> Samples => [.. _samples];

    /// <summary>How many commands a second each database has ordered of late.</summary>
    public IReadOnlyDictionary<string, double> NumbersPerSecond()
    {
        Dictionary<string, double> speeds = [];
        if (_statuses.Last is not { Value: var last })
        {
            return speeds;
        }

        // The nearest one that is long enough ago.
        var earlier = _statuses.LastOrDefault(s => last.At - s.At >= s_speedStretch);
        earlier = earlier.Status is null ? _statuses.First!.Value : earlier;
        var seconds = (last.At - earlier.At).TotalSeconds;
        foreach (var (database, known) in Known(last.Status))
        {
            if (seconds > 0 && Known(earlier.Status).TryGetValue(database, out var before))
            {
                speeds[database] = Math.Max(0, known - before) / seconds;
            }
        }

        return speeds;
    }

    /// <summary>
    /// The share of datagrams that one process sent to another and that did not arrive: what the one has counted,
    /// beside what the other has. A process that has restarted meanwhile counts anew, and is left out.
    /// </summary>
    public IReadOnlyDictionary<(string From, string To), double> Losses()
    {
        Dictionary<(string From, string To), double> losses = [];
        if (_statuses.Last is not { Value: var last } || _statuses.First!.Value is var first && first == last)
        {
            return losses;
        }

        var before = first.Status.Processes.ToDictionary(p => p.Name);
        var now = last.Status.Processes.ToDictionary(p => p.Name);
        foreach (var from in last.Status.Processes.Where(p => p.Database is not null))
        {
            foreach (var link in from.Database!.Peers)
            {
                var to = FormattableString.Invariant($"{from.Component}/{link.Replica}");
                if (
                    Delta(before, now, from.Name, to, l => l.Sent) is { } sent
                    && Delta(before, now, to, from.Name, l => l.Received) is { } received
                    && sent >= MinDatagrams
                )
                {
                    // What is under way at the moment of the picture makes a small difference both ways.
                    losses[(from.Name, to)] = Math.Clamp(1 - ((double)received / sent), 0, 1);
                }
            }
        }

        return losses;
    }

    private static long? Delta(
        Dictionary<string, ProcessStatus> before,
        Dictionary<string, ProcessStatus> now,
        string process,
        string peer,
        Func<PeerLink, long?> count
    )
    {
        long? Count(Dictionary<string, ProcessStatus> processes) =>
            processes
                .GetValueOrDefault(process)
                ?.Database?.Peers.FirstOrDefault(l => peer.EndsWith($"/{l.Replica}", StringComparison.Ordinal))
                is { } link
                ? count(link)
                : null;
        var delta = Count(now) - Count(before);
        return delta >= 0 && before[process].StartedAt == now[process].StartedAt ? delta : null;
    }

    private static Dictionary<string, long> Known(ClusterStatus status) =>
        status
            .Processes.Where(p => p.Database is not null)
            .GroupBy(p => p.Component, p => p.Database!.Known)
            .ToDictionary(g => g.Key, g => g.Max());

    private static Dictionary<(string Process, string Function), FunctionAnswers> Answers(
        ClusterStatus before,
        ClusterStatus now
    )
    {
        Dictionary<(string Process, string Function), FunctionAnswers> answers = [];
        var earlier = before.Processes.ToDictionary(p => p.Name, p => p.Functions);
        foreach (var process in now.Processes)
        {
            // A server that did not say what it had served before has no stretch to count from.
            if (process.Functions is not { } functions || earlier.GetValueOrDefault(process.Name) is not { } then)
            {
                continue;
            }

            foreach (var function in functions)
            {
                var counted = then.FirstOrDefault(f => f.Name == function.Name);

                // A server that has restarted counts anew.
                var isAnew = counted is null || counted.Answered > function.Answered;
                var count = function.Answered - (isAnew ? 0 : counted!.Answered);
                if (count > 0)
                {
                    answers[(process.Name, function.Name)] = new FunctionAnswers(
                        count,
                        Math.Max(0, function.Failed - (isAnew ? 0 : counted!.Failed)),
                        function.Bounds,
                        [
                            .. function.Buckets.Select(
                                (n, i) =>
                                    isAnew || i >= counted!.Buckets.Count ? n : Math.Max(0, n - counted.Buckets[i])
                            ),
                        ]
                    );
                }
            }
        }

        return answers;
    }
}
