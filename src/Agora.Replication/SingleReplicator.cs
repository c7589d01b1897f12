using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Agora.Replication;

/// <summary>A group of one: its own majority. Applies what waits together as one batch, durable before it is answered.</summary>
internal sealed class SingleReplicator(ReplicatedStore store, ILogger<SingleReplicator> logger) : IReplicator
{
    private const int MaxBatch = 512;

    private readonly Channel<Submission> _submissions = Channel.CreateBounded<Submission>(new BoundedChannelOptions(4096) { SingleReader = true });
    private Task? _loop;

    public Task Completion => _loop ?? Task.CompletedTask;

    public ReplicatorStatus Status => new("single", "leader", store.Applied, store.Applied, _loop is { IsCompleted: false }, 0);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        logger.LogInformation("A group of one replica: nothing is replicated");
        _loop = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken)
    {
        Submission submission = new(command);
        return _submissions.Writer.TryWrite(submission)
            ? submission.Task.WaitAsync(cancellationToken)
            : throw new ReplicaUnavailableException("overloaded or stopping");
    }

    public Task ReadBarrierAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<long> ConfirmReadPositionAsync(CancellationToken cancellationToken) => Task.FromResult(store.Applied);

    public async ValueTask DisposeAsync()
    {
        _submissions.Writer.TryComplete();
        if (_loop is { } loop)
        {
            await ((Task)loop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RunAsync()
    {
        List<Submission> batch = [];
        try
        {
            while (await _submissions.Reader.WaitToReadAsync())
            {
                batch.Clear();
                while (batch.Count < MaxBatch && _submissions.Reader.TryRead(out Submission? submission))
                {
                    batch.Add(submission);
                }

                ReadOnlyMemory<byte>[] replies = new ReadOnlyMemory<byte>[batch.Count];
                store.Apply(store.Applied + batch.Count, [.. batch.Select(s => s.Command)], replies);
                while (store.Flush() < store.Applied)
                {
                    await Task.Delay(1);
                }

                for (int i = 0; i < batch.Count; i++)
                {
                    batch[i].TrySetResult(replies[i]);
                }
            }
        }
        finally
        {
            _submissions.Writer.TryComplete();
            while (_submissions.Reader.TryRead(out Submission? left))
            {
                batch.Add(left);
            }

            foreach (Submission submission in batch)
            {
                submission.TrySetException(new ReplicaUnavailableException("This replica is stopping."));
            }
        }
    }

    private sealed class Submission(Command command) : TaskCompletionSource<ReadOnlyMemory<byte>>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public Command Command { get; } = command;
    }
}
