using RotatingSequencer.Wire;

namespace RotatingSequencer.Journal;

/// <summary>The content of a journal: a member's position, and what it held from there on.</summary>
internal sealed class JournalState
{
    public JournalState(int self, int members)
    {
        Self = self;
        DroppedLocals = new long[members];
        Array.Fill(DroppedLocals, -1);
        Incarnations = new long[members];
        Partial = new byte[members][];
        Array.Fill(Partial, []);
    }

    public int Self { get; }

    /// <summary>All members held everything up to here, and it was applied.</summary>
    public long Dropped { get; init; } = -1;

    /// <summary>The application had made everything up to here durable.</summary>
    public long Applied { get; init; } = -1;

    /// <summary>
    /// The number that the application stored with its last durable effects. It can be below <see cref="Applied"/>,
    /// since some numbers complete no payload. An application that comes back with less has lost effects whose requests
    /// are no longer in the journal.
    /// </summary>
    public long Position { get; init; } = -1;

    /// <summary>For each member, its highest local number that was dropped.</summary>
    public long[] DroppedLocals { get; }

    /// <summary>
    /// The incarnation of each member, 0 while unknown. This member's own is chosen once for each journal.
    /// </summary>
    public long[] Incarnations { get; init; }

    /// <summary>The pieces of each member's unfinished payload, at <see cref="Applied"/>.</summary>
    public byte[][] Partial { get; init; }

    public List<(RequestId Id, byte[] Body)> Requests { get; } = [];

    public List<(long Number, RequestId Id)> Sequences { get; } = [];

    /// <summary>The highest local number of a member's Requests, dropped ones included.</summary>
    public long LastLocal(int member) =>
        Requests
            .Where(request => request.Id.Sender == member)
            .Select(request => request.Id.Local)
            .Append(DroppedLocals[member])
            .Max();

    /// <summary>The highest number of a Sequence, dropped ones included.</summary>
    public long LastNumber => Sequences.Select(sequence => sequence.Number).Append(Dropped).Max();

    /// <summary>A member that has never run.</summary>
    public static JournalState Fresh(int self, int members, long incarnation)
    {
        var state = new JournalState(self, members);
        state.Incarnations[self] = incarnation;
        return state;
    }
}
