namespace RotatingSequencer.Simulation;

/// <summary>What a member holds of one global number.</summary>
internal readonly record struct NumberHolding(long Number, bool Sequence, bool Request);
