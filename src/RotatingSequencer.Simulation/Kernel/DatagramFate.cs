namespace RotatingSequencer.Simulation;

/// <summary>What a script or a person does to a datagram, beside what the network does by chance.</summary>
internal enum DatagramFate
{
    Usual,
    Lost,
    Doubled,
    Late,
}
