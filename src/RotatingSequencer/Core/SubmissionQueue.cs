using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Payloads that wait to be sent. Those that wait together share a Request; one that is longer than a Request's body is
/// cut. A body is a run of pieces, each (length · 4 + begins · 2 + continues) as a varint and its bytes;
/// <see cref="Assembler"/> joins them. A piece says whether it begins a payload, because the payload before may have
/// died with its member: its pieces are in several journal records, and perhaps only some of these became durable.
/// </summary>
internal sealed class SubmissionQueue(int maxBody)
{
    /// <summary>Longest payload, in bytes.</summary>
    public const int MaxPayload = 1 << 20;

    private readonly Queue<ReadOnlyMemory<byte>> _waiting = new();
    private readonly int _headLength = Varint.LengthOf(4L * maxBody);
    private int _sentOfFirst;

    /// <summary>Bytes of all waiting payloads.</summary>
    public long Bytes { get; private set; }

    /// <summary>Whether nothing waits. An empty payload waits too.</summary>
    public bool IsEmpty => _waiting.Count == 0;

    /// <summary>Whether the waiting payloads fill a body.</summary>
    public bool FillsBody => Bytes + _waiting.Count >= maxBody;

    public void Add(ReadOnlyMemory<byte> payload)
    {
        _waiting.Enqueue(payload);
        Bytes += payload.Length;
    }

    /// <summary>Fills a body with waiting payloads; returns its length.</summary>
    public int FillBody(Span<byte> body)
    {
        var length = 0;
        while (_waiting.TryPeek(out var payload))
        {
            var rest = payload.Length - _sentOfFirst;
            var room = maxBody - length - _headLength;
            // A cut costs one more Request, so only a payload that fits no body is cut.
            if (room < rest && length > 0 && rest <= maxBody - _headLength)
            {
                break;
            }

            var piece = Math.Min(rest, room);
            if (piece <= 0 && rest > 0)
            {
                break;
            }

            var more = piece < rest;
            length += Varint.Write(body[length..], (4L * piece) + (_sentOfFirst == 0 ? 2 : 0) + (more ? 1 : 0));
            payload.Span.Slice(_sentOfFirst, piece).CopyTo(body[length..]);
            length += piece;
            Bytes -= piece;
            if (more)
            {
                _sentOfFirst += piece;
                break;
            }

            _sentOfFirst = 0;
            _waiting.Dequeue();
            if (maxBody - length <= _headLength)
            {
                break;
            }
        }

        return length;
    }
}
