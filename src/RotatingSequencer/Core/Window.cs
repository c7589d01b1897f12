namespace RotatingSequencer.Core;

/// <summary>
/// Consecutively numbered items of which a range is held. All below <see cref="First"/> were dropped. All up to
/// <see cref="Contiguous"/> are held or dropped. Above that there may be gaps. The size is bounded; numbers beyond are
/// refused.
/// </summary>
internal sealed class Window<T>(long first, int capacity)
    where T : struct
{
    private const int InitialSize = 16;

    private int _capacity = capacity;
    private Slot[] _slots = new Slot[Math.Min(InitialSize, capacity)];

    /// <summary>Lowest number not dropped.</summary>
    public long First { get; private set; } = first;

    /// <summary>The highest number up to which nothing is missing. First − 1 ≤ Contiguous.</summary>
    public long Contiguous { get; private set; } = first - 1;

    /// <summary>The first number that this window may not hold yet.</summary>
    public long Limit => First + _capacity;

    /// <summary>A number above all held ones.</summary>
    public long HeldEnd => First + _slots.Length;

    /// <summary>The highest number that is held, or was.</summary>
    public long Highest
    {
        get
        {
            var number = HeldEnd - 1;
            while (number > Contiguous && !Holds(number))
            {
                number--;
            }

            return number;
        }
    }

    /// <summary>The item with this number, which must be held.</summary>
    public ref T this[long number] => ref _slots[IndexOf(number)].Value;

    public bool Holds(long number) => number >= First && number < First + _slots.Length && _slots[IndexOf(number)].Held;

    /// <summary>Whether the item is held, or was.</summary>
    public bool Knows(long number) => number < First || Holds(number);

    /// <summary>Adds an item that is neither known nor beyond the limit.</summary>
    public bool TryAdd(long number, in T value)
    {
        if (number < First || number >= Limit || Holds(number))
        {
            return false;
        }

        while (number >= First + _slots.Length)
        {
            Grow();
        }

        _slots[IndexOf(number)] = new Slot { Held = true, Value = value };
        while (Holds(Contiguous + 1))
        {
            Contiguous++;
        }

        return true;
    }

    /// <summary>Drops the first item, which must be held.</summary>
    public T DropFirst()
    {
        ref var slot = ref _slots[IndexOf(First)];
        var value = slot.Value;
        slot = default;
        First++;
        return value;
    }

    /// <summary>Makes room up to a number; nothing is allocated before it is used.</summary>
    public void MakeRoom(long number) => _capacity = (int)Math.Max(_capacity, number - First + 1);

    /// <summary>Removes all held items above a number.</summary>
    public void RemoveAbove(long number, Action<T>? removed = null)
    {
        for (var n = Math.Max(number + 1, First); n < HeldEnd; n++)
        {
            ref var slot = ref _slots[IndexOf(n)];
            if (slot.Held)
            {
                removed?.Invoke(slot.Value);
                slot = default;
            }
        }

        Contiguous = Math.Min(Contiguous, Math.Max(number, First - 1));
    }

    private int IndexOf(long number) => (int)(number % _slots.Length);

    private void Grow()
    {
        var larger = new Slot[Math.Min((long)_slots.Length * 2, _capacity)];
        for (var number = First; number < First + _slots.Length; number++)
        {
            larger[number % larger.Length] = _slots[IndexOf(number)];
        }

        _slots = larger;
    }

    private struct Slot
    {
        public bool Held;
        public T Value;
    }
}
