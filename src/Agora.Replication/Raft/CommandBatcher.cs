using System.Buffers;
using System.Threading.Channels;

namespace Agora.Replication.Raft;

/// <summary>
/// Takes the leader's commands and makes entries of them. One entry carries what has queued while the entry before was
/// under way: each entry costs a sync, and each apply wakes all callers.
/// </summary>
/// <param name="node">This replica in the group.</param>
/// <param name="applier">Hands out the replies.</param>
/// <param name="fail">Called with what ends the process.</param>
/// <param name="stop">Ends the entry under way.</param>
internal sealed class CommandBatcher(
    RaftNode node,
    CommandApplier applier,
    Action<Exception> fail,
    CancellationToken stop
)
{
    private const int MaxBatchCommands = 512;
    private const int MaxBatchBytes = 256 << 10;
    private const int MaxQueuedCommands = 4096;
    private const long MaxQueuedBytes = 32 << 20;

    private static readonly TimeSpan s_batchTimeout = TimeSpan.FromSeconds(10);

    private readonly Channel<Submission> _queue = Channel.CreateBounded<Submission>(
        new BoundedChannelOptions(MaxQueuedCommands) { SingleReader = true }
    );

    private long _queuedBytes;
    private volatile bool _isClosed;

    /// <summary>Queues a command; completes with its reply.</summary>
    /// <exception cref="ReplicaUnavailableException">There is no room, this replica stops, or the outcome is
    /// unknown.</exception>
    public Task<ReadOnlyMemory<byte>> SubmitAsync(Command command, CancellationToken cancellationToken)
    {
        if (Interlocked.Add(ref _queuedBytes, command.EncodedSize) <= MaxQueuedBytes)
        {
            Submission submission = new(command);
            if (_queue.Writer.TryWrite(submission))
            {
                return submission.Task.WaitAsync(cancellationToken);
            }
        }

        Interlocked.Add(ref _queuedBytes, -command.EncodedSize);
        throw new ReplicaUnavailableException(_isClosed ? "This replica is stopping." : "overloaded", node.Leader);
    }

    /// <summary>Takes no more commands; those that wait are still ordered.</summary>
    public void Close()
    {
        _isClosed = true;
        _queue.Writer.TryComplete();
    }

    /// <summary>Orders what is submitted until it is closed. When this ends, every submission is answered.</summary>
    public async Task RunAsync()
    {
        List<Submission> batch = [];
        ArrayBufferWriter<byte> buffer = new(MaxBatchBytes / 4);
        try
        {
            while (await _queue.Reader.WaitToReadAsync())
            {
                batch.Clear();
                var bytes = 0;
                while (
                    batch.Count < MaxBatchCommands && bytes < MaxBatchBytes && _queue.Reader.TryRead(out var submission)
                )
                {
                    batch.Add(submission);
                    bytes += submission.Command.EncodedSize;
                }

                // An array of its own: the applier may still be completing it when the batcher has given it up.
                await ReplicateAsync([.. batch], buffer);
                if (buffer.Capacity > 4 * MaxBatchBytes)
                {
                    buffer = new ArrayBufferWriter<byte>(MaxBatchBytes / 4);
                }
            }
        }
        catch (Exception e)
        {
            fail(e);
        }
        finally
        {
            while (_queue.Reader.TryRead(out var left))
            {
                left.TrySetException(new ReplicaUnavailableException("This replica is stopping.", node.Leader));
            }
        }
    }

    // Every submission of the batch is answered when this returns.
    private async Task ReplicateAsync(Submission[] submissions, ArrayBufferWriter<byte> buffer)
    {
        Exception? failure = null;
        if (node.Current is { } member)
        {
            var batch = CommandBatch.Encode(member.State.Ballot.State.Term, submissions, buffer);
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stop);
            timeout.CancelAfter(s_batchTimeout);
            try
            {
                await member.ReplicateAsync(batch, timeout.Token);
            }
            catch (LeadershipLostException e)
            {
                failure = e;
            }
            catch (OperationCanceledException e) when (timeout.IsCancellationRequested)
            {
                failure = e;
            }
            catch (Exception e)
            {
                failure = e;
                fail(e);
            }

            applier.Forget(batch);
        }

        // Another leader may still commit the entry: the outcome is unknown, and a retry finds the reply if there is
        // one.
        foreach (var submission in submissions)
        {
            Interlocked.Add(ref _queuedBytes, -submission.Command.EncodedSize);
            if (!submission.Task.IsCompleted)
            {
                submission.TrySetException(
                    new ReplicaUnavailableException(
                        "The outcome is unknown: this replica lost its leadership.",
                        node.Leader,
                        failure
                    )
                );
            }
        }
    }
}
