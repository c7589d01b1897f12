namespace RotatingSequencer.Simulation.Plays;

/// <summary>One step of a told scenario.</summary>
/// <param name="Sentence">What happens, and why.</param>
/// <param name="Ends">The step ends with the first moment, after the step before, of which this is true.</param>
internal sealed record ToldStep(string Sentence, Func<Moment, bool> Ends);
