namespace RotatingSequencer.Hosting;

/// <summary>
/// Fetches the application's state for a member that joins, beside the loop: one attempt at a time, with a rest after
/// one that failed.
/// </summary>
internal sealed class StateCopy(
    Func<IReadOnlyList<int>, CancellationToken, Task<ReadOnlyMemory<byte>>>? fetch,
    Action wakeLoop,
    CancellationToken stop
)
{
    /// <summary>Microseconds from a failure to the next attempt.</summary>
    private const long Rest = 1_000_000;

    private Task<ReadOnlyMemory<byte>>? _underWay;
    private long _againAt;

    /// <summary>Whether the application can be copied at all.</summary>
    public bool IsPossible => fetch is not null;

    public bool IsUnderWay => _underWay is not null;

    /// <summary>Whether an attempt has ended, and waits for the loop.</summary>
    public bool HasWorkForLoop => _underWay is { IsCompleted: true };

    /// <summary>Why the last attempt failed; null if it did not.</summary>
    public string? Failure { get; private set; }

    public bool MayBegin(long now) => _underWay is null && now >= _againAt;

    /// <exception cref="JournalLostException">The application cannot be copied.</exception>
    public void Begin(IReadOnlyList<int> holders)
    {
        if (fetch is null)
        {
            throw new JournalLostException(
                "This member has lost its journal, and its application cannot be copied from another member."
            );
        }

        _underWay = Task.Run(() => fetch(holders, stop), stop);
        _underWay.ContinueWith(_ => wakeLoop(), TaskScheduler.Default);
    }

    /// <summary>Ends an attempt that is complete; null when it failed.</summary>
    public ReadOnlyMemory<byte>? Take(long now)
    {
        try
        {
            return _underWay!.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            Fail(e.Message, now);
            return null;
        }
        finally
        {
            _underWay = null;
        }
    }

    /// <summary>What was fetched is of no use.</summary>
    public void Fail(string why, long now)
    {
        Failure = why;
        _againAt = now + Rest;
    }
}
