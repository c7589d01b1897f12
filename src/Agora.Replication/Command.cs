namespace Agora.Replication;

/// <summary>One ordered command. Whatever is not a function of the state (time, request id) was chosen before ordering and travels in it.</summary>
/// <param name="RequestId">Minted once by whoever wants the effect, and kept over retries: the state machine never sees it twice.</param>
/// <param name="Time">The submitting replica's clock, milliseconds since 1970 in UTC; the store raises it to the largest seen, so that it never runs backwards.</param>
/// <param name="Payload">The database's own message.</param>
public readonly record struct Command(Guid RequestId, long Time, ReadOnlyMemory<byte> Payload);
