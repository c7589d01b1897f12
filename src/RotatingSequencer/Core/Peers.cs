using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// What this member knows of each other one. The parts of the core share it: <see cref="PeerLives"/> changes the lives,
/// <see cref="Intake"/> raises the claims, <see cref="Questions"/> measures the round trips.
/// </summary>
internal sealed class Peers
{
    private readonly int _self;
    private readonly Peer[] _peers;

    public Peers(CoreOptions options, HeardLives heard)
    {
        _self = options.Self;
        Heard = heard;
        _peers = [.. Enumerable.Range(0, options.Members).Select(_ => new Peer(options.Members))];
    }

    private delegate bool PeerTest(in PeerLife life);

    /// <summary>The lives that were heard last, in this start or an earlier one.</summary>
    public HeardLives Heard { get; }

    /// <summary>Whether the disk knows which lives are listened to.</summary>
    public bool AreOnDisk => All(static (in PeerLife life) => life.Id == 0 || life.IsOnDisk);

    /// <summary>Whether these lives know it, as far as they have asked.</summary>
    public bool AreAnswered => All(static (in PeerLife life) => life.Id == 0 || (life.IsOnDisk && life.AnswerDue == 0));

    /// <summary>Whether all others have met this member's life.</summary>
    public bool AllMet => All(static (in PeerLife life) => life.Met);

    /// <summary>Whether all others agree with this member on the epoch.</summary>
    public bool AllAgree => All(static (in PeerLife life) => life.Agrees);

    /// <summary>The timeout of the slowest member.</summary>
    public long SlowestTimeout
    {
        get
        {
            var slowest = 0L;
            foreach (var peer in _peers)
            {
                slowest = Math.Max(slowest, peer.RoundTrip.Timeout);
            }

            return slowest;
        }
    }

    public Peer this[int member] => _peers[member];

    /// <summary>How many members were heard from since a time, this one included.</summary>
    public int HeardSince(long since)
    {
        var count = 1;
        for (var m = 0; m < _peers.Length; m++)
        {
            count += m != _self && _peers[m].LastHeard >= since ? 1 : 0;
        }

        return count;
    }

    /// <summary>A group that has formed, whose members know each other's lives.</summary>
    public void BeginFormed(IReadOnlyList<long> lives, Epoch epoch)
    {
        for (var m = 0; m < _peers.Length; m++)
        {
            _peers[m].Life = new PeerLife
            {
                Id = lives[m],
                Incarnation = epoch.Incarnations[m],
                LifeNumber = 1,
                Dropped = -1,
                Epoch = epoch.Number,
                Promised = epoch.Number,
                Met = true,
                Agrees = true,
                IsOnDisk = true,
            };
            Heard.Add(m, new HeardLife(epoch.Incarnations[m], 1, lives[m]), epoch.Incarnations[m]);
        }
    }

    /// <summary>A write begins that covers the lives that are listened to.</summary>
    public void BeginSync()
    {
        foreach (var peer in _peers)
        {
            peer.Life.IsSyncing = !peer.Life.IsOnDisk;
        }
    }

    /// <summary>That write is on disk.</summary>
    public void SyncCompleted()
    {
        foreach (var peer in _peers)
        {
            peer.Life.IsOnDisk |= peer.Life.IsSyncing;
            peer.Life.IsSyncing = false;
        }
    }

    /// <summary>
    /// Another epoch begins to count. What members that are <paramref name="replaced"/> claimed is void, and so are
    /// numbers above its cut. Nobody has agreed on it yet.
    /// </summary>
    public void BeginView(Epoch epoch, ulong replaced)
    {
        for (var m = 0; m < _peers.Length; m++)
        {
            var peer = _peers[m];
            peer.Claims.Lower(epoch.Cut, epoch.Locals, replaced);
            peer.Life.Agrees = false;
            peer.Life.Due = 0;
            peer.Life.Attempts = 0;
            if ((replaced & (1UL << m)) != 0)
            {
                peer.Claims.Clear();
            }
        }
    }

    /// <summary>Members that have to be greeted, or asked to promise, are so at once.</summary>
    public void ContactAtOnce()
    {
        foreach (var peer in _peers)
        {
            peer.Life.Due = 0;
        }
    }

    private bool All(PeerTest test)
    {
        for (var m = 0; m < _peers.Length; m++)
        {
            if (m != _self && !test(_peers[m].Life))
            {
                return false;
            }
        }

        return true;
    }
}
