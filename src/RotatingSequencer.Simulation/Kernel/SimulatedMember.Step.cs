using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <content>
/// A step, and what the disk and the application do between steps.
/// </content>
internal sealed partial class SimulatedMember
{
    /// <summary>Longest time that copying a state takes: less than the group has to settle.</summary>
    private const long MaxCopying = 2_000_000;

    private void Step()
    {
        if (_core is not { } core || _world.Now < _pausedUntil)
        {
            Wake(_pausedUntil);
            return;
        }

        Steps++;
        try
        {
            Step(core);
        }
        catch (JournalLostException lost)
        {
            Crash(powerLoss: false, staysDown: true);
            LoseJournal(lost.Message);
            _world.At(_world.Now + _random.Between(1, _setup.Outage), Start);
        }
        catch (MemberReplacedException replaced)
        {
            _world.Trace?.Add($"m{_id} stops: {replaced.Message}");
            Crash(powerLoss: false, staysDown: true);
            _world.IsReplaced(this);
        }
    }

    private void Step(BroadcastCore core)
    {
        _world.Recording?.BeginStep(_id);
        var now = _world.Now;
        var dies = !_calm && _random.Chance(_setup.DeathWithinStep) ? _random.Next(1, 6) : 0;
        ReceiveSome(core, now);
        CopyState(core);
        while (!core.IsJoining && _submitted.TryDequeue(out var payload))
        {
            core.Submit(payload);
        }

        TakeCompletions(core, now);
        core.Act(now);
        if (dies == 1)
        {
            DieWithinStep();
            return;
        }

        Send(core, stopMidway: dies == 2);
        if (dies is 2 or 3)
        {
            DieWithinStep();
            return;
        }

        _world.Observer.Acted(Process, core);
        HandOver(core);
        CheckNothingIsLeft(core, now);
        _world.Observer.Check(Process, core);
        _world.Recording?.EndStep();
        if (dies > 3)
        {
            DieWithinStep();
            return;
        }

        BrokenRule.Unless(
            core.WakeAt > now,
            "a member sleeps until something is due",
            $"member {_id} wants to act at {core.WakeAt}"
        );
        Wake(_socket.Count > 0 ? now + 1 : Math.Min(core.WakeAt, now + MaxSleep));
    }

    private void DieWithinStep()
    {
        _world.Statistics.DeathsWithinStep++;
        Crash(_random.Chance(_setup.PowerLoss));
    }

    private void ReceiveSome(BroadcastCore core, long now)
    {
        for (
            var drain = _random.Chance(0.9) ? 128 : _random.Next(1, 4);
            drain > 0 && _socket.TryDequeue(out var arrived);
            drain--
        )
        {
            var datagram = arrived.Bytes;
            if (arrived.Record is { } record)
            {
                _world.Recording?.Receives(record);
            }

            _world.Trace?.Add($"m{_id} ← {DatagramText.Describe(datagram, _setup.Members)}");
            _world.Observer.Receives(Process, datagram, now);
            core.Receive(_world.Defect == Defect.BelievesTooMuch ? ExaggeratedClaims.Of(datagram) : datagram, now);
        }
    }

    private void TakeCompletions(BroadcastCore core, long now)
    {
        if (_disk.IsIdle && _setup.Journal && !_options!.StateLost && _disk.Growth > _flushAt)
        {
            _flushAt = _disk.Growth + (_setup.MaxJournalGrowth / 4);
            _application.FlushRequested = true;
            Apply();
        }

        if (_options!.StateLost)
        {
            return;
        }

        if (_application.Flushed is not { } flushed)
        {
            core.OnApplied(_world.Defect == Defect.AppliedTooEarly ? core.Delivered : _application.Applied);
        }
        else if (_disk.IsIdle)
        {
            core.OnApplied(flushed.Number);
            _checkpoint.ResetWrittenCount();
            core.BeginCheckpoint(_checkpoint, flushed.Position, flushed.Partial);
            _flushAt = _setup.MaxJournalGrowth;
            BeginWrite(_checkpoint.WrittenSpan, replaces: true);
            _application.ResumeAfterFlush();
            Apply();
        }

        if (core.CanRead && !core.BarrierUnderWay && _barrierWanted)
        {
            _barrierWanted = false;
            _barrierFloor = _world.Observer.ReadFloor;
            core.StartBarrier(now);
        }
    }

    /// <summary>Sends all copies of all datagrams; only some when the member dies meanwhile.</summary>
    private void Send(BroadcastCore core, bool stopMidway)
    {
        var datagrams = core.Outbox.Close();
        foreach (var datagram in datagrams)
        {
            _world.Observer.Sends(Process, datagram.Destination, datagram.Bytes, _world.Now);
        }

        foreach (var datagram in datagrams)
        {
            var bytes =
                _world.Defect == Defect.ClaimsTooMuch ? ExaggeratedClaims.Of(datagram.Bytes) : datagram.Bytes.ToArray();
            _world.Observer.CheckClaims(Process, bytes);
            var destination = datagram.Destination < 0 ? "all" : $"{datagram.Destination}";
            _world.Trace?.Add($"m{_id} → {destination}: {DatagramText.Describe(bytes, _setup.Members)}");
            for (var i = 1; i < _setup.Members; i++)
            {
                var to = (_id + i) % _setup.Members;
                if (datagram.Destination == to || datagram.Destination == Outbox.All)
                {
                    if (stopMidway && _random.Chance(0.3))
                    {
                        return;
                    }

                    var record = _world.Recording?.Sends(_id, to, bytes, datagram.Destination == Outbox.All);
                    _world.Network.Send(_id, to, bytes, record);
                }
            }
        }

        core.Outbox.Clear();
    }

