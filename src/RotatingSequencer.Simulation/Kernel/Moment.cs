namespace RotatingSequencer.Simulation;

/// <summary>
/// One recorded moment: what one member does at one time. <see cref="States"/> are those of all members after it.
/// </summary>
/// <param name="index">Its place in the recording.</param>
/// <param name="at">Microseconds since the recording began.</param>
/// <param name="member">The member that acts, or to which something happens.</param>
internal sealed class Moment(int index, long at, int member)
{
    public int Index => index;

    public long At => at;

    public int Member => member;

    public List<MemberEvent> Events { get; } = [];

    public List<SentDatagram> Received { get; } = [];

    public List<SentDatagram> Sent { get; } = [];

    /// <summary>The global numbers that the member delivers, with their Requests.</summary>
    public List<(long Number, Wire.RequestId Id)> Delivered { get; } = [];

    /// <summary>How many global numbers are assigned. The member after the last has the turn.</summary>
    public int Numbers { get; set; }

    /// <summary>All members after this moment.</summary>
    public IReadOnlyList<MemberState> States { get; set; } = [];

    /// <summary>Whether nothing but claims and questions about them moved.</summary>
    public bool IsQuiet =>
        Events.Count == 0
        && Delivered.Count == 0
        && Sent.All(d => !d.IsLost && d.Messages.All(m => !m.IsRequest && !m.IsSequence && !m.NamesMissing));
}
