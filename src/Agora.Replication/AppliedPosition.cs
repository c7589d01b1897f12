namespace Agora.Replication;

/// <summary>The position up to which a store has applied the log, and the callers that wait for it to grow.</summary>
internal sealed class AppliedPosition
{
    private readonly List<Waiter> _waiters = [];
    private long _value = -1; // Committed in the file. Written by the applier only.
    private bool _isClosed;

    /// <summary>−1 at the start.</summary>
    public long Value => Volatile.Read(ref _value);

    /// <summary>Sets the position.</summary>
    public void Set(long position)
    {
        Volatile.Write(ref _value, position);
        lock (_waiters)
        {
            foreach (var waiter in _waiters)
            {
                if (waiter.Position <= position)
                {
                    waiter.TrySetResult();
                }
            }
        }
    }

    /// <summary>Completes once the position is at or above <paramref name="position"/>.</summary>
    public async Task WaitAsync(long position, CancellationToken cancellationToken)
    {
        if (Value >= position)
        {
            return;
        }

        Waiter waiter = new(position);
        lock (_waiters)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            if (Value >= position)
            {
                return;
            }

            _waiters.Add(waiter);
        }

        try
        {
            await waiter.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            lock (_waiters)
            {
                _waiters.Remove(waiter);
            }
        }
    }

    /// <summary>Sends all callers away; false where that was done before.</summary>
    public bool TryClose()
    {
        lock (_waiters)
        {
            if (_isClosed)
            {
                return false;
            }

            _isClosed = true;
            foreach (var waiter in _waiters)
            {
                waiter.TrySetException(new ReplicaUnavailableException("This replica is stopping."));
            }

            return true;
        }
    }

    private sealed class Waiter(long position)
        : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public long Position { get; } = position;
    }
}
