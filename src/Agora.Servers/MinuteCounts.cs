namespace Agora.Servers;

/// <summary>
/// Counts events by key within a minute. The counts are in the memory of this server only: four servers allow four
/// times as many, which is still few. The table is bounded: when it is full, it forgets the oldest minute early.
/// </summary>
internal sealed class MinuteCounts<TKey>(TimeProvider time, int allowed)
    where TKey : notnull
{
    private const int Capacity = 10_000;

    private static readonly TimeSpan s_window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, MinuteWindow> _windows = [];

    // Ordered by the start of the windows, which is also the order of their ends.
    private readonly Queue<(TKey Key, MinuteWindow Window)> _order = new();

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

            var begun = new MinuteWindow { Began = time.GetTimestamp(), Count = 1 };
            _windows[key] = begun;
            _order.Enqueue((key, begun));
        }
    }

    private MinuteWindow? Current(TKey key) =>
        _windows.TryGetValue(key, out var window) && !IsOver(window) ? window : null;

    private bool IsOver(MinuteWindow window) => time.GetElapsedTime(window.Began) >= s_window;

    private sealed class MinuteWindow
    {
        public required long Began { get; init; }

        public int Count { get; set; }
    }
}
