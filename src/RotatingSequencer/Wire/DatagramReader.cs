using System.Buffers.Binary;

namespace RotatingSequencer.Wire;

/// <summary>
/// Reads a datagram whose seal was good. It still checks everything in it, never throws and never allocates.
/// </summary>
internal ref struct DatagramReader
{
    private readonly int _members;
    private ReadOnlySpan<byte> _rest;

    private DatagramReader(int members, ReadOnlySpan<byte> rest)
    {
        _members = members;
        _rest = rest;
    }

    /// <summary>The member that sent it.</summary>
    public int Sender { get; private set; }

    /// <summary>The incarnation of that member.</summary>
    public long Incarnation { get; private set; }

    /// <summary>
    /// Reads the header, and the sender's claims into <paramref name="claims"/>. False for anything but a datagram of
    /// this version and group size.
    /// </summary>
    public static bool TryOpen(ReadOnlySpan<byte> datagram, Claims claims, out DatagramReader reader)
    {
        var members = claims.Locals.Length;
        reader = default;
        if (
            datagram.Length < Datagram.HeaderLength
            || datagram[0] != (byte)'R'
            || datagram[1] != (byte)'S'
            || datagram[2] != Datagram.Version
            || datagram[3] >= members
        )
        {
            return false;
        }

        var rest = datagram[Datagram.HeaderLength..];
        if (!claims.TryRead(ref rest))
        {
            return false;
        }

        reader = new(members, rest)
        {
            Sender = datagram[3],
            Incarnation = BinaryPrimitives.ReadInt64LittleEndian(datagram[4..]),
        };
        return true;
    }

    /// <summary>Whether <see cref="TryNext"/> ended at something malformed.</summary>
    public bool Malformed { get; private set; }

    /// <summary>The next message; false at the end or at the first malformed one.</summary>
    public bool TryNext(out Message message)
    {
        if (_rest.IsEmpty)
        {
            message = default;
            return false;
        }

        var kind = (MessageKind)_rest[0];
        _rest = _rest[1..];
        message = kind switch
        {
            MessageKind.Request => ReadRequest(),
            MessageKind.Sequence => ReadSequence(),
            MessageKind.Retransmit => ReadRetransmit(),
            _ => Fail(),
        };
        return !Malformed;
    }

    private Message Fail()
    {
        Malformed = true;
        return default;
    }

    private long ReadNumber()
    {
        if (Varint.TryRead(ref _rest, out var number))
        {
            return number;
        }

        Malformed = true;
        return 0;
    }

    private RequestId ReadId()
    {
        if (_rest.IsEmpty || _rest[0] >= _members)
        {
            Malformed = true;
            return default;
        }

        int sender = _rest[0];
        _rest = _rest[1..];
        return new(sender, ReadNumber());
    }

    private Message ReadRequest()
    {
        var id = ReadId();
        var length = ReadNumber();
        if (Malformed || length > _rest.Length)
        {
            return Fail();
        }

        var body = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return new Message
        {
            Kind = MessageKind.Request,
            Id = id,
            Body = body,
        };
    }

    private Message ReadSequence()
    {
        var number = ReadNumber();
        return new Message
        {
            Kind = MessageKind.Sequence,
            Number = number,
            Id = ReadId(),
        };
    }

    private Message ReadRetransmit()
    {
        var ask = ReadNumber();
        var answer = ReadNumber();
        var ranges = ReadNumber();
        var start = _rest;
        for (; ranges > 0 && !Malformed; ranges--)
        {
            Malformed = !MissingRange.TryRead(ref _rest, _members, out _);
        }

        return new Message
        {
            Kind = MessageKind.Retransmit,
            Ask = ask,
            Answer = answer,
            Missing = start[..(start.Length - _rest.Length)],
        };
    }
}
