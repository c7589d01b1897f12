namespace Agora.Replication;

/// <summary>How much of another replica's state has come, for people who watch.</summary>
internal sealed class StateProgress
{
    private long _copied;
    private long _total;

    /// <summary>Bytes that have come, and bytes that there are; both 0 while nothing is copied.</summary>
    public (long Copied, long Total) Bytes => (Interlocked.Read(ref _copied), Interlocked.Read(ref _total));

    /// <summary>So many have come, of so many.</summary>
    public void Set(long copied, long total)
    {
        Interlocked.Exchange(ref _copied, copied);
        Interlocked.Exchange(ref _total, total);
    }
}
