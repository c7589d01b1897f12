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

    /// <summary>The life of that member.</summary>
    public long Life { get; private set; }

    /// <summary>The epoch that the sender takes part in, 0 for none.</summary>
    public long Epoch { get; private set; }

    /// <summary>Whether the sender still joins that epoch: its claims count for nothing.</summary>
    public bool Joins { get; private set; }

    /// <summary>How many lives of others the sender has begun to listen to.</summary>
    public long LivesHeard { get; private set; }

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
        if (
            !Varint.TryRead(ref rest, out var epoch)
            || !Varint.TryRead(ref rest, out var livesHeard)
            || !claims.TryRead(ref rest)
        )
        {
            return false;
        }

        reader = new(members, rest)
        {
            Sender = datagram[3],
            Life = BinaryPrimitives.ReadInt64LittleEndian(datagram[4..]),
            Epoch = epoch >> 1,
            Joins = (epoch & 1) != 0,
            LivesHeard = livesHeard,
        };
        return true;
    }

    /// <summary>Whether <see cref="TryNext"/> ended at something malformed.</summary>
    public bool Malformed { get; private set; }

    /// <summary>The next message; false at the end or at the first malformed one.</summary>
    public bool TryNext(out Message message)
    {
        if (_rest.IsEmpty || _rest[0] == Datagram.Padding)
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
            MessageKind.Greeting => ReadGreeting(),
            MessageKind.Part => ReadPart(),
            MessageKind.Prepare or MessageKind.Promise or MessageKind.Install => ReadEncoded(kind),
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

    private Message ReadPart()
    {
        var id = ReadId();
        var part = ReadNumber();
        var total = ReadNumber();
        var length = ReadNumber();
        if (Malformed || part >= RequestParts.MaxParts || total > int.MaxValue || length > _rest.Length)
        {
            return Fail();
        }

        var body = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return new Message
        {
            Kind = MessageKind.Part,
            Id = id,
            Body = body,
            Part = (int)part,
            Total = (int)total,
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

    private Message ReadGreeting()
    {
        Message message = new() { Kind = MessageKind.Greeting };
        ref var greeting = ref message.Greeting;
        greeting.Incarnation = ReadInt64();
        greeting.LifeNumber = ReadNumber();
        greeting.Ask = ReadNumber();
        greeting.Answer = ReadNumber();
        greeting.YourLife = ReadInt64();
        greeting.YourLifeNumber = ReadNumber();
        greeting.LivesHeard = ReadNumber();
        greeting.Epoch = ReadNumber();
        greeting.Promised = ReadNumber();
        var flags = ReadNumber();
        greeting.Returns = (flags & 1) != 0;
        greeting.Operated = (flags & 2) != 0;
        greeting.Dropped = ReadNumber() - 1;
        greeting.AllHeld = ReadNumber() - 1;
        greeting.YourHeld = ReadNumber() - 1;
        greeting.YourSequences = ReadNumber() - 1;
        greeting.YourLocal = ReadNumber() - 1;
        return message;
    }

    private Message ReadEncoded(MessageKind kind)
    {
        var start = _rest;
        var rest = _rest;
        if (!EpochMessages.TrySkip(ref rest, kind, _members))
        {
            return Fail();
        }

        _rest = rest;
        return new Message { Kind = kind, Encoded = start[..(start.Length - rest.Length)] };
    }

    private long ReadInt64()
    {
        if (BinaryPrimitives.TryReadInt64LittleEndian(_rest, out var value))
        {
            _rest = _rest[sizeof(long)..];
            return value;
        }

        Malformed = true;
        return 0;
    }
}
