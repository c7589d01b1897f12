namespace RotatingSequencer.Simulation.Pictures;

/// <summary>The layers of a picture, from the back.</summary>
internal enum Layer
{
    Turns,
    Lives,
    Claims,
    Messages,
    Marks,
    Labels,
    Present,
    Feet,
}
