namespace RotatingSequencer.Simulation;

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

    public void RemoveAbove(long number)
    {
        _beyond.RemoveWhere(n => n > number);
        Contiguous = Math.Min(Contiguous, number);
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
