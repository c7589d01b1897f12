using System.Diagnostics;

namespace Agora.Evaluation;

/// <summary>When a client makes its calls.</summary>
/// <param name="Start">Timestamp of its first call.</param>
/// <param name="Interval">Ticks of <see cref="Stopwatch"/> from one call to the next; 0 to call again as soon as the
/// answer is there.</param>
internal readonly record struct Pace(long Start, long Interval);
