using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>
/// What happens in a run, moment by moment, for pictures and sentences. It only looks: a run with and without it is
/// the
/// same. It is full at a bound, and ends the run there.
/// </summary>
internal sealed class Recording
{
    /// <summary>How many of the last global numbers a <see cref="MemberState"/> shows.</summary>
    private const int ShownNumbers = 3;

    private readonly World _world;
    private readonly int _maxMoments;
    private readonly int _maxDatagrams;
    private readonly Claims _claims;
    private readonly HashSet<(MessageKind Kind, RequestId Id, int To)> _sentBefore = [];
    private readonly List<Moment> _moments = [];
    private readonly List<SentDatagram> _datagrams = [];
    private MemberState[] _states;
    private Moment? _open;

    public Recording(World world, int maxMoments, int maxDatagrams)
    {
        _world = world;
        _maxMoments = maxMoments;
        _maxDatagrams = maxDatagrams;
        _claims = new Claims(world.Setup.Members);
        Began = world.Now;
        _states = [.. world.Members.Select(member => member.Look())];
        First = new Moment(-1, 0, 0) { Numbers = world.Observer.History.Numbers, States = _states };
    }

    /// <summary>When it began, in the run's time.</summary>
    public long Began { get; }

    /// <summary>How things were when it began.</summary>
    public Moment First { get; }

    public IReadOnlyList<Moment> Moments => _moments;

    public IReadOnlyList<SentDatagram> Datagrams => _datagrams;

    public bool IsFull => _moments.Count >= _maxMoments || _datagrams.Count >= _maxDatagrams;

    /// <summary>A member begins a step; what follows, up to <see cref="EndStep"/>, is one moment.</summary>
    public void BeginStep(int member)
    {
        EndStep();
        _open = NewMoment(member);
    }

    public void EndStep()
    {
        if (_open is not { } moment)
        {
            return;
        }

        _open = null;
        var state = _world.Members[moment.Member].Look();
        var numbers = _world.Observer.History.Numbers;
        var shows =
            moment.Events.Count + moment.Received.Count + moment.Sent.Count + moment.Delivered.Count > 0
            || numbers != (_moments.Count > 0 ? _moments[^1] : First).Numbers
            || !state.LooksLike(_states[moment.Member]);
        if (!shows)
        {
            return;
        }

        // A new number shows at every member: as one that it holds, or not.
        _states = [.. _world.Members.Select(member => member.Look())];
        moment.States = _states;
        moment.Numbers = numbers;
        _moments.Add(moment);
    }

    public void Happens(int member, MemberEvent what)
    {
        var within = _open?.Member == member;
        if (!within)
        {
            BeginStep(member);
        }

        _open!.Events.Add(what);
        if (!within || what == MemberEvent.Dies)
        {
            EndStep();
        }
    }

    public void Delivers(long number, RequestId id) => _open?.Delivered.Add((number, id));

    public void Receives(SentDatagram datagram)
    {
        datagram.Read ??= _open;
        _open?.Received.Add(datagram);
    }

    /// <summary>Records a datagram. The network then says what becomes of it.</summary>
    public SentDatagram Sends(int from, int to, ReadOnlySpan<byte> bytes, bool toAll)
    {
        var messages = new List<SentMessage>();
        if (DatagramReader.TryOpen(bytes, _claims, out var reader))
        {
            while (reader.TryNext(out var message))
            {
                messages.Add(Read(message, to));
            }
        }

        var moment = _open ?? throw new InvalidOperationException("A datagram was sent outside of a step.");
        var datagram = new SentDatagram(_datagrams.Count, from, to, moment, messages, _claims.Held, toAll);
        _datagrams.Add(datagram);
        moment.Sent.Add(datagram);
        return datagram;
    }

    /// <summary>The state of a member as the observer's books and the member itself have it.</summary>
    public static IReadOnlyList<NumberHolding> HoldingsOf(Holdings holdings, int numbers) =>
        [
            .. Enumerable
                .Range(Math.Max(0, numbers - ShownNumbers), Math.Min(numbers, ShownNumbers))
                .Select(number => new NumberHolding(
                    number,
                    holdings.Sequences.Contains(number),
                    holdings.HoldsRequestOf(number)
                )),
        ];

    private Moment NewMoment(int member) => new(_moments.Count, _world.Now - Began, member);

    private SentMessage Read(in Message message, int to)
    {
        var missing = new List<MissingRange>();
        var ranges = message.Missing;
        while (MissingRange.TryRead(ref ranges, _world.Setup.Members, out var range))
        {
            missing.Add(range);
        }

        // A Sequence names its number, a Request its id: one key serves both.
        var key =
            message.Kind == MessageKind.Sequence ? new RequestId(-1, message.Number)
            : message.Kind == MessageKind.Part
                ? message.Id with
                {
                    Local = (message.Id.Local * RequestParts.MaxParts) + message.Part,
                }
            : message.Id;
        var again = message.Kind != MessageKind.Retransmit && !_sentBefore.Add((message.Kind, key, to));
        return new(message.Kind, message.Id, message.Number, message.Ask != 0, message.Answer != 0, missing, again);
    }
}
