using System.Diagnostics;

namespace Agora.Evaluation;

/// <summary>How a call ended.</summary>
internal enum Outcome : byte
{
    Success,

    /// <summary>A refusal that is a right answer, such as a declined card.</summary>
    Refused,

    /// <summary>No answer in time, or one that should not have come.</summary>
    Failed,
}

/// <summary>One measured call; times are <see cref="Stopwatch"/> timestamps.</summary>
internal readonly record struct CallSample(MarketplaceFunction Function, Outcome Outcome, long Start, long End)
{
    public TimeSpan Time => Stopwatch.GetElapsedTime(Start, End);
}
