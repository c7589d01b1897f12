namespace Agora.Commands;

/// <summary>Standard output cannot be written: the disk is full, or the reader is gone.</summary>
internal sealed class OutputException(string message, bool hasNoReader) : IOException(message)
{
    /// <summary>The program at the other end of a pipe has ended, as <c>head</c> does once it has its lines.</summary>
    public bool HasNoReader { get; } = hasNoReader;
}
