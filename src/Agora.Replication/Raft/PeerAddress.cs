using System.Net;
using Agora.Cluster;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>Where another replica is: what its host's name was found to be last.</summary>
/// <remarks>
/// Each connection asks for <see cref="Current"/>, and gets an answer at once: a connection has a deadline, and the
/// system's resolver may take longer. The name is looked up meanwhile, for the next attempt. So a replica whose host
/// has got another address is reached by the second or third attempt, and one that is connected costs no lookup.
/// </remarks>
internal sealed class PeerAddress
{
    // A replica that is down is connected to ten times a second.
    private static readonly TimeSpan s_minPause = TimeSpan.FromSeconds(1);

    private readonly string _peer;
    private readonly string _host;
    private readonly int _port;
    private readonly HostLookup _lookup;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    private volatile IPEndPoint? _current;
    private string? _failure;
    private int _underWay;
    private long _begunAt;

    /// <summary>Looks the name up a first time.</summary>
    /// <param name="peer">What the replica is called in the log.</param>
    /// <param name="address">Its address to connect to.</param>
    /// <param name="lookup">Finds the host.</param>
    /// <param name="time">Bounds the rate of lookups.</param>
    /// <param name="logger">Hears of each change once.</param>
    /// <exception cref="FixableException">The replica has no port. That its name is not found is no reason to stop: the
    /// group goes on without it.</exception>
    public PeerAddress(string peer, DatabaseAddress address, HostLookup lookup, TimeProvider time, ILogger logger)
    {
        (_peer, _host, _port) = (peer, address.Host, HostNames.PeerPortOf(address));
        (_lookup, _time, _logger) = (lookup, time, logger);
        _begunAt = time.GetTimestamp();
        LookUp();
    }

    /// <summary>The last address that was found; null if none ever was.</summary>
    public IPEndPoint? Current
    {
        get
        {
            if (
                HostNames.IsName(_host)
                && _time.GetElapsedTime(Volatile.Read(ref _begunAt)) >= s_minPause
                && Interlocked.Exchange(ref _underWay, 1) == 0
            )
            {
                Volatile.Write(ref _begunAt, _time.GetTimestamp());
                _ = Task.Run(() =>
                {
                    LookUp();
                    Volatile.Write(ref _underWay, 0);
                });
            }

            return _current;
        }
    }

    private void LookUp()
    {
        try
        {
            IPEndPoint found = new(_lookup(_host), _port);
            _failure = null;
            if (_current is { } before && !found.Equals(before))
            {
                _logger.LogInformation("{Peer} is at {Address} now; it was at {Before}", _peer, found, before);
            }

            _current = found;
        }
        catch (Exception e)
        {
            // Whatever it is, the last address stays, and the next connection tries again.
            if (_failure != e.Message)
            {
                _failure = e.Message;
                _logger.LogWarning("Nobody knows where {Peer} is now: {Reason}", _peer, e.Message);
            }
        }
    }
}
