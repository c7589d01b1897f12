using System.Buffers.Binary;

namespace RotatingSequencer.Wire;

/// <summary>A finished datagram, not yet sealed; <see cref="Buffer"/> has room for the seal after it.</summary>
internal readonly record struct OutgoingDatagram(int Destination, byte[] Buffer, int Offset, int Length)
{
    public ReadOnlySpan<byte> Bytes => Buffer.AsSpan(Offset, Length);
}

/// <summary>
/// Packs messages into datagrams: one open datagram for all members, and one for each. The claims are written when a
/// datagram is closed, so that it carries the newest.
/// </summary>
internal sealed class Outbox
{
    /// <summary>The destination that means every other member.</summary>
    public const int All = -1;

    private readonly int _self;
    private readonly long _incarnation;
    private readonly Claims _claims;
    private readonly int _bodyStart;
    private readonly int _limit;
    private readonly OpenDatagram[] _open;
    private readonly List<OutgoingDatagram> _closed = [];
    private readonly Stack<byte[]> _buffers = new();

    public Outbox(int self, long incarnation, int maxDatagram, Claims claims)
    {
        _self = self;
        _incarnation = incarnation;
        _claims = claims;
        var members = claims.Locals.Length;
        _bodyStart = Datagram.HeaderLength + ((2 + members) * Varint.MaxLength);
        _limit = maxDatagram - Seal.Length;
        _open = new OpenDatagram[members + 1];
        LastToAll = new Claims(members);
    }

    /// <summary>The claims of the last datagram to all.</summary>
    public Claims LastToAll { get; }

    /// <summary>Whether a datagram to all is open, so that claims need none of their own.</summary>
    public bool HasOpenToAll => _open[^1].Buffer is not null;

    public void AddRequest(int destination, RequestId id, ReadOnlySpan<byte> body)
    {
        var length = 2 + Varint.LengthOf(id.Local) + Varint.LengthOf(body.Length) + body.Length;
        var into = Reserve(destination, length);
        into[0] = (byte)MessageKind.Request;
        into[1] = (byte)id.Sender;
        var at = 2 + Varint.Write(into[2..], id.Local);
        at += Varint.Write(into[at..], body.Length);
        body.CopyTo(into[at..]);
    }

    public void AddSequence(int destination, long number, RequestId id)
    {
        var into = Reserve(destination, 2 + Varint.LengthOf(number) + Varint.LengthOf(id.Local));
        into[0] = (byte)MessageKind.Sequence;
        var at = 1 + Varint.Write(into[1..], number);
        into[at++] = (byte)id.Sender;
        Varint.Write(into[at..], id.Local);
    }

    /// <summary>
    /// Adds a Retransmit request that names what is missing, asks for claims, answers a question, or several of these.
    /// </summary>
    public void AddRetransmit(int destination, long ask, long answer, ReadOnlySpan<MissingRange> missing)
    {
        var length = 1 + Varint.LengthOf(ask) + Varint.LengthOf(answer) + Varint.LengthOf(missing.Length);
        foreach (var range in missing)
        {
            length += 1 + Varint.LengthOf(range.First) + Varint.LengthOf(range.Count);
        }

        var into = Reserve(destination, length);
        into[0] = (byte)MessageKind.Retransmit;
        var at = 1 + Varint.Write(into[1..], ask);
        at += Varint.Write(into[at..], answer);
        at += Varint.Write(into[at..], missing.Length);
        foreach (var range in missing)
        {
            into[at++] = (byte)range.Sender;
            at += Varint.Write(into[at..], range.First);
            at += Varint.Write(into[at..], range.Count);
        }
    }

    /// <summary>Sends at least the claims.</summary>
    public void AddClaims(int destination) => Reserve(destination, 0);

    /// <summary>Closes what is open; returns the datagrams to send, valid until <see cref="Clear"/>.</summary>
    public IReadOnlyList<OutgoingDatagram> Close()
    {
        for (var i = _open.Length - 1; i >= 0; i--)
        {
            CloseOne(i);
        }

        return _closed;
    }

    /// <summary>Takes the buffers back once the datagrams are sent.</summary>
    public void Clear()
    {
        foreach (var datagram in _closed)
        {
            _buffers.Push(datagram.Buffer);
        }

        _closed.Clear();
    }

    private Span<byte> Reserve(int destination, int length)
    {
        var slot = destination == All ? _open.Length - 1 : destination;
        if (_open[slot].Buffer is not null && _open[slot].End + length > _limit)
        {
            CloseOne(slot);
        }

        ref var open = ref _open[slot];
        if (open.Buffer is null)
        {
            open.Buffer = _buffers.TryPop(out var buffer) ? buffer : new byte[_limit + Seal.Length];
            open.End = _bodyStart;
        }

        var into = open.Buffer.AsSpan(open.End, length);
        open.End += length;
        return into;
    }

    private void CloseOne(int slot)
    {
        ref var open = ref _open[slot];
        if (open.Buffer is not { } buffer)
        {
            return;
        }

        var start = _bodyStart - Datagram.HeaderLength - _claims.EncodedLength();
        var header = buffer.AsSpan(start);
        header[0] = (byte)'R';
        header[1] = (byte)'S';
        header[2] = Datagram.Version;
        header[3] = (byte)_self;
        BinaryPrimitives.WriteInt64LittleEndian(header[4..], _incarnation);
        _claims.Write(header[Datagram.HeaderLength..]);
        var toAll = slot == _open.Length - 1;
        _closed.Add(new(toAll ? All : slot, buffer, start, open.End - start));
        open.Buffer = null;
        if (toAll)
        {
            LastToAll.CopyFrom(_claims);
        }
    }

    private struct OpenDatagram
    {
        public byte[]? Buffer;
        public int End;
    }
}
