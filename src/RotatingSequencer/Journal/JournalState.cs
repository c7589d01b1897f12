using RotatingSequencer.Wire;

namespace RotatingSequencer.Journal;

/// <summary>The content of a journal: a member's position, and what it held from there on.</summary>
internal sealed class JournalState
{
    /// <summary>How many names of starts are kept: others ask for the one that they heard last.</summary>
    private const int MaxLives = 1_000;

    public JournalState(int self, int members, Epoch? epoch = null)
    {
        Self = self;
        DroppedLocals = new long[members];
        Array.Fill(DroppedLocals, -1);
        Epoch = epoch ?? new Epoch(members);
        Heard = new HeardLives(members);
        Partial = new byte[members][];
        Array.Fill(Partial, []);
    }

    public int Self { get; }

    /// <summary>Everything up to here was applied, and is no longer in the journal.</summary>
    public long Dropped { get; init; } = -1;

    /// <summary>All members held everything up to here.</summary>
    public long AllHeld { get; init; } = -1;

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

    /// <summary>This journal's own name: random, and chosen when it began.</summary>
    public long Incarnation { get; init; }

    /// <summary>How many starts this journal has seen.</summary>
    public long LifeNumber { get; set; }

    /// <summary>The last of these starts, each with its number and name.</summary>
    public List<(long Number, long Id)> Lives { get; } = [];

    /// <summary>The lives of the others that were heard last.</summary>
    public HeardLives Heard { get; init; }

    /// <summary>How many lives the present start has begun to listen to; on no disk: each start counts anew.</summary>
    public long LivesHeard { get; init; }

    /// <summary>Whether this journal began after a loss: the member may have been in the group before.</summary>
    public bool Returns { get; init; }

    /// <summary>The highest epoch that this member has promised.</summary>
    public long Promised { get; set; }

    /// <summary>Whether this member knew that all had entered its epoch.</summary>
    public bool Operated { get; set; }

    /// <summary>The number of the epoch that this member last began to join, 0 for none.</summary>
    public long Joins { get; private set; }

    /// <summary>The epoch that this member is in; its number is 0 while the member has not joined any.</summary>
    public Epoch Epoch { get; private set; }

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
    public static JournalState Fresh(int self, int members, long incarnation, bool returns = false) =>
        new(self, members) { Incarnation = incarnation, Returns = returns };

    /// <summary>
    /// Begins to join an epoch. What was taken in before may be of another one that was never entered: all of it above
    /// the cut goes.
    /// </summary>
    public void Join(Epoch epoch)
    {
        Joins = epoch.Number;
        Forget(epoch, _ => true);
    }

    /// <summary>Enters an epoch. What it makes void is no longer held.</summary>
    public void Enter(Epoch epoch)
    {
        if (Epoch.Number > 0)
        {
            Forget(epoch, member => Epoch.Incarnations[member] != epoch.Incarnations[member]);
            Heard.Replace(Epoch.Incarnations, epoch.Incarnations);
        }

        Epoch = epoch;
        Operated = false;
        Promised = Math.Max(Promised, epoch.Number);
    }

    /// <summary>The journal sees one more start. Earlier versions gave it no name.</summary>
    public void BeginLife(long number, long id)
    {
        LifeNumber = number;
        if (id != 0)
        {
            Lives.Add((number, id));
            Lives.RemoveRange(0, Math.Max(0, Lives.Count - MaxLives));
        }
    }

    /// <summary>A life of another member is heard.</summary>
    public void Hear(int member, HeardLife life) => Heard.Add(member, life, Epoch.Incarnations[member]);

    private void Forget(Epoch epoch, Func<int, bool> isReplaced)
    {
        Sequences.RemoveAll(sequence => sequence.Number > epoch.Cut);
        Requests.RemoveAll(request =>
            request.Id.Local > epoch.Locals[request.Id.Sender] && isReplaced(request.Id.Sender)
        );
    }
}
