namespace RotatingSequencer;

/// <summary>A payload that has reached its place in the total order.</summary>
/// <param name="Number">Global number. Payloads that shared a request have the same number, and come in their
/// order.</param>
/// <param name="Sender">The member that submitted it.</param>
/// <param name="Payload">The bytes, valid only during the delivery.</param>
public readonly record struct Delivery(long Number, int Sender, ReadOnlyMemory<byte> Payload);
