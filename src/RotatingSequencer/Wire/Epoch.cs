namespace RotatingSequencer.Wire;

/// <summary>
/// A time in which the members are the same incarnations. A member whose disk was lost comes back as a new incarnation
/// in the next epoch. All members record an epoch before anything happens in it.
/// </summary>
internal sealed class Epoch
{
    /// <summary>Numbers of a coordinator's epochs are its id modulo this; so no two members choose the same.</summary>
    public const int Coordinators = 64;

    public Epoch(int members)
    {
        Incarnations = new long[members];
        Locals = new long[members];
        Array.Fill(Locals, -1);
    }

    /// <summary>Grows from epoch to epoch, not by one; 0 for none.</summary>
    public long Number { get; init; }

    /// <summary>The incarnation of each member.</summary>
    public long[] Incarnations { get; }

    /// <summary>
    /// The cut: all numbers up to here are those of earlier epochs. What was assigned above it was delivered nowhere,
    /// and is void.
    /// </summary>
    public long Cut { get; init; } = -1;

    /// <summary>For each member, the highest local number that a number up to the cut names.</summary>
    public long[] Locals { get; }

    /// <summary>The member that proposed it.</summary>
    public int Coordinator => (int)(Number % Coordinators);

    /// <summary>The next higher number of a coordinator.</summary>
    public static long NumberAbove(long number, int coordinator) =>
        (((number / Coordinators) + 1) * Coordinators) + coordinator;
}
