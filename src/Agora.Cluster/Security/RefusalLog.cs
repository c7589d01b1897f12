using System.Globalization;

namespace Agora.Cluster;

/// <summary>
/// Counts refused requests by kind and client, and logs one line for each kind every few seconds, so that a client that
/// sends a thousand requests a second cannot fill the log. Bounded: only the first hundred clients are counted apart.
/// </summary>
public sealed class RefusalLog : IDisposable
{
    /// <summary>The time from a first refusal to the line that counts it and those that followed.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private const int MaxKinds = 100;
    private const int MaxClients = 100;
    private const int ShownClients = 3;
    private const string Others = "others";

    private readonly Action<string> _log;
    private readonly Lock _lock = new();
    private readonly ITimer _timer;
    private Dictionary<string, Dictionary<string, long>> _counts = [];

    /// <param name="time">The clock.</param>
    /// <param name="log">Receives each line.</param>
    public RefusalLog(TimeProvider time, Action<string> log)
    {
        ArgumentNullException.ThrowIfNull(time);
        _log = log;
        _timer = time.CreateTimer(_ => Flush(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Counts a refusal.</summary>
    /// <param name="kind">What was refused, and why; there are few kinds.</param>
    /// <param name="client">Who was refused.</param>
    public void Count(string kind, string client)
    {
        lock (_lock)
        {
            if (_counts.Count == 0)
            {
                _timer.Change(Interval, Timeout.InfiniteTimeSpan);
            }

            if (!_counts.TryGetValue(kind, out var clients))
            {
                kind = _counts.Count < MaxKinds ? kind : Others;
                clients = _counts.TryGetValue(kind, out var known) ? known : _counts[kind] = [];
            }

            client = clients.ContainsKey(client) || clients.Count < MaxClients ? client : Others;
            clients[client] = clients.GetValueOrDefault(client) + 1;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer.Dispose();
        Flush();
    }

    private void Flush()
    {
        Dictionary<string, Dictionary<string, long>> counts;
        lock (_lock)
        {
            (counts, _counts) = (_counts, []);
        }

        foreach (var (kind, clients) in counts)
        {
            var shown = clients
                .OrderByDescending(c => c.Value)
                .Take(ShownClients)
                .Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key}: {c.Value}"));
            var rest =
                clients.Count > ShownClients
                    ? string.Create(CultureInfo.InvariantCulture, $", and {clients.Count - ShownClients} more")
                    : "";
            _log(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{clients.Values.Sum()} in {Interval.TotalSeconds:0} s: {kind} ({string.Join(", ", shown)}{rest})"
                )
            );
        }
    }
}
