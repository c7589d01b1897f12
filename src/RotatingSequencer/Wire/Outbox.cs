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

    /// <summary>A full datagram has at most one part in this many of padding.</summary>
    private const int MostPadding = 8;

    private readonly int _self;
    private readonly long _life;
    private readonly Claims _claims;
    private readonly int _bodyStart;
    private readonly int _limit;
    private readonly int _partLength;
    private readonly OpenDatagram[] _open;
    private readonly List<OutgoingDatagram> _closed = [];
    private readonly Stack<byte[]> _buffers = new();

    public Outbox(int self, long life, int maxDatagram, Claims claims)
    {
        _self = self;
        _life = life;
        _claims = claims;
        var members = claims.Locals.Length;
        _bodyStart = Datagram.PrefixLength(members);
        _limit = maxDatagram - Seal.Length;
        _partLength = RequestParts.LengthOf(maxDatagram, members);
        _open = new OpenDatagram[members + 1];
        LastToAll = new Claims(members);
    }

    /// <summary>The epoch that the datagrams belong to, 0 for none.</summary>
    public long Epoch { get; set; }

    /// <summary>Whether this member still joins that epoch.</summary>
    public bool Joins { get; set; }

    /// <summary>How many lives of others this start has begun to listen to.</summary>
    public long LivesHeard { get; set; }

    /// <summary>The claims of the last datagram to all.</summary>
    public Claims LastToAll { get; }

    /// <summary>Whether a datagram to all is open, so that claims need none of their own.</summary>
    public bool HasOpenToAll => _open[^1].Buffer is not null;

    /// <summary>Adds a Request, in parts if it fits no datagram.</summary>
    /// <param name="destination">A member, or <see cref="All"/>.</param>
    /// <param name="id">Its id.</param>
    /// <param name="body">Its whole body.</param>
    /// <param name="parts">Which of its parts; 0 for all.</param>
    public void AddRequest(int destination, RequestId id, ReadOnlySpan<byte> body, long parts = 0)
    {
        if (body.Length > _partLength)
        {
            var all = RequestParts.All(body.Length, _partLength);
            AddParts(destination, id, body, parts == 0 ? all : parts & all);
            return;
        }

        var length = 2 + Varint.LengthOf(id.Local) + Varint.LengthOf(body.Length) + body.Length;
        var into = Reserve(destination, length);
        into[0] = (byte)MessageKind.Request;
        into[1] = (byte)id.Sender;
        var at = 2 + Varint.Write(into[2..], id.Local);
        at += Varint.Write(into[at..], body.Length);
        body.CopyTo(into[at..]);
    }

    private void AddParts(int destination, RequestId id, ReadOnlySpan<byte> body, long parts)
    {
        while (parts != 0)
        {
            var index = RequestParts.TakeFirst(ref parts);
            var part = body[(index * _partLength)..];
            AddPart(destination, id, index, body.Length, part[..Math.Min(part.Length, _partLength)]);
        }
    }

    /// <summary>Adds one part of a Request.</summary>
    public void AddPart(int destination, RequestId id, int index, int total, ReadOnlySpan<byte> part)
    {
        var length =
            3 + Varint.LengthOf(id.Local) + Varint.LengthOf(total) + Varint.LengthOf(part.Length) + part.Length;
        var into = Reserve(destination, length);
        into[0] = (byte)MessageKind.Part;
        into[1] = (byte)id.Sender;
        var at = 2 + Varint.Write(into[2..], id.Local);
        into[at++] = (byte)index;
        at += Varint.Write(into[at..], total);
        at += Varint.Write(into[at..], part.Length);
        part.CopyTo(into[at..]);
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
            length += range.EncodedLength;
        }

        var into = Reserve(destination, length);
        into[0] = (byte)MessageKind.Retransmit;
        var at = 1 + Varint.Write(into[1..], ask);
        at += Varint.Write(into[at..], answer);
        at += Varint.Write(into[at..], missing.Length);
        foreach (var range in missing)
        {
            at += range.Write(into[at..]);
        }
    }

    public void AddGreeting(int destination, in Greeting greeting)
    {
        Span<byte> into = stackalloc byte[Greeting.MaxLength];
        into[0] = (byte)MessageKind.Greeting;
        var at = 1;
        at += WriteInt64(into[at..], greeting.Incarnation);
        at += Varint.Write(into[at..], greeting.LifeNumber);
        at += Varint.Write(into[at..], greeting.Ask);
        at += Varint.Write(into[at..], greeting.Answer);
        at += WriteInt64(into[at..], greeting.YourLife);
        at += Varint.Write(into[at..], greeting.YourLifeNumber);
        at += Varint.Write(into[at..], greeting.LivesHeard);
        at += Varint.Write(into[at..], greeting.Epoch);
        at += Varint.Write(into[at..], greeting.Promised);
        at += Varint.Write(into[at..], (greeting.Returns ? 1 : 0) + (greeting.Operated ? 2 : 0));
        at += Varint.Write(into[at..], greeting.Dropped + 1);
        at += Varint.Write(into[at..], greeting.AllHeld + 1);
        at += Varint.Write(into[at..], greeting.YourHeld + 1);
        at += Varint.Write(into[at..], greeting.YourSequences + 1);
        at += Varint.Write(into[at..], greeting.YourLocal + 1);
        into[..at].CopyTo(Reserve(destination, at));
    }

    public void AddPrepare(int destination, Epoch epoch)
    {
        var length = 1 + Varint.LengthOf(epoch.Number) + (sizeof(long) * epoch.Incarnations.Length);
        var into = Reserve(destination, length);
        into[0] = (byte)MessageKind.Prepare;
        var at = 1 + Varint.Write(into[1..], epoch.Number);
        WriteIncarnations(into[at..], epoch.Incarnations);
    }

    public void AddPromise(int destination, Promise promise)
    {
        var length =
            2
            + Varint.LengthOf(promise.Number)
            + Varint.LengthOf(promise.Epoch)
            + Varint.LengthOf(promise.Held + 1)
            + Varint.LengthOf(promise.Cut + 1)
            + LengthOfLocals(promise.Locals)
            + LengthOfLocals(promise.CutLocals);
        var into = Reserve(destination, length);
        into[0] = (byte)MessageKind.Promise;
        var at = 1 + Varint.Write(into[1..], promise.Number);
        at += Varint.Write(into[at..], promise.Epoch);
        at += Varint.Write(into[at..], promise.Returns ? 1 : 0);
        at += Varint.Write(into[at..], promise.Held + 1);
        at += Varint.Write(into[at..], promise.Cut + 1);
        at += WriteLocals(into[at..], promise.Locals);
        WriteLocals(into[at..], promise.CutLocals);
    }

    public void AddInstall(int destination, Epoch epoch)
    {
        var length =
            1
            + Varint.LengthOf(epoch.Number)
            + Varint.LengthOf(epoch.Cut + 1)
            + (sizeof(long) * epoch.Incarnations.Length)
            + LengthOfLocals(epoch.Locals);
        var into = Reserve(destination, length);
        into[0] = (byte)MessageKind.Install;
        var at = 1 + Varint.Write(into[1..], epoch.Number);
        at += Varint.Write(into[at..], epoch.Cut + 1);
        at += WriteIncarnations(into[at..], epoch.Incarnations);
        WriteLocals(into[at..], epoch.Locals);
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

    private static int WriteInt64(Span<byte> destination, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(destination, value);
        return sizeof(long);
    }

    private static int WriteIncarnations(Span<byte> destination, long[] incarnations)
    {
        var at = 0;
        foreach (var incarnation in incarnations)
        {
            at += WriteInt64(destination[at..], incarnation);
        }

        return at;
    }

    private static int LengthOfLocals(long[] locals)
    {
        var length = 0;
        foreach (var local in locals)
        {
            length += Varint.LengthOf(local + 1);
        }

        return length;
    }

    private static int WriteLocals(Span<byte> destination, long[] locals)
    {
        var at = 0;
        foreach (var local in locals)
        {
            at += Varint.Write(destination[at..], local + 1);
        }

        return at;
    }

    private Span<byte> Reserve(int destination, int length)
    {
        var slot = destination == All ? _open.Length - 1 : destination;
        if (_open[slot].Buffer is not null && _open[slot].End + length > _limit)
        {
            Pad(ref _open[slot]);
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

    /// <summary>
    /// Fills a datagram that is nearly full, so that full ones are of one length: the system sends those at once.
    /// </summary>
    private void Pad(ref OpenDatagram open)
    {
        var room = _limit - open.End;
        if (room <= _limit / MostPadding)
        {
            open.Buffer.AsSpan(open.End, room).Clear();
            open.End = _limit;
        }
    }

    private void CloseOne(int slot)
    {
        ref var open = ref _open[slot];
        if (open.Buffer is not { } buffer)
        {
            return;
        }

        var epoch = (Epoch << 1) | (Joins ? 1L : 0);
        var length =
            Datagram.HeaderLength + Varint.LengthOf(epoch) + Varint.LengthOf(LivesHeard) + _claims.EncodedLength();
        var start = _bodyStart - length;
        var header = buffer.AsSpan(start);
        header[0] = (byte)'R';
        header[1] = (byte)'S';
        header[2] = Datagram.Version;
        header[3] = (byte)_self;
        BinaryPrimitives.WriteInt64LittleEndian(header[4..], _life);
        var at = Datagram.HeaderLength;
        at += Varint.Write(header[at..], epoch);
        at += Varint.Write(header[at..], LivesHeard);
        _claims.Write(header[at..]);
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
