namespace RotatingSequencer;

/// <summary>What a member delivers to: the application, usually a replicated state machine.</summary>
public interface IDeliveryHandler
{
    /// <summary>
    /// Global number of the last request whose effects the application holds, −1 at the start. Read once, before the first delivery, which
    /// begins behind it. It must never be lower than at a <see cref="TryFlush"/> that returned true, whatever crashed.
    /// </summary>
    long Applied { get; }

    /// <summary>
    /// Applies deliveries in order. Called by one thread at a time; always with whole global numbers, so that the last number can be
    /// stored with the effects. An exception stops the member.
    /// </summary>
    /// <param name="deliveries">At least one. Their payloads are valid during the call only.</param>
    /// <param name="results">One a delivery: what <see cref="Member.BroadcastAsync"/> returns at the member that submitted it.</param>
    void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results);

    /// <summary>
    /// Makes the effects of everything delivered so far survive a loss of power. The journal is cut behind it, so it is called when that has
    /// grown, by the thread that delivers. False when that cannot be done now: the journal is then left as it is, and grows on until a later call.
    /// </summary>
    bool TryFlush();
}

/// <summary>A payload that reached its place in the total order.</summary>
/// <param name="Number">Global number; payloads that shared a request share it, in the order in which they are delivered.</param>
/// <param name="Sender">The member that it was handed to.</param>
/// <param name="Payload">The bytes, valid during the delivery only.</param>
public readonly record struct Delivery(long Number, int Sender, ReadOnlyMemory<byte> Payload);
