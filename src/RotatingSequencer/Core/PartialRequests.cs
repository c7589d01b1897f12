using System.Buffers;
using System.Runtime.InteropServices;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Requests of which some parts are still missing. Such a Request is not held: it is claimed, ordered and delivered
/// only once it is whole. The windows bound how many there are, as they do for whole ones.
/// </summary>
internal sealed class PartialRequests(CoreOptions options)
{
    private readonly int _partLength = options.PartLength;
    private readonly Dictionary<RequestId, PartialRequest> _partial = [];

    /// <summary>Whether a message can be a part of a Request.</summary>
    public bool IsPart(in Message message)
    {
        var start = message.Part * _partLength;
        return message.Total > _partLength
            && start < message.Total
            && message.Body.Length == Math.Min(_partLength, message.Total - start);
    }

    /// <summary>
    /// Adds a part; false if it is there already, or is of a Request of another length. When the Request is whole then,
    /// the caller takes its body, and removes it.
    /// </summary>
    public bool TryAdd(in Message message, out bool isWhole)
    {
        isWhole = false;
        ref var request = ref CollectionsMarshal.GetValueRefOrAddDefault(_partial, message.Id, out var isKnown);
        if (!isKnown)
        {
            request = new PartialRequest
            {
                Buffer = ArrayPool<byte>.Shared.Rent(message.Total),
                Length = message.Total,
                Missing = RequestParts.All(message.Total, _partLength),
            };
        }

        var part = 1L << message.Part;
        if (request.Length != message.Total || (request.Missing & part) == 0)
        {
            return false;
        }

        message.Body.CopyTo(request.Buffer.AsSpan(message.Part * _partLength));
        request.Missing &= ~part;
        isWhole = request.Missing == 0;
        return true;
    }

    /// <summary>The body of a Request that is whole; valid until it is removed.</summary>
    public ReadOnlySpan<byte> BodyOf(RequestId id)
    {
        var request = _partial[id];
        return request.Buffer.AsSpan(0, request.Length);
    }

    public void Remove(RequestId id)
    {
        _partial.Remove(id, out var request);
        ArrayPool<byte>.Shared.Return(request.Buffer);
    }

    /// <summary>Which parts of a Request are missing; 0 where none has come.</summary>
    public long MissingPartsOf(RequestId id) => _partial.TryGetValue(id, out var request) ? request.Missing : 0;

    /// <summary>What is missing is sent anew in the next epoch, perhaps with another content.</summary>
    public void Clear()
    {
        foreach (var request in _partial.Values)
        {
            ArrayPool<byte>.Shared.Return(request.Buffer);
        }

        _partial.Clear();
    }

    private struct PartialRequest
    {
        public byte[] Buffer;
        public int Length;

        /// <summary>The set of its parts that have not come.</summary>
        public long Missing;
    }
}
