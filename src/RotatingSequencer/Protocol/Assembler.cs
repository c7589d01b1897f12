using RotatingSequencer.Wire;

namespace RotatingSequencer.Protocol;

/// <summary>Takes delivered bodies apart into payloads, and puts payloads that were cut together again. FIFO order by sender makes that simple.</summary>
internal sealed class Assembler(int members)
{
    private readonly MemoryStream?[] _partial = new MemoryStream?[members];

    /// <summary>What has arrived of each member's unfinished payload; empty where there is none.</summary>
    public byte[][] Partial => [.. _partial.Select(p => p?.ToArray() ?? [])];

    /// <summary>Goes on where a member that wrote <paramref name="partial"/> stood.</summary>
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

    /// <summary>Adds the payloads that <paramref name="body"/> completes, in order. Payloads that were not cut point into the body.</summary>
    /// <exception cref="ProtocolViolationException">The body is none that <see cref="SubmissionQueue"/> makes.</exception>
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
                // What may be left is of a payload whose member died before the rest of it was durable.
                _partial[sender] = more ? new MemoryStream() : null;
                if (!more)
                {
                    payloads.Add(piece);
                    continue;
                }
            }

            if (_partial[sender] is not { } partial)
            {
                throw new ProtocolViolationException($"A Request of member {sender} goes on with a payload that nothing began.");
            }

            if (partial.Length + length > SubmissionQueue.MaximumPayload)
            {
                throw new ProtocolViolationException($"A payload of member {sender} is longer than a payload may be.");
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
