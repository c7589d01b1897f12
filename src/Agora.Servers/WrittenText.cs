namespace Agora.Servers;

/// <summary>
/// A text as its user wrote it, normalised, and the key by which such texts are compared, without case.
/// </summary>
internal readonly record struct WrittenText(string Written, string Key);
