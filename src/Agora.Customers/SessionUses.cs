using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Agora.Contracts.Customers;
using Agora.Replication;
using Microsoft.Extensions.Logging;

namespace Agora.Customers;

/// <summary>
/// Uses of sessions that this replica saw and that are not recorded yet. A read does not wait until its use is ordered,
/// so that reads go on while nothing can be written.
/// </summary>
/// <remarks>
/// <para>The rule: a session is alive at a replica for five minutes after the last use that is recorded or noted there.
/// A use is noted only of a session that is alive. So each note stands at the end of a chain that begins at a record,
/// and a session that is used every few seconds outlives an outage of any length. One that is not used ends after five
/// minutes, outage or not.</para>
/// <para>The replicas stay equal, because a note reaches the state only inside a command, and the command carries the
/// time of the use. The state machine moves a record forward only. It never removes a session because its record is
/// old, but for those that have been old for so long that no note can be left (<see cref="Sessions.SweepAfter"/>).
/// </para>
/// <para>Nothing piles up. While the group cannot order, nothing is submitted: the note is overwritten by the next use.
/// Otherwise a session has one order under way at most, and all sessions together <see cref="MaxUnderWay"/>. After a
/// failure there is a pause, because an engine may hold what it could not order in time.</para>
/// <para>As soon as the group orders again, all notes are ordered, whether their sessions are used again or not: the
/// next use may come through another replica, which knows of none. In the moment until then, and while nothing is
/// ordered, that replica takes the session for ended or cannot tell.</para>
/// <para>The notes are this replica's alone and go with it. What it forgets can only end a session early, and only
/// where nothing was ordered for as long as a session lives.</para>
/// </remarks>
/// <param name="record">Orders a use, with the time at which it was seen.</param>
/// <param name="canOrder">Whether the group orders commands now, as far as this replica knows.</param>
/// <param name="time">Bounds how long an order may take.</param>
/// <param name="logger">Gets the failures.</param>
internal sealed class SessionUses(
    Func<Session, long, CancellationToken, Task> record,
    Func<bool> canOrder,
    TimeProvider time,
    ILogger logger
)
{
    /// <summary>Sessions with a note; further ones are not noted, and a later read comes again.</summary>
    public const int MaxSessions = 100_000;

    /// <summary>Orders under way at the same time.</summary>
    public const int MaxUnderWay = 64;

    private static readonly Meter s_meter = new("Agora.Customers");

    private static readonly Counter<long> s_failures = s_meter.CreateCounter<long>(
        "agora.session.uses.unrecorded",
        description: "Attempts to record a session's use that failed; the next use tries again."
    );

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_pauseAfterFailure = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_pauseAfterCleaning = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_flush = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pace = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentDictionary<long, Use> _uses = [];

    private int _underWay;
    private int _isFlushing;
    private long _failures;
    private long _resumeAt; // Timestamp before which nothing is ordered.
    private long _cleanAt; // Timestamp before which old notes are not looked for.

    private sealed class Use(Session named)
    {
        public readonly Session Named = named;
        public long At;
        public int IsUnderWay;
    }

    /// <summary>No use is noted: all are recorded.</summary>
    public bool IsEmpty => _uses.IsEmpty;

    /// <summary>How many attempts to record a use have failed.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>When a session was last used, as far as noted here; null without a note.</summary>
    public long? Noted(long session) => _uses.TryGetValue(session, out var use) ? Volatile.Read(ref use.At) : null;

    /// <summary>
    /// Whether a session is alive as far as this replica knows: its last use, recorded or noted here, is not long ago,
    /// and does not lie ahead of this replica's clock.
    /// </summary>
    /// <param name="session">The session as recorded.</param>
    /// <param name="now">This replica's time, not below that of any command.</param>
    public bool IsAlive(SessionRow session, long now) => Sessions.IsAlive(LastUse(session), now);

    /// <summary>The last use of a session, recorded or noted here.</summary>
    public long LastUse(SessionRow session) => Math.Max(session.LastUse, Noted(session.Id) ?? 0);

    /// <summary>
    /// Notes a use, and orders it where that is possible and no order of this session is under way. The session is
    /// alive.
    /// </summary>
    /// <param name="named">The session as its caller names it.</param>
    /// <param name="session">Its id.</param>
    /// <param name="now">When it was used.</param>
    public void Note(Session named, long session, long now)
    {
        if (!_uses.TryGetValue(session, out var use) && (use = Add(named, session, now)) is null)
        {
            return;
        }

        Volatile.Write(ref use.At, now);
        if (IsOpen)
        {
            _ = TryRecord(session, use);
        }

        if (Interlocked.Exchange(ref _isFlushing, 1) == 0)
        {
            _ = FlushAsync();
        }
    }

    private bool IsOpen => canOrder() && time.GetTimestamp() >= Volatile.Read(ref _resumeAt);

    // Begins to order a note, unless that is under way; false where too many are.
    private bool TryRecord(long session, Use use)
    {
        if (Interlocked.Exchange(ref use.IsUnderWay, 1) != 0)
        {
            return true;
        }

        if (Interlocked.Increment(ref _underWay) <= MaxUnderWay)
        {
            _ = RecordAsync(session, use);
            return true;
        }

        Interlocked.Decrement(ref _underWay);
        Volatile.Write(ref use.IsUnderWay, 0);
        return false;
    }

    // Runs while there are notes, and orders them when the group orders again. A note that is as old as a session can
    // be is of no use any more.
    private async Task FlushAsync()
    {
        do
        {
            await Task.Delay(s_flush, time);
            var now = time.GetUtcNow().ToUnixTimeMilliseconds();
            foreach (var (session, use) in _uses)
            {
                if (now > Volatile.Read(ref use.At) + Sessions.LiveFor)
                {
                    _uses.TryRemove(KeyValuePair.Create(session, use));
                    continue;
                }

                while (IsOpen && !TryRecord(session, use))
                {
                    await Task.Delay(s_pace, time);
                }
            }
        } while (!_uses.IsEmpty);

        // A note that is made now begins anew with the next one.
        Volatile.Write(ref _isFlushing, 0);
    }

    private Use? Add(Session named, long session, long now)
    {
        var timestamp = time.GetTimestamp();
        if (_uses.Count >= MaxSessions && timestamp >= Volatile.Read(ref _cleanAt))
        {
            Volatile.Write(ref _cleanAt, timestamp + Ticks(s_pauseAfterCleaning));
            foreach (var (id, use) in _uses.Where(entry => now > Volatile.Read(ref entry.Value.At) + Sessions.LiveFor))
            {
                _uses.TryRemove(KeyValuePair.Create(id, use));
            }
        }

        return _uses.Count < MaxSessions ? _uses.GetOrAdd(session, _ => new Use(named)) : null;
    }

    private async Task RecordAsync(long session, Use use)
    {
        using CancellationTokenSource bound = new(s_timeout, time);
        try
        {
            await record(use.Named, Volatile.Read(ref use.At), bound.Token);
            _uses.TryRemove(KeyValuePair.Create(session, use));
        }
        catch (Exception e) when (e is ReplicaUnavailableException or OperationCanceledException)
        {
            // The note stays, and the next use of this session tries again.
            Interlocked.Increment(ref _failures);
            s_failures.Add(1);
            Volatile.Write(ref _resumeAt, time.GetTimestamp() + Ticks(s_pauseAfterFailure));
            logger.LogDebug("The use of a session could not be recorded now: {Reason}", e.Message);
        }
        catch (Exception e)
        {
            // Nobody awaits this task.
            logger.LogError(e, "The use of a session could not be recorded");
        }
        finally
        {
            Volatile.Write(ref use.IsUnderWay, 0);
            Interlocked.Decrement(ref _underWay);
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);
}
