namespace RotatingSequencer;

/// <summary>The application that a member delivers to, usually a replicated state machine.</summary>
public interface IDeliveryHandler
{
    /// <summary>
    /// Global number of the last request whose effects the application has stored, −1 at the start. A member reads it
    /// once when it starts, and once more when <see cref="MemberOptions.FetchState"/> has put another state in its
    /// place; it delivers only requests with higher numbers. It must never be lower than it was at a
    /// <see cref="TryFlush"/> that returned true, whatever crashed since.
    /// </summary>
    long Applied { get; }

    /// <summary>
    /// Applies deliveries in order, on a thread of the member's own: one call at a time. All payloads of a global
    /// number come in the same call, so that the last number can be stored with the effects. An exception stops the
    /// member, and <see cref="Member.Completion"/> has it.
    /// </summary>
    /// <param name="deliveries">At least one. Their payloads are valid only during the call.</param>
    /// <param name="results">One for each delivery: what <see cref="Member.BroadcastAsync"/> returns at the member that
    /// submitted it.</param>
    void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results);

    /// <summary>
    /// Makes the effects of everything delivered so far survive a loss of power, so that a new journal can begin after
    /// them. The thread that delivers calls it whenever the journal has grown by
    /// <see cref="MemberOptions.MaxJournalGrowth"/>. An exception stops the member.
    /// </summary>
    /// <returns>False when that cannot be done now: the journal then grows on until a later call.</returns>
    bool TryFlush();
}
