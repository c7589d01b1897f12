namespace RotatingSequencer.Hosting;

/// <content>What the member says of itself.</content>
internal sealed partial class MemberLoop
{
    public MemberStatus Status
    {
        get
        {
            lock (_statusLock)
            {
                return _status;
            }
        }
    }

    public MemberDetails Details => MemberDetails.Of(_core, _otherVersions, _options.Id, _options.Members.Count, Now);

    private MemberStatus ReadStatus(long now) =>
        new(
            _core.Applied,
            _core.Stable,
            _core.Received,
            _core.Known,
            _core.IsNextSequencer,
            _core.HeardSince(now - (long)Member.ReachableWithin.TotalMicroseconds),
            Phase,
            IsOpen && _core.CanRead,
            WaitingFor()
        );

    private MemberPhase Phase =>
        _core.Operates ? MemberPhase.Member
        : _copy.IsUnderWay || _application is null ? MemberPhase.Copying
        : _core.IsJoining && _core.Received >= 0 ? MemberPhase.CatchingUp
        : MemberPhase.Meeting;

    private string? WaitingFor()
    {
        if (_core.Operates)
        {
            return null;
        }

        if (_core.LostForGood is { Count: > 0 } lost)
        {
            return $"members {string.Join(", ", lost)} have lost their disks, more than the {_core.MaxLost} that "
                + "the group can do without: restore one of them from a copy";
        }

        if (_copy.Failure is { } failure)
        {
            return $"the state cannot be copied: {failure}";
        }

        return _core.WaitsFor is { Count: > 0 } absent ? $"waits for members {string.Join(", ", absent)}" : null;
    }

    private void Publish(long now)
    {
        var status = ReadStatus(now);
        _log.Look(status, _core, _otherVersions, now);
        lock (_statusLock)
        {
            _status = status;
        }
    }
}
