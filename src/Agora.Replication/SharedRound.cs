namespace Agora.Replication;

/// <summary>
/// Lets concurrent callers share rounds of one question to the group. What a round learns is valid for every caller
/// that came before it started. So a caller never joins the round that is running, but the next one, which starts when
/// that ends.
/// </summary>
/// <param name="round">One round, which bounds its own time.</param>
internal sealed class SharedRound<T>(Func<Task<T>> round)
{
    private readonly Lock _gate = new();
    private Task<T>? _running;
    private Task<T>? _next;

    /// <summary>The result of a round that starts after this call.</summary>
    public Task<T> JoinAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_next is null && _running is null or { IsCompleted: true })
            {
                _running = round();
                return _running.WaitAsync(cancellationToken);
            }

            _next ??= StartAfterAsync(_running!);
            return _next.WaitAsync(cancellationToken);
        }
    }

    private async Task<T> StartAfterAsync(Task<T> running)
    {
        await ((Task)running).ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding
        );
        Task<T> started;
        lock (_gate)
        {
            started = _running = round();
            _next = null;
        }

        return await started;
    }
}
