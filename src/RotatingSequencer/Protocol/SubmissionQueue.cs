using RotatingSequencer.Wire;

namespace RotatingSequencer.Protocol;

/// <summary>
/// Payloads that wait to be sent. Those that wait together share a Request; one that is longer than a Request's body is cut. A body is
/// a run of pieces, each (length · 4 + begins · 2 + goes on) as a varint and its bytes; <see cref="Assembler"/> puts them together again.
/// A piece says that it begins a payload because the one before may have ended with its member: a payload is cut into several journal
/// records, and only some of them may have become durable.
/// </summary>
internal sealed class SubmissionQueue(int maximumBody)
{
    /// <summary>Longest payload, in bytes.</summary>
    public const int MaximumPayload = 1 << 20;

    private readonly Queue<ReadOnlyMemory<byte>> _waiting = new();
    private readonly int _headLength = Varint.LengthOf(4L * maximumBody);
    private int _sentOfFirst;

    /// <summary>Bytes that wait.</summary>
    public long Bytes { get; private set; }

    /// <summary>Whether nothing waits; a payload of no bytes waits too.</summary>
    public bool IsEmpty => _waiting.Count == 0;

    /// <summary>Whether what waits fills a body.</summary>
    public bool FillsBody => Bytes + _waiting.Count >= maximumBody;

    public void Add(ReadOnlyMemory<byte> payload)
    {
        _waiting.Enqueue(payload);
        Bytes += payload.Length;
    }

    /// <summary>Fills a body with what waits; returns its length.</summary>
    public int FillBody(Span<byte> body)
    {
        var length = 0;
        while (_waiting.TryPeek(out var payload))
        {
            var rest = payload.Length - _sentOfFirst;
            var room = maximumBody - length - _headLength;
            // A cut costs a Request more, so only a payload that fits no body is cut.
            if (room < rest && length > 0 && rest <= maximumBody - _headLength)
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
            if (maximumBody - length <= _headLength)
            {
                break;
            }
        }

        return length;
    }
}
