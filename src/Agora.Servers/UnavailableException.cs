namespace Agora.Servers;

/// <summary>
/// A part of the marketplace could not be reached in time. The answer is 503, and it is safe to repeat the call.
/// </summary>
/// <param name="part">The part, in words for a user.</param>
/// <param name="innerException">The failure of the last try, for the log.</param>
internal sealed class UnavailableException(string part, Exception? innerException = null)
    : Exception($"{part} cannot be reached.", innerException)
{
    public string Part { get; } = part;
}
