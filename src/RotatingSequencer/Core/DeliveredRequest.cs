using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>A Request that has reached its place in the total order.</summary>
/// <param name="Number">Its global number.</param>
/// <param name="Id">Its sender and local number.</param>
/// <param name="Body">Its body, valid until <see cref="BroadcastCore.OnApplied"/> reports it as applied.</param>
internal readonly record struct DeliveredRequest(long Number, RequestId Id, ReadOnlyMemory<byte> Body);
