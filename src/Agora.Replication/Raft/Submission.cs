namespace Agora.Replication.Raft;

/// <summary>A command that waits for its reply.</summary>
internal sealed class Submission(Command command)
    : TaskCompletionSource<ReadOnlyMemory<byte>>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public Command Command { get; } = command;
}
