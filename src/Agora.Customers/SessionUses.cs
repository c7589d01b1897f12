using System.Collections.Concurrent;
using Agora.Contracts.Customers;
using Agora.Replication;

namespace Agora.Customers;

/// <summary>
/// Uses of sessions that this replica saw and that are not recorded yet. A read does not wait until its use is ordered,
/// so that reads go on while nothing can be written. The memory is this replica's alone and goes with it: what it
/// forgets can only end a session early, and only while nothing is ordered.
/// </summary>
/// <param name="record">Orders a use, with the time at which it was seen.</param>
/// <param name="time">Bounds how long an order may take.</param>
internal sealed class SessionUses(Func<Session, long, CancellationToken, Task> record, TimeProvider time)
{
    private const int MaxSessions = 10_000;

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<long, Use> _uses = [];

    private sealed class Use
    {
        public long At;
        public int IsUnderWay;
    }

    /// <summary>
    /// Whether a session is alive as far as this replica knows: its last use, recorded or noted here, is not long ago,
    /// and does not lie ahead of this replica's clock.
    /// </summary>
    /// <param name="session">The session as recorded.</param>
    /// <param name="now">This replica's time, not below that of any command.</param>
    public bool IsAlive(SessionRow session, long now)
    {
        var noted = _uses.TryGetValue(session.Id, out var use) ? Volatile.Read(ref use.At) : 0;
        var last = Math.Max(session.LastUse, noted);
        return now >= last - Sessions.RenewAfter && now <= last + Sessions.LiveFor;
    }

    /// <summary>
    /// Notes a use, and orders it unless one of this session is being ordered already. With too many sessions waiting
    /// it is not noted: a later read comes again.
    /// </summary>
    /// <param name="named">The session as its caller names it.</param>
    /// <param name="session">Its id.</param>
    /// <param name="now">When it was used.</param>
    public void Note(Session named, long session, long now)
    {
        if (!_uses.TryGetValue(session, out var use) && (use = Add(session, now)) is null)
        {
            return;
        }

        Volatile.Write(ref use.At, now);
        if (Interlocked.Exchange(ref use.IsUnderWay, 1) == 0)
        {
            _ = RecordAsync(named, session, use);
        }
    }

    private Use? Add(long session, long now)
    {
        if (_uses.Count >= MaxSessions)
        {
            foreach (var (id, use) in _uses.Where(entry => now > Volatile.Read(ref entry.Value.At) + Sessions.LiveFor))
            {
                _uses.TryRemove(KeyValuePair.Create(id, use));
            }
        }

        return _uses.Count < MaxSessions ? _uses.GetOrAdd(session, _ => new Use()) : null;
    }

    private async Task RecordAsync(Session named, long session, Use use)
    {
        using CancellationTokenSource bound = new(s_timeout, time);
        try
        {
            await record(named, Volatile.Read(ref use.At), bound.Token);
            _uses.TryRemove(KeyValuePair.Create(session, use));
        }
        catch (Exception e) when (e is ReplicaUnavailableException or OperationCanceledException)
        {
            // Nothing can be ordered now. The next read of this session tries again.
        }
        finally
        {
            Volatile.Write(ref use.IsUnderWay, 0);
        }
    }
}
