namespace RotatingSequencer.Wire;

/// <summary>
/// The metadata of every datagram: what its sender holds and would still hold after a crash. Claims only grow, so a
/// late, doubled or replayed datagram claims nothing wrong. A receiver keeps the highest of each.
/// </summary>
internal sealed class Claims
{
    /// <summary>
    /// The highest g such that every Sequence up to g, and every Request that these name, is held; −1 for none.
    /// </summary>
    public long Held = -1;

    /// <summary>
    /// The highest k such that every Sequence up to k is held, with or without its Request. Held ≤ Sequences.
    /// </summary>
    public long Sequences = -1;

    /// <summary>For each member, the highest local number up to which all its Requests are held.</summary>
    public readonly long[] Locals;

    public Claims(int members)
    {
        Locals = new long[members];
        Array.Fill(Locals, -1);
    }

    /// <summary>Whether these claims hold anything that the others do not.</summary>
    public bool ExceedsAnyOf(Claims other)
    {
        if (Held > other.Held || Sequences > other.Sequences)
        {
            return true;
        }

        for (var s = 0; s < Locals.Length; s++)
        {
            if (Locals[s] > other.Locals[s])
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Takes the higher of each; true when that changed anything.</summary>
    public bool Raise(Claims other)
    {
        if (!other.ExceedsAnyOf(this))
        {
            return false;
        }

        Held = Math.Max(Held, other.Held);
        Sequences = Math.Max(Sequences, other.Sequences);
        for (var s = 0; s < Locals.Length; s++)
        {
            Locals[s] = Math.Max(Locals[s], other.Locals[s]);
        }

        return true;
    }

    /// <summary>
    /// Forgets what a new epoch has made void: numbers above its cut, and Requests of members that lost their disks.
    /// </summary>
    public void Lower(long cut, long[] locals, ulong replaced)
    {
        Held = Math.Min(Held, cut);
        Sequences = Math.Min(Sequences, cut);
        for (var s = 0; s < Locals.Length; s++)
        {
            if ((replaced & (1UL << s)) != 0)
            {
                Locals[s] = Math.Min(Locals[s], locals[s]);
            }
        }
    }

    /// <summary>Claims nothing any more.</summary>
    public void Clear()
    {
        Held = Sequences = -1;
        Array.Fill(Locals, -1);
    }

    public void CopyFrom(Claims other)
    {
        Held = other.Held;
        Sequences = other.Sequences;
        other.Locals.CopyTo(Locals, 0);
    }

    public int EncodedLength()
    {
        var length = Varint.LengthOf(Held + 1) + Varint.LengthOf(Sequences + 1);
        foreach (var local in Locals)
        {
            length += Varint.LengthOf(local + 1);
        }

        return length;
    }

    public int Write(Span<byte> destination)
    {
        var length = Varint.Write(destination, Held + 1);
        length += Varint.Write(destination[length..], Sequences + 1);
        foreach (var local in Locals)
        {
            length += Varint.Write(destination[length..], local + 1);
        }

        return length;
    }

    public bool TryRead(ref ReadOnlySpan<byte> source)
    {
        if (
            !Varint.TryRead(ref source, out var held)
            || !Varint.TryRead(ref source, out var sequences)
            || held > sequences
        )
        {
            return false;
        }

        Held = held - 1;
        Sequences = sequences - 1;
        for (var s = 0; s < Locals.Length; s++)
        {
            if (!Varint.TryRead(ref source, out var local))
            {
                return false;
            }

            Locals[s] = local - 1;
        }

        return true;
    }
}
