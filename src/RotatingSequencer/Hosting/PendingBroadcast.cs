namespace RotatingSequencer.Hosting;

/// <summary>A payload under way, and its caller's wait for the result.</summary>
internal sealed class PendingBroadcast(ReadOnlyMemory<byte> payload, MemberLoop loop)
{
    private readonly TaskCompletionSource<ReadOnlyMemory<byte>> _completion = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );

    public ReadOnlyMemory<byte> Payload => payload;

    public Task<ReadOnlyMemory<byte>> Task => _completion.Task;

    public void Complete(ReadOnlyMemory<byte> result)
    {
        loop.StopCounting(payload);
        _completion.TrySetResult(result);
    }

    public void Fail(Exception exception)
    {
        loop.StopCounting(payload);
        _completion.TrySetException(exception);
    }
}
