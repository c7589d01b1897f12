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

    /// <summary>Notes that a session is used now, and orders that behind the caller's back.</summary>
    /// <param name="named">The session as its caller names it.</param>
    /// <param name="session">The session as recorded.</param>
    /// <param name="now">This replica's time, not below that of any command.</param>
    /// <returns>False where the commands' time has to decide whether it is alive: its last use is long ago, or lies
    /// ahead of this replica's clock, or too many sessions wait to be recorded.</returns>
    public bool TryNote(Session named, SessionRow session, long now)
    {
        _uses.TryGetValue(session.Id, out var use);
        var last = Math.Max(session.LastUse, use is null ? 0 : Volatile.Read(ref use.At));
        if (now < last - Sessions.RenewAfter || now > last + Sessions.LiveFor)
        {
            return false;
        }

        use ??= Add(session.Id, now);
        if (use is null)
        {
            return false;
        }

        Volatile.Write(ref use.At, now);
        if (Interlocked.Exchange(ref use.IsUnderWay, 1) == 0)
        {
            _ = RecordAsync(named, session.Id, use);
        }

        return true;
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
            Volatile.Write(ref use.IsUnderWay, 0);
        }
    }
}
