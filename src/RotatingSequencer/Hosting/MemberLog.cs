using System.Net;
using Microsoft.Extensions.Logging;
using RotatingSequencer.Core;

namespace RotatingSequencer.Hosting;

/// <summary>
/// Says to the application's log what an operator wants to know: the start, the end, and what changes between them.
/// Nothing is logged for a message or a datagram. The loop's thread alone calls it.
/// </summary>
internal sealed partial class MemberLog(MemberOptions options, long applied, long epoch, bool returns)
{
    /// <summary>Microseconds between two looks at what may change often.</summary>
    private const long Interval = 500_000;

    private readonly ILogger _logger = options.Logger;
    private readonly int _self = options.Id;
    private readonly int _members = options.Members.Count;
    private MemberPhase _phase = MemberPhase.Meeting;
    private string? _waitingFor;
    private long _epoch = epoch;
    private long _lookAt;
    private ulong _silent;
    private ulong _ofOtherVersion;

    public void Started()
    {
        var journal = options.JournalDirectory ?? "none, all is in memory";
        LogStarted(_self, _members, options.Own, journal, applied, _epoch);
        if (returns && _epoch == 0)
        {
            LogReturns(_self);
        }
    }

    /// <summary>Logs what has changed since the last call.</summary>
    /// <param name="status">What the member says of itself.</param>
    /// <param name="core">What it knows of the others.</param>
    /// <param name="otherVersions">In whose name datagrams of another version come.</param>
    /// <param name="now">The time in microseconds.</param>
    public void Look(in MemberStatus status, BroadcastCore core, OtherVersions otherVersions, long now)
    {
        if (core.EpochNumber != _epoch)
        {
            _epoch = core.EpochNumber;
            if (_epoch > 0)
            {
                LogEpoch(_self, _epoch);
            }
        }

        if (status.Phase != _phase)
        {
            LogPhase(_phase, status);
            _phase = status.Phase;
        }

        if (now < _lookAt)
        {
            return;
        }

        _lookAt = now + Interval;
        if (status.WaitingFor is { } waitingFor && waitingFor != _waitingFor)
        {
            LogWaits(_self, waitingFor);
        }

        _waitingFor = status.WaitingFor;
        LookAtPeers(core, otherVersions, now);
    }

    public void Copied(long position) => LogCopied(_self, position);

    public void CopyIsOfNoUse(string reason) => LogCopyIsOfNoUse(_self, reason);

    public void JournalBegins(long after) => LogJournalBegins(_self, after);

    /// <summary>A member is somewhere else; or its address is known for the first time.</summary>
    public void Moved(int peer, IPEndPoint? from, IPEndPoint to)
    {
        if (from is null)
        {
            LogFound(_self, peer, to);
        }
        else
        {
            LogMoved(_self, peer, to, from);
        }
    }

    /// <summary>It is not known where a member is now; perhaps it never was.</summary>
    public void NotResolved(int peer, IPEndPoint? address, string reason)
    {
        if (address is null)
        {
            LogNotFound(_self, peer, reason);
        }
        else
        {
            LogNotResolved(_self, peer, address, reason);
        }
    }

    public void Stopped(Exception? failure)
    {
        switch (failure)
        {
            case null:
                LogStopped(_self);
                break;
            case ProtocolViolationException:
                // Its message says what an operator can do; where it was thrown helps nobody.
                LogStops(_self, failure.Message);
                break;
            default:
                LogFailed(failure, _self, failure.Message);
                break;
        }
    }

    private void LogPhase(MemberPhase before, in MemberStatus status)
    {
        switch (status.Phase)
        {
            case MemberPhase.Member:
                LogTakesPart(_self);
                break;
            case MemberPhase.Copying:
                LogCopies(_self);
                break;
            case MemberPhase.CatchingUp:
                LogCatchesUp(_self, status.Known);
                break;
            default:
                if (before == MemberPhase.Member)
                {
                    LogPauses(_self);
                }

                break;
        }
    }

    private void LookAtPeers(BroadcastCore core, OtherVersions otherVersions, long now)
    {
        for (var peer = 0; peer < _members; peer++)
        {
            var bit = 1UL << peer;
            var (heard, _) = core.KnownOf(peer);
            var isHeard = heard >= 0 && now - heard <= Member.ReachableWithin.TotalMicroseconds;
            LookAtVersion(peer, otherVersions.Of(peer, heard, now), isHeard);
            if (peer == _self || heard < 0)
            {
                // Its first datagram has not come yet: what this member waits for says so.
                continue;
            }

            if (!isHeard && (_silent & bit) == 0)
            {
                LogSilent(_self, peer, Member.ReachableWithin.TotalSeconds);
            }
            else if (isHeard && (_silent & bit) != 0)
            {
                LogHeard(_self, peer);
            }

            _silent = isHeard ? _silent & ~bit : _silent | bit;
        }
    }

