namespace RotatingSequencer.Simulation;

/// <summary>A recorded datagram on its way to one member. One that is sent to all is recorded once for
/// each.</summary>
/// <param name="id">Its place among all recorded datagrams.</param>
/// <param name="from">Its sender.</param>
/// <param name="to">Its receiver.</param>
/// <param name="moment">The moment in which it was sent.</param>
/// <param name="messages">Its messages; none when it carries claims only.</param>
/// <param name="held">Up to which number its sender claims to hold everything.</param>
/// <param name="toAll">Whether the sender sent the same to all other members at once.</param>
internal sealed class SentDatagram(
    int id,
    int from,
    int to,
    Moment moment,
    IReadOnlyList<SentMessage> messages,
    long held,
    bool toAll
)
{
    private readonly List<long> _arrivals = [];

    public int Id => id;

    public int From => from;

    public int To => to;

    public Moment Moment => moment;

    public IReadOnlyList<SentMessage> Messages => messages;

    public long Held => held;

    public bool IsToAll => toAll;

    /// <summary>What a script or a person did to it.</summary>
    public DatagramFate Fate { get; set; }

    /// <summary>Lost on the way, by chance or on purpose.</summary>
    public bool IsLost { get; set; }

    /// <summary>It came to a member that was down, or to a full buffer.</summary>
    public bool IsMissed { get; set; }

    /// <summary>When its copies arrive, as the network decided when it was sent.</summary>
    public IReadOnlyList<long> Arrivals => _arrivals;

    /// <summary>The moment in which the receiver read the first copy.</summary>
    public Moment? Read { get; set; }

    public void ArrivesAt(long time) => _arrivals.Add(time);
}
