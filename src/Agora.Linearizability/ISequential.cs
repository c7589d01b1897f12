namespace Agora.Linearizability;

/// <summary>
/// The state of an object whose calls take effect one after the other. The checker compares a history with it.
/// </summary>
/// <typeparam name="TSelf">The state itself; immutable.</typeparam>
/// <typeparam name="TOperation">A call with its arguments and its answer, where there was one.</typeparam>
public interface ISequential<TSelf, TOperation> : IEquatable<TSelf>
    where TSelf : struct, ISequential<TSelf, TOperation>
{
    /// <summary>
    /// Gives the state after a call. Returns false where the call could not have had its answer in this state.
    /// </summary>
    bool TryApply(TOperation operation, out TSelf next);
}
