using System.Globalization;

namespace Agora.Contracts.Security;

/// <summary>
/// Counts what is refused, by kind and by who asked, and says so in one line a kind every few seconds: somebody who knocks a thousand times a second must
/// not fill the log. Bounded: of many clients the first are told apart.
/// </summary>
public sealed class RefusalLog : IDisposable
{
    /// <summary>From the first refusal to the line that counts it, and all that came between.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private const int MaxKinds = 100;
    private const int MaxClients = 100;
    private const int ShownClients = 3;
    private const string Others = "others";

    private readonly Action<string> _say;
    private readonly Lock _lock = new();
    private readonly ITimer _timer;
    private Dictionary<string, Dictionary<string, long>> _counts = [];

    /// <param name="time">The clock.</param>
    /// <param name="say">Told a line.</param>
    public RefusalLog(TimeProvider time, Action<string> say)
    {
        ArgumentNullException.ThrowIfNull(time);
        _say = say;
        _timer = time.CreateTimer(_ => Flush(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Something is refused.</summary>
    /// <param name="kind">What, and why: one of few.</param>
    /// <param name="client">To whom.</param>
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
            var shown = clients.OrderByDescending(c => c.Value).Take(ShownClients).Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key}: {c.Value}"));
            var rest = clients.Count > ShownClients ? string.Create(CultureInfo.InvariantCulture, $", and {clients.Count - ShownClients} more") : "";
            _say(string.Create(CultureInfo.InvariantCulture, $"{clients.Values.Sum()} in {Interval.TotalSeconds:0} s: {kind} ({string.Join(", ", shown)}{rest})"));
        }
    }
}