    // Once for a member, until it is heard: anybody can send such datagrams.
    private void LookAtVersion(int peer, int? otherVersion, bool isHeard)
    {
        var bit = 1UL << peer;
        if (otherVersion is { } version)
        {
            if ((_ofOtherVersion & bit) == 0)
            {
                LogOtherVersion(
                    _self,
                    version,
                    peer,
                    options.Members[peer]?.ToString() ?? "address unknown",
                    Member.DatagramVersion
                );
            }

            _ofOtherVersion |= bit;
        }
        else if (isHeard)
        {
            _ofOtherVersion &= ~bit;
        }
    }

    [LoggerMessage(
        1,
        LogLevel.Information,
        "Member {Member} of {Members} listens on {Address}, journal: {Journal}, applied: {Applied}, epoch: {Epoch}"
    )]
    private partial void LogStarted(
        int member,
        int members,
        IPEndPoint address,
        string journal,
        long applied,
        long epoch
    );

    [LoggerMessage(
        2,
        LogLevel.Warning,
        "Member {Member} was in its group before, but has no journal of it: it joins again as a new member"
    )]
    private partial void LogReturns(int member);

    [LoggerMessage(3, LogLevel.Information, "Member {Member} does not take part yet: {WaitingFor}")]
    private partial void LogWaits(int member, string waitingFor);

    [LoggerMessage(4, LogLevel.Information, "Member {Member} is in epoch {Epoch}")]
    private partial void LogEpoch(int member, long epoch);

    [LoggerMessage(5, LogLevel.Information, "Member {Member} takes part")]
    private partial void LogTakesPart(int member);

    [LoggerMessage(
        6,
        LogLevel.Information,
        "Member {Member} pauses: the members agree on what comes next, after one of them has started"
    )]
    private partial void LogPauses(int member);

    [LoggerMessage(7, LogLevel.Information, "Member {Member} copies the application's state from another member")]
    private partial void LogCopies(int member);

    [LoggerMessage(8, LogLevel.Information, "Member {Member} has copied the application's state up to {Applied}")]
    private partial void LogCopied(int member, long applied);

    [LoggerMessage(
        9,
        LogLevel.Warning,
        "Member {Member} cannot use the state that it has copied, and copies it again: {Reason}"
    )]
    private partial void LogCopyIsOfNoUse(int member, string reason);

    [LoggerMessage(10, LogLevel.Information, "Member {Member} catches up, known: {Known}")]
    private partial void LogCatchesUp(int member, long known);

    [LoggerMessage(
        11,
        LogLevel.Warning,
        "Member {Member} has not heard member {Peer} for {Seconds} s; new requests wait until it is heard"
    )]
    private partial void LogSilent(int member, int peer, double seconds);

    [LoggerMessage(12, LogLevel.Information, "Member {Member} hears member {Peer} again")]
    private partial void LogHeard(int member, int peer);

    [LoggerMessage(13, LogLevel.Debug, "Member {Member} begins a new journal after {Applied}")]
    private partial void LogJournalBegins(int member, long applied);

    [LoggerMessage(14, LogLevel.Information, "Member {Member} has stopped")]
    private partial void LogStopped(int member);

    [LoggerMessage(15, LogLevel.Error, "Member {Member} stops: {Reason}")]
    private partial void LogStops(int member, string reason);

    [LoggerMessage(16, LogLevel.Error, "Member {Member} stops: {Reason}")]
    private partial void LogFailed(Exception failure, int member, string reason);

    [LoggerMessage(
        17,
        LogLevel.Information,
        "Member {Member} sends to member {Peer} at {Address} from now on; it was {Before}"
    )]
    private partial void LogMoved(int member, int peer, IPEndPoint address, IPEndPoint before);

    [LoggerMessage(
        18,
        LogLevel.Warning,
        "Member {Member} cannot find out where member {Peer} is, and still sends to {Address}: {Reason}"
    )]
    private partial void LogNotResolved(int member, int peer, IPEndPoint address, string reason);

    [LoggerMessage(19, LogLevel.Information, "Member {Member} sends to member {Peer} at {Address}")]
    private partial void LogFound(int member, int peer, IPEndPoint address);

    [LoggerMessage(
        20,
        LogLevel.Warning,
        "Member {Member} cannot find out where member {Peer} is, and sends it nothing until it can: {Reason}"
    )]
    private partial void LogNotFound(int member, int peer, string reason);

    [LoggerMessage(
        21,
        LogLevel.Warning,
        "Member {Member}: datagrams of version {Version} come in the name of member {Peer} ({Address}), and this "
            + "program speaks version {Own}. They are dropped: let both run the same version of the program"
    )]
    private partial void LogOtherVersion(int member, int version, int peer, string address, int own);
}
