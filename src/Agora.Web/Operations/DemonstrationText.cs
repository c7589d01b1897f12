namespace Agora.Web.Operations;

/// <summary>The words of a demonstration.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Path">Its name in URLs.</param>
/// <param name="Title">Its name.</param>
/// <param name="Promise">What it will do, and what should be seen.</param>
/// <param name="NeedsLab">It changes the network.</param>
internal sealed record DemonstrationText(
    DemonstrationKind Kind,
    string Path,
    string Title,
    string Promise,
    bool NeedsLab
)
{
    public static IReadOnlyList<DemonstrationText> All { get; } =
    [
        new(
            DemonstrationKind.KillLeader,
            "kill-leader",
            "Kill the products leader",
            "Four clients trade for about ten seconds. After three, the replica that leads products is killed with "
                + "kill −9. The others elect a new leader. Calls of products wait about a second; none should fail, "
                + "and every confirmed write should be there afterwards, once.",
            NeedsLab: false
        ),
        new(
            DemonstrationKind.LosePackets,
            "lose-packets",
            "Lose 5% of everything",
            "Four clients trade. For six seconds every link loses 5% of its datagrams and segments. Customers ask "
                + "again for what is missing, and TCP sends it again. Everything becomes slower; none should fail.",
            NeedsLab: true
        ),
        new(
            DemonstrationKind.CutReplica,
            "cut-replica",
            "Cut a customers replica off",
            "Four clients trade. For three seconds the network separates the last customers replica from everything. "
                + "The turn comes to it too, so writes of customers wait until the link is healed; their reads, and "
                + "all of products, go on. None should fail.",
            NeedsLab: true
        ),
    ];

    public static DemonstrationText Of(DemonstrationKind kind) => All.First(d => d.Kind == kind);
}
