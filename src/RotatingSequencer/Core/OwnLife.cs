namespace RotatingSequencer.Core;

/// <summary>Which life this member is in: this start of it, with this journal.</summary>
/// <param name="Incarnation">The name of the journal; another one makes another incarnation of the member.</param>
/// <param name="Id">A random name of this start.</param>
/// <param name="Number">How many starts the journal has seen, this one included.</param>
/// <param name="Returns">Whether the journal began after a loss.</param>
internal sealed record OwnLife(long Incarnation, long Id, long Number, bool Returns);
