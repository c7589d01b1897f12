using System.Net;

namespace Agora.Servers;

/// <summary>
/// Counts logins of each username within a minute, so that guessing is slow: those from one client, and, with a bound that is much higher, those from all.
/// So a stranger who guesses locks out himself and not the owner, unless he has many addresses; and with many he still guesses slowly.
/// </summary>
internal sealed class LoginCounts(TimeProvider time, int allowed)
{
    /// <summary>All clients together may fail so many times as often as one.</summary>
    public const int AllClients = 10;

    private readonly MinuteCounts<(string, IPAddress)> _ofClient = new(time, allowed);
    private readonly MinuteCounts<string> _ofAll = new(time, AllClients * allowed);

    /// <summary>How long this client has to wait before it may try this username again; null if it may now.</summary>
    public TimeSpan? Wait(string username, IPAddress client) => _ofClient.Wait((username, client)) ?? _ofAll.Wait(username);

    public void Add(string username, IPAddress client)
    {
        _ofClient.Add((username, client));
        _ofAll.Add(username);
    }
}

/// <summary>
/// Counts something by key within a minute. Kept in the memory of this server only: four servers allow four times as many, still few. Bounded: when the table
/// is full, the oldest minute is forgotten early.
/// </summary>
internal sealed class MinuteCounts<TKey>(TimeProvider time, int allowed)
    where TKey : notnull
{
    private const int Capacity = 10_000;

    private static readonly TimeSpan s_window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, Window> _windows = [];

    // In the order in which the windows began, which is the order in which they end.
    private readonly Queue<(TKey Key, Window Window)> _order = new();

    /// <summary>How long until this key may be counted again; null if it may now.</summary>
    public TimeSpan? Wait(TKey key)
    {
        lock (_lock)
        {
            return Current(key) is { } window && window.Count >= allowed
                ? s_window - time.GetElapsedTime(window.Began)
                : null;
        }
    }

    public void Add(TKey key)
    {
        lock (_lock)
        {
            if (Current(key) is { } window)
            {
                window.Count++;
                return;
            }
            while (_order.TryPeek(out var oldest) && (_order.Count >= Capacity || IsOver(oldest.Window)))
            {
                _order.Dequeue();
                // Its key may have begun a newer window since.
                if (_windows.TryGetValue(oldest.Key, out var latest) && latest == oldest.Window)
                {
                    _windows.Remove(oldest.Key);
                }
            }
            var begun = new Window { Began = time.GetTimestamp(), Count = 1 };
            _windows[key] = begun;
            _order.Enqueue((key, begun));
        }
    }

    private Window? Current(TKey key) => _windows.TryGetValue(key, out var window) && !IsOver(window) ? window : null;

    private bool IsOver(Window window) => time.GetElapsedTime(window.Began) >= s_window;

    private sealed class Window
    {
        public required long Began { get; init; }

        public int Count { get; set; }
    }
}
