using System.Net;
using System.Net.Sockets;

namespace RotatingSequencer.Hosting;

/// <summary>
/// Where the members are. The name of one that is silent is resolved again beside the loop, one name at a time, with
/// pauses that grow. The loop's thread alone calls it.
/// </summary>
/// <remarks>
/// The resolver alone says where a member is; the source address of a datagram says nothing. A datagram that was
/// recorded is authentic, wherever it is sent from later: a stranger who sends it again could otherwise divert what
/// belongs to a member. A member that has moved is silent here, since it starts anew and its questions are answered to
/// where it was. So it is found without that.
/// <para>One that has no address at the start is resolved at once, and again with the same pauses.</para>
/// <para>One that is heard is resolved too, though seldom: what is sent to it may pass another way than what it sends,
/// and what is heard may be a recording.</para>
/// </remarks>
internal sealed class MemberAddresses
{
    /// <summary>Microseconds from one resolution of a silent member to the next; a pause is twice the last.</summary>
    internal const long FirstPause = 1_000_000;

    /// <summary>The longest of these pauses: writes may wait for it.</summary>
    internal const long MaxPause = 8_000_000;

    /// <summary>The pause of a member that is heard.</summary>
    internal const long HeardPause = 30_000_000;

    /// <summary>Microseconds between two looks at who is silent.</summary>
    private const long Interval = 500_000;

    private readonly Func<int, CancellationToken, Task<IPEndPoint>>? _resolve;
    private readonly int _self;
    private readonly AddressFamily _family;
    private readonly IPEndPoint?[] _members;
    private readonly Func<int, long> _lastHeard;
    private readonly MemberLog _log;
    private readonly Action _wakeLoop;
    private readonly CancellationToken _stop;
    private readonly long[] _resolvedAt;
    private readonly long[] _pauses;
    private readonly string?[] _failures;
    private Task<IPEndPoint>? _underWay;
    private int _resolved;
    private long _lookAt;

    /// <param name="options">The group.</param>
    /// <param name="lastHeard">When a member was heard last; below 0 if never.</param>
    /// <param name="log">Gets what changes.</param>
    /// <param name="wakeLoop">Called when a resolution has ended.</param>
    /// <param name="stop">Ends resolutions.</param>
    public MemberAddresses(
        MemberOptions options,
        Func<int, long> lastHeard,
        MemberLog log,
        Action wakeLoop,
        CancellationToken stop
    )
    {
        (_resolve, _self, _lastHeard, _log) = (options.ResolveMember, options.Id, lastHeard, log);
        (_wakeLoop, _stop) = (wakeLoop, stop);
        _members = [.. options.Members];
        _family = options.Own.AddressFamily;
        _resolved = _self;
        All = [.. _members.Select(member => member?.Serialize())];
        _resolvedAt = new long[_members.Length];
        _failures = new string?[_members.Length];
        _pauses = new long[_members.Length];
    }

    /// <summary>
    /// By member, as the socket takes them; null for one that was not found yet. Elements change in <see cref="Look"/>.
    /// </summary>
    public SocketAddress?[] All { get; }

    /// <summary>Whether a name is being resolved, or has been and waits for the loop.</summary>
    internal bool IsUnderWay => _underWay is not null;

    /// <summary>Whether a resolution has ended, and waits for the loop.</summary>
    public bool HasWorkForLoop => _underWay is { IsCompleted: true };

    /// <summary>Takes the result of a resolution that has ended, and begins the next one that is due.</summary>
    public void Look(long now)
    {
        if (_resolve is null)
        {
            return;
        }

        if (HasWorkForLoop)
        {
            Take(_underWay!);
            _underWay = null;
            _lookAt = now;
        }

        if (_underWay is not null || now < _lookAt)
        {
            return;
        }

        _lookAt = now + Interval;
        for (var i = 1; i <= _members.Length && _underWay is null; i++)
        {
            // The one after the last resolved comes first, so that no name holds up another for ever.
            var member = (_resolved + i) % _members.Length;
            if (member != _self && IsDue(member, now))
            {
                Begin(member, _resolve);
            }
        }
    }

    /// <summary>Whether it is time to resolve a member; if so, its next time is another one.</summary>
    private bool IsDue(int member, long now)
    {
        // One that was never found has heard of nobody here, and need not have been silent for a while.
        var isSilent =
            _members[member] is null
            || now - Math.Max(_lastHeard(member), 0) > Member.ReachableWithin.TotalMicroseconds;
        var pause = isSilent ? _pauses[member] : 0;
        _pauses[member] = pause;
        if (now - _resolvedAt[member] < (isSilent ? pause : HeardPause))
        {
            return false;
        }

        _resolvedAt[member] = now;
        _pauses[member] = isSilent ? Math.Clamp(2 * pause, FirstPause, MaxPause) : 0;
        return true;
    }

    private void Begin(int member, Func<int, CancellationToken, Task<IPEndPoint>> resolve)
    {
        _resolved = member;
        _underWay = Task.Run(() => resolve(member, _stop), _stop);
        _underWay.ContinueWith(_ => _wakeLoop(), TaskScheduler.Default);
    }

    private void Take(Task<IPEndPoint> ended)
    {
        var member = _resolved;
        string failure;
        try
        {
            var found = ended.GetAwaiter().GetResult();
            if (found.AddressFamily == _family)
            {
                _failures[member] = null;
                Use(member, found);
                return;
            }

            failure = $"{found} is of another kind than this member's own address";
        }
        catch (Exception e)
        {
            failure = e.Message;
        }

        // It is resolved again and again; the log needs to hear of it once.
        if (_failures[member] != failure)
        {
            _failures[member] = failure;
            _log.NotResolved(member, _members[member], failure);
        }
    }

    private void Use(int member, IPEndPoint found)
    {
        if (!found.Equals(_members[member]))
        {
            _log.Moved(member, _members[member], found);
            _members[member] = found;
            All[member] = found.Serialize();
        }
    }
}
