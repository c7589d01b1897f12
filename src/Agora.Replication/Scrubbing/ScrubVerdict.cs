namespace Agora.Replication.Scrubbing;

/// <summary>What the findings of a group's replicas at one position say. A function of the findings alone.</summary>
/// <param name="IsDecided">A majority of the group has the same state, and each of its files is whole.</param>
/// <param name="Odd">If so, the replicas that differ from it; otherwise nobody.</param>
/// <param name="IsSplit">Some differ, or are damaged, and no majority is left that could have the same.</param>
internal sealed record ScrubVerdict(bool IsDecided, IReadOnlyList<int> Odd, bool IsSplit)
{
    /// <summary>Judges the findings by replica number; null for those that are not known.</summary>
    public static ScrubVerdict Of(IReadOnlyList<ScrubResult?> findings)
    {
        var majority = (findings.Count / 2) + 1;
        var unknown = findings.Count(finding => finding is null);
        var largest = findings
            .Where(finding => finding is { Damage: null })
            .GroupBy(finding => finding!.Sha256, StringComparer.Ordinal)
            .MaxBy(same => same.Count());
        var equal = largest?.Count() ?? 0;
        if (equal < majority)
        {
            return new ScrubVerdict(false, [], equal + unknown < majority);
        }

        return new ScrubVerdict(
            true,
            [
                .. findings
                    .Index()
                    .Where(each => each.Item is { } f && (f.Damage is not null || f.Sha256 != largest!.Key))
                    .Select(each => each.Index),
            ],
            false
        );
    }
}
