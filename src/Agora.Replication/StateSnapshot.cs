using Agora.Replication.Raft;

namespace Agora.Replication;

/// <summary>The state at one position, for another replica.</summary>
/// <param name="Position">Its position.</param>
/// <param name="Terms">With Raft: the terms of the entries up to it.</param>
/// <param name="File">The state itself, in a file that is gone when it is closed.</param>
internal sealed record StateSnapshot(long Position, TermRun[] Terms, FileStream File) : IAsyncDisposable
{
    /// <summary>With the rotating sequencer: what a journal that goes on from this state begins with.</summary>
    public ReadOnlyMemory<byte> Member { get; init; }

    public ValueTask DisposeAsync() => File.DisposeAsync();

    /// <summary>Opens a file that the state was written to, and that is gone when it is closed.</summary>
    public static FileStream Open(string path) =>
        new(
            path,
            FileMode.Open,
            FileAccess.Read,
            FileShare.Read,
            1 << 16,
            FileOptions.DeleteOnClose | FileOptions.Asynchronous
        );
}
