namespace RotatingSequencer.Simulation;

/// <summary>What one member really holds, as the observer knows it from its journal (or from what reached it, without one).</summary>
internal sealed class Holdings
{
    private readonly History _history;

    public Holdings(History history, int members)
    {
        _history = history;
        Requests = [.. Enumerable.Range(0, members).Select(_ => new NumberSet())];
    }

    public NumberSet Sequences { get; } = new();

    public NumberSet[] Requests { get; }

    /// <summary>Every Sequence up to here and every Request that these name is held.</summary>
    public long Held { get; private set; } = -1;

    /// <summary>A journal that says that everything up to <paramref name="dropped"/> was held by all.</summary>
    public void Begin(long dropped, long[] droppedLocals)
    {
        Held = dropped;
        Sequences.Begin(dropped);
        for (var s = 0; s < Requests.Length; s++)
        {
            Requests[s].Begin(droppedLocals[s]);
        }
    }

    /// <summary>To be called after additions.</summary>
    public void Advance()
    {
        while (Sequences.Contains(Held + 1) && Holds(_history.IdOf(Held + 1)))
        {
            Held++;
        }
    }

    private bool Holds(Wire.RequestId id) => Requests[id.Sender].Contains(id.Local);
}

/// <summary>A set of numbers from 0 that has few gaps.</summary>
internal sealed class NumberSet
{
    private readonly HashSet<long> _beyond = [];

    /// <summary>All up to here are in the set.</summary>
    public long Contiguous { get; private set; } = -1;

    public bool Contains(long number) => number <= Contiguous || _beyond.Contains(number);

    public void Begin(long contiguous)
    {
        _beyond.Clear();
        Contiguous = contiguous;
    }

    public void Add(long number)
    {
        if (number > Contiguous)
        {
            _beyond.Add(number);
        }

        while (_beyond.Remove(Contiguous + 1))
        {
            Contiguous++;
        }
    }
}
