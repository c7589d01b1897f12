using Agora.Linearizability;

namespace Agora.Chaos;

/// <summary>A history that can be judged, of any kind of object.</summary>
internal abstract class JudgedHistory
{
    /// <summary>Ends the history and judges it.</summary>
    /// <param name="origin">The timestamp that the proof counts times from.</param>
    public abstract Judgement Judge(long origin);
}

/// <summary>What was found about a history.</summary>
/// <param name="Calls">How many calls it has.</param>
/// <param name="Verdict">Whether it is linearizable.</param>
/// <param name="Proof">What shows that it is not; null otherwise.</param>
internal sealed record Judgement(int Calls, Verdict Verdict, string? Proof);
