namespace RotatingSequencer.Hosting;

/// <content>How the member ends, and what becomes of those who wait.</content>
internal sealed partial class MemberLoop
{
    private MemberStoppedException Stopped() => new("This member of the group has stopped.", _failure);

    private void FailIfStopped()
    {
        if (!_completion.Task.IsCompleted)
        {
            return;
        }

        while (_submissions.TryDequeue(out var pending))
        {
            pending.Fail(Stopped());
        }

        while (_barriers.TryDequeue(out var barrier))
        {
            barrier.TrySetException(Stopped());
        }
    }

    private void End()
    {
        _stopping = true;
        _stop.Cancel();
        _journal?.Dispose();
        _application?.Dispose();
        _sleeper.Dispose();
        _socket.Dispose();
        _metrics.Dispose();
        try
        {
            _log.Stopped(_failure);
        }
        catch (Exception exception)
        {
            // A logger that fails is a reason to stop like any other.
            _failure ??= exception;
        }

        var stopped = Stopped();
        _application?.FailWaiters(stopped);
        foreach (var barrier in _barrierRound)
        {
            barrier.TrySetException(stopped);
        }

        if (_failure is null)
        {
            _completion.SetResult();
        }
        else
        {
            _completion.SetException(_failure);
        }

        FailIfStopped();
    }
}