    private void HandOver(BroadcastCore core)
    {
        foreach (var request in core.Deliveries)
        {
            _world.Trace?.Add($"m{_id} delivers {request.Number} = {request.Id}");
            _world.Observer.Delivers(Process, request);
            if (request.Number > _application.Seen)
            {
                _world.Recording?.Delivers(request.Number, request.Id);
            }
        }

        _application.Deliver(core.Deliveries);
        Apply();
        if (_setup.Journal && _disk.IsIdle && core.WantsSync)
        {
            _disk.Begin(core.Records.WrittenSpan, replaces: false);
            core.BeginSync();
            CompleteWrite();
            if (_world.Defect == Defect.SaysSyncedTooEarly)
            {
                core.SyncCompleted();
            }
        }

        if (core.EpochNumber != _epoch)
        {
            _epoch = core.EpochNumber;
            for (var i = 0; i < _barriers.Count; i++)
            {
                _barriers[i] = Math.Min(_barriers[i], core.Cut);
            }
        }

        if (core.TryFinishBarrier(out var target))
        {
            _world.Statistics.Barriers++;
            BrokenRule.Unless(
                target >= _barrierFloor,
                "a read sees what was delivered before it began",
                $"member {_id} would read at {target}, not {_barrierFloor}"
            );
            _barriers.Add(target);
        }

        if (_barriers.RemoveAll(target => target <= _application.Applied) > 0)
        {
            _world.Recording?.Happens(_id, MemberEvent.Reads);
        }
    }

    /// <summary>Checks that nothing waits that could be done now.</summary>
    private void CheckNothingIsLeft(BroadcastCore core, long now)
    {
        if (!_random.Chance(0.1))
        {
            return;
        }

        var records = core.Records.WrittenCount;
        core.Act(now);
        var datagrams = core.Outbox.Close();
        BrokenRule.Unless(
            datagrams.Count == 0 && core.Deliveries.Count == 0 && core.Records.WrittenCount == records,
            "a member does at once what it can",
            $"member {_id} sends {datagrams.Count} and delivers {core.Deliveries.Count} more when it acts again"
        );
    }

    private void BeginWrite(ReadOnlySpan<byte> bytes, bool replaces)
    {
        _disk.Begin(bytes, replaces);
        CompleteWrite();
    }

    private void CompleteWrite()
    {
        var life = _life;
        _world.At(
            _world.Now + Slowly(_setup.Sync),
            () =>
            {
                if (_life != life)
                {
                    return;
                }

                var (bytes, replaces) = _disk.Writing;
                _ = replaces ? _world.Statistics.Checkpoints++ : _world.Statistics.Syncs++;
                _disk.Complete();
                _world.Observer.Synced(Process, bytes, replaces, _disk.Content);
                _core!.SyncCompleted();
                Wake(_world.Now + Scheduling());
            }
        );
    }

    /// <summary>Copies the state from another member, when this one joins and needs it.</summary>
    private void CopyState(BroadcastCore core)
    {
        if (_copying || core.StateHolders is not { Count: > 0 } holders)
        {
            return;
        }

        core.BeginCopy();
        _options = _options! with { StateLost = true };
        var (life, holder) = (_life, holders[_random.Next(holders.Count)]);
        _copying = true;
        _world.At(
            _world.Now + Math.Min(Slowly(4 * _setup.Hop), MaxCopying),
            () =>
            {
                if (_life == life)
                {
                    FinishCopy(_world.ProcessOf(holder));
                }
            }
        );
    }

    private void FinishCopy(SimulatedMember holder)
    {
        _copying = false;
        if (holder._core is { IsJoining: false } && _disk.IsIdle)
        {
            var copied = holder._application.Capture();
            _world.Statistics.StatesCopied++;
            _world.Trace?.Add($"m{_id} has copied the state at {copied.Applied} from m{holder._id}");
            _application.Put(copied.Position);
            if (!_calm && _random.Chance(0.1))
            {
                // Before the journal that belongs to it.
                Crash(powerLoss: false);
                return;
            }

            var state = _core!.WithCopy(copied);
            _checkpoint.ResetWrittenCount();
            JournalFormat.WriteCheckpoint(_checkpoint, state);
            _disk.Put(_checkpoint.WrittenSpan);
            _options = _options! with { StateLost = false, FirstToken = _random.NextInt64(1L << 61) };
            CountCore(_core);
            Begin(state);
        }

        Wake(_world.Now + Scheduling());
    }

    private void Apply()
    {
        if (_applying || !_application.HasWork)
        {
            return;
        }

        var life = _life;
        _applying = true;
        _world.At(
            _world.Now + Slowly(_setup.Apply),
            () =>
            {
                if (_life != life)
                {
                    return;
                }

                _applying = false;
                _application.Work(_random.Chance(0.5) ? 256 : _random.Next(1, 20), _calm || _random.Chance(0.7));
                if (_core!.WaitsForRoom || _application.Flushed is not null || _barriers.Count > 0)
                {
                    Wake(_world.Now + Scheduling());
                }

                Apply();
            }
        );
    }
}
