namespace Agora.Chaos;

/// <summary>Something that must not be.</summary>
/// <param name="Seconds">When it was noticed, from the beginning of the run.</param>
/// <param name="What">What it is, in one line.</param>
/// <param name="Proof">What shows it; null where the line says all.</param>
public sealed record Finding(double Seconds, string What, string? Proof);
