namespace RotatingSequencer.Simulation.Plays;

/// <summary>A message on its way to one member, in words.</summary>
/// <param name="Id">Its number in the play.</param>
/// <param name="From">Its sender.</param>
/// <param name="To">Its receiver.</param>
/// <param name="Text">What it says.</param>
/// <param name="State">What has become of it.</param>
/// <param name="IsLost">Whether it is lost in this play anyway.</param>
public sealed record MessageView(int Id, int From, int To, string Text, string State, bool IsLost);
