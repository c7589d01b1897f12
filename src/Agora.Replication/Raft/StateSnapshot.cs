namespace Agora.Replication.Raft;

/// <summary>The state at one position, with the terms of the entries up to it.</summary>
internal sealed record StateSnapshot(long Position, TermRun[] Terms, FileStream File) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => File.DisposeAsync();
}
