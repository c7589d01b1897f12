using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Takes delivered bodies apart into payloads, and joins the pieces of payloads that were cut. FIFO order by sender
/// makes that simple.
/// </summary>
internal sealed class Assembler(int members)
{
    private readonly MemoryStream?[] _partial = new MemoryStream?[members];

    /// <summary>The pieces that have arrived of each member's unfinished payload; empty where there is none.</summary>
    public byte[][] Partial => [.. _partial.Select(p => p?.ToArray() ?? [])];

    /// <summary>Continues with the unfinished payloads that a checkpoint holds.</summary>
    public void Restore(byte[][] partial)
    {
        for (var s = 0; s < partial.Length; s++)
        {
            if (partial[s].Length > 0)
            {
                _partial[s] = new MemoryStream();
                _partial[s]!.Write(partial[s]);
            }
        }
    }

    /// <summary>
    /// Adds the payloads that <paramref name="body"/> completes, in order. Payloads that were not cut point into the
    /// body.
    /// </summary>
    /// <exception cref="ProtocolViolationException"><see cref="SubmissionQueue"/> makes no such body.</exception>
    public void Take(int sender, ReadOnlyMemory<byte> body, List<ReadOnlyMemory<byte>> payloads)
    {
        while (!body.IsEmpty)
        {
            var span = body.Span;
            if (!Varint.TryRead(ref span, out var head) || head >> 2 > span.Length)
            {
                throw new ProtocolViolationException($"A Request of member {sender} has a malformed body.");
            }

            var length = (int)(head >> 2);
            var piece = body.Slice(body.Length - span.Length, length);
            body = body[(body.Length - span.Length + length)..];
            var more = (head & 1) != 0;
            if ((head & 2) != 0)
            {
                // A piece may be left of a payload whose member died before the rest was durable.
                _partial[sender] = more ? new MemoryStream() : null;
                if (!more)
                {
                    payloads.Add(piece);
                    continue;
                }
            }

            if (_partial[sender] is not { } partial)
            {
                throw new ProtocolViolationException(
                    $"A Request of member {sender} continues a payload that did not begin."
                );
            }

            if (partial.Length + length > SubmissionQueue.MaxPayload)
            {
                throw new ProtocolViolationException($"A payload of member {sender} is longer than allowed.");
            }

            partial.Write(piece.Span);
            if (!more)
            {
                payloads.Add(partial.ToArray());
                _partial[sender] = null;
            }
        }
    }
}
