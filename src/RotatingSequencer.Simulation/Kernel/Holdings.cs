namespace RotatingSequencer.Simulation;

/// <summary>
/// What one member really holds. The observer knows it from the member's journal, or without one from what reached
/// it.
/// </summary>
internal sealed class Holdings
{
    private readonly GroupHistory _history;

    public Holdings(GroupHistory history, int members)
    {
        _history = history;
        Requests = [.. Enumerable.Range(0, members).Select(_ => new NumberSet())];
    }

    public NumberSet Sequences { get; } = new();

    public NumberSet[] Requests { get; }

    /// <summary>Every Sequence up to here, and every Request that these name, is held.</summary>
    public long Held { get; private set; } = -1;

    /// <summary>Begins with a journal: all members held everything up to <paramref name="dropped"/>.</summary>
    public void Begin(long dropped, long[] droppedLocals)
    {
        Held = dropped;
        Sequences.Begin(dropped);
        for (var s = 0; s < Requests.Length; s++)
        {
            Requests[s].Begin(droppedLocals[s]);
        }
    }

    /// <summary>Raises <see cref="Held"/> after additions.</summary>
    public void Advance()
    {
        while (Held + 1 < _history.Numbers && Sequences.Contains(Held + 1) && Holds(_history.IdOf(Held + 1)))
        {
            Held++;
        }
    }

    /// <summary>Whether the Request is held that a Sequence, held here or not, gives this number.</summary>
    public bool HoldsRequestOf(long number) => Holds(_history.IdOf(number));

    private bool Holds(Wire.RequestId id) => Requests[id.Sender].Contains(id.Local);
}
