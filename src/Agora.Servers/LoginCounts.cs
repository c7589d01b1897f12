namespace Agora.Servers;

/// <summary>
/// Counts logins per username within a minute, so that guessing is slow. Kept in the memory of this server only: four servers
/// allow four times as many, still few. Bounded: when the table is full, the oldest minute is forgotten early.
/// </summary>
internal sealed class LoginCounts(TimeProvider time, int allowed)
{
    private const int Capacity = 10_000;

    private static readonly TimeSpan s_window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Window> _windows = new(StringComparer.Ordinal);

    // In the order in which the windows began, which is the order in which they end.
    private readonly Queue<(string Username, Window Window)> _order = new();

    /// <summary>How long this username has to wait before it may try again; null if it may now.</summary>
    public TimeSpan? Wait(string username)
    {
        lock (_lock)
        {
            return Current(username) is { } window && window.Count >= allowed
                ? s_window - time.GetElapsedTime(window.Began)
                : null;
        }
    }

    public void Add(string username)
    {
        lock (_lock)
        {
            if (Current(username) is { } window)
            {
                window.Count++;
                return;
            }
            while (_order.TryPeek(out var oldest) && (_order.Count >= Capacity || IsOver(oldest.Window)))
            {
                _order.Dequeue();
                // Its username may have begun a newer window since.
                if (_windows.TryGetValue(oldest.Username, out var latest) && latest == oldest.Window)
                {
                    _windows.Remove(oldest.Username);
                }
            }
            var begun = new Window { Began = time.GetTimestamp(), Count = 1 };
            _windows[username] = begun;
            _order.Enqueue((username, begun));
        }
    }

    private Window? Current(string username) => _windows.TryGetValue(username, out var window) && !IsOver(window) ? window : null;

    private bool IsOver(Window window) => time.GetElapsedTime(window.Began) >= s_window;

    private sealed class Window
    {
        public required long Began { get; init; }

        public int Count { get; set; }
    }
}
