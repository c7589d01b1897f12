using Agora.Evaluation;

namespace Products.Bench;

/// <summary>A write of a value that nobody else writes, or a read and what it saw.</summary>
internal readonly record struct Access(bool IsWrite, long Value);

/// <summary>One value that is written and read.</summary>
internal readonly record struct Register(long Value) : ISequential<Register, Access>
{
    public bool TryApply(Access operation, out Register next)
    {
        next = new(operation.Value);
        return operation.IsWrite || operation.Value == Value;
    }

    /// <summary>Whether a register with this initial value could have produced the history.</summary>
    public static bool Explains(IEnumerable<Timed<Access>> history, long initial) =>
        Linearizability.Check([.. history], new Register(initial), int.MaxValue).Verdict == Verdict.Linearizable;
}
