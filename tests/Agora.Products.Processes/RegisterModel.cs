using Agora.Linearizability;

namespace Agora.Products.Processes;

/// <summary>A write of a value that no other call writes, or a read of a value.</summary>
internal readonly record struct RegisterCall(bool IsWrite, long Value);

/// <summary>One value that is written and read.</summary>
internal readonly record struct RegisterModel(long Value) : ISequential<RegisterModel, RegisterCall>
{
    public bool TryApply(RegisterCall operation, out RegisterModel next)
    {
        next = new(operation.Value);
        return operation.IsWrite || operation.Value == Value;
    }

    /// <summary>Whether a register with this initial value could have produced the history.</summary>
    public static bool Explains(IEnumerable<TimedCall<RegisterCall>> history, long initial) =>
        LinearizabilityChecker.Check([.. history], new RegisterModel(initial), int.MaxValue).Verdict
        == Verdict.Linearizable;
}
