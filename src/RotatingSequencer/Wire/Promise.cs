namespace RotatingSequencer.Wire;

/// <summary>
/// A member's promise to a new epoch, durable before it is sent: from then on it takes in nothing of earlier epochs. It
/// says what the member holds, so that the cut of the new epoch can keep everything that was delivered anywhere.
/// </summary>
internal sealed class Promise
{
    public Promise(int members)
    {
        Locals = new long[members];
        CutLocals = new long[members];
    }

    /// <summary>The number of the epoch that it is a promise to.</summary>
    public long Number { get; init; }

    /// <summary>The epoch that the member is in, 0 while it joins.</summary>
    public long Epoch { get; init; }

    /// <summary>Whether the member joins after a loss.</summary>
    public bool Returns { get; init; }

    /// <summary>Everything up to here is on the member's disk.</summary>
    public long Held { get; init; } = -1;

    /// <summary>For each member, the highest local number that a number up to <see cref="Held"/> names.</summary>
    public long[] Locals { get; }

    /// <summary>The cut of the epoch that the member is in.</summary>
    public long Cut { get; init; } = -1;

    /// <summary>For each member, the highest local number that a number up to <see cref="Cut"/> names.</summary>
    public long[] CutLocals { get; }
}
