namespace Agora.Replication.Raft;

/// <summary>
/// What a replica has acknowledged to another one as that one's follower, as far as it must still hold true. The leader
/// remembers it in memory, also after it has stopped leading.
/// </summary>
/// <remarks>
/// <para>A replica R that starts asks the others for it before it takes part (<see cref="ReturnProcedure"/>). If its
/// files know less, they are an older copy of its own. A replica that was only restarted is never taken for one:</para>
/// <list type="bullet">
/// <item><b>Term.</b> R had the term on its disk before it acknowledged anything in it, and terms only grow.</item>
/// <item><b>Index.</b> R had the entry on its disk before it acknowledged it. Later it may rightly have been replaced,
/// but only by the leader of a later term, after R had that term on its disk: so the index counts only where R is still
/// in this very term. In one term there is one leader, its log only grows, and what it sends agrees with what it has
/// sent. An entry at or behind the leader's first one of its term is itself of that term. What R acknowledges below
/// that is not remembered as an index.</item>
/// <item><b>Committed.</b> No later leader replaces a committed entry. R acknowledged it, so R held it on its disk. It
/// counts whichever term R is in.</item>
/// <item><b>R lost its disk since, and joined.</b> It then has the term T and a state at or above the entry E with
/// which it joined, and R asked for E after it had acknowledged all of this. The term is that of a leader who was
/// elected: nobody joins in an earlier term after that (<see cref="JoinProcedure"/>), so it is at most T. If it is T, E
/// is behind the index, as the leader of T appended E behind all that it had sent. What was committed before E was
/// asked for is below E.</item>
/// </list>
/// <para>Not remembered is what R promised to nobody who led: its votes for candidates that lost, and terms that it
/// reached without a leader. After a join these may rightly be unknown to R, so they prove nothing.</para>
/// </remarks>
/// <param name="Term">The last term in which the replica acknowledged anything; 0 where it never did.</param>
/// <param name="Index">The highest entry of this term that it acknowledged; 0 for none.</param>
/// <param name="Committed">It has acknowledged everything up to here, and all of it was committed then.</param>
internal readonly record struct Acknowledgement(long Term, long Index, long Committed)
{
    /// <summary>This and a further one to the same leader.</summary>
    /// <param name="term">The term in which it leads: this one or a later one.</param>
    /// <param name="index">What is acknowledged.</param>
    /// <param name="firstOfTerm">The leader's first entry of the term.</param>
    /// <param name="committed">What the leader has committed.</param>
    public Acknowledgement With(long term, long index, long firstOfTerm, long committed) =>
        new(
            term,
            Math.Max(term == Term ? Index : 0, index >= firstOfTerm ? index : 0),
            Math.Max(Committed, Math.Min(index, committed))
        );

    /// <summary>What of this a replica's files do not know; null if they know it all.</summary>
    /// <param name="reached">The term of its ballot.</param>
    /// <param name="log">Its log, which is on its disk.</param>
    public string? MissingIn(long reached, RaftLog log) =>
        reached < Term ? $"it has reached term {Term}, and its ballot is at term {reached}"
        : reached == Term && Index > log.BaseIndex && log.TermAt(Index) != Term
            ? $"it has acknowledged entry {Index} of term {Term}, and its log of entries up to {log.LastIndex} lacks it"
        : log.LastIndex < Committed
            ? $"it has acknowledged entry {Committed}, which is committed, and its log ends at {log.LastIndex}"
        : null;
}
