namespace Agora.Web.Operations;

/// <summary>The demonstrations.</summary>
public enum DemonstrationKind
{
    /// <summary>The leader of the products database is killed, as by a crash.</summary>
    KillLeader,

    /// <summary>The lab's network loses 5% of everything for a while.</summary>
    LosePackets,

    /// <summary>One replica of the customers database is cut off for a while.</summary>
    CutReplica,
}
