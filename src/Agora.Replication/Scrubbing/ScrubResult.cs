namespace Agora.Replication.Scrubbing;

/// <summary>What a replica, this one or another, found in its state at the position of a scrub.</summary>
/// <param name="Position">The position in the log.</param>
/// <param name="Sha256">The digest of the state; empty where it could not be read.</param>
/// <param name="Damage">What is wrong with the file's structure; null if it is whole.</param>
internal sealed record ScrubResult(long Position, string Sha256, string? Damage);
