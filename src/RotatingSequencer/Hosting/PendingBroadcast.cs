namespace RotatingSequencer.Hosting;

/// <summary>A payload on its way, and whoever waits for its result.</summary>
internal sealed class PendingBroadcast(ReadOnlyMemory<byte> payload, MemberLoop loop)
{
    private readonly TaskCompletionSource<ReadOnlyMemory<byte>> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ReadOnlyMemory<byte> Payload => payload;

    public Task<ReadOnlyMemory<byte>> Task => _completion.Task;

    public void Complete(ReadOnlyMemory<byte> result)
    {
        loop.Forget(payload);
        _completion.TrySetResult(result);
    }

    public void Fail(Exception exception)
    {
        loop.Forget(payload);
        _completion.TrySetException(exception);
    }
}
