using System.Buffers;
using System.Runtime.InteropServices;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <content>
/// Requests of which some parts are still missing. Such a Request is not held: it is claimed, ordered and delivered
/// only once it is whole. The windows bound how many there are, as they do for whole ones.
/// </content>
internal sealed partial class BroadcastCore
{
    private readonly Dictionary<RequestId, PartialRequest> _partial = [];

    private void OnPart(in Message message)
    {
        var id = message.Id;
        var start = message.Part * _partLength;
        if (
            message.Total <= _partLength
            || start >= message.Total
            || message.Body.Length != Math.Min(_partLength, message.Total - start)
        )
        {
            Counters.Ignored++;
            return;
        }

        if (!IsMissing(id, message.Total))
        {
            return;
        }

        ref var request = ref CollectionsMarshal.GetValueRefOrAddDefault(_partial, id, out var isKnown);
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
            Counters.Duplicates++;
            return;
        }

        message.Body.CopyTo(request.Buffer.AsSpan(start));
        request.Missing &= ~part;
        _repairs[id.Sender].PartsCame = true;
        if (request.Missing == 0)
        {
            _partial.Remove(id, out var whole);
            Take(id, whole.Buffer.AsSpan(0, whole.Length));
            ArrayPool<byte>.Shared.Return(whole.Buffer);
        }
    }

    /// <summary>Which parts of a Request are missing; 0 where none has come.</summary>
    private long MissingPartsOf(RequestId id) => _partial.TryGetValue(id, out var request) ? request.Missing : 0;

    /// <summary>What is missing is sent anew in the next epoch, perhaps with another content.</summary>
    private void DropParts()
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
