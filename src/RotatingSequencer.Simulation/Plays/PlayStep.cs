namespace RotatingSequencer.Simulation.Plays;

/// <summary>One step of a play. Step 0 is how things are before anything happens.</summary>
/// <param name="Index">Its number.</param>
/// <param name="Sentence">What happens in it.</param>
/// <param name="End">The index of its last moment; −1 at step 0.</param>
/// <param name="ShownAt">The time that its picture shows, just before the next step, in microseconds.</param>
public sealed record PlayStep(int Index, string Sentence, int End, long ShownAt);
