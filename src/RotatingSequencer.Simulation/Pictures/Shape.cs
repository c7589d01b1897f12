namespace RotatingSequencer.Simulation.Pictures;

/// <summary>A part of a picture, and the steps that show it.</summary>
/// <param name="Layer">What is drawn later covers what is drawn before.</param>
/// <param name="From">The first step with it.</param>
/// <param name="To">The last step with it.</param>
/// <param name="Content">Its SVG.</param>
internal readonly record struct Shape(Layer Layer, int From, int To, string Content);
