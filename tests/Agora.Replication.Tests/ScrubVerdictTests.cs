using Agora.Replication.Scrubbing;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>
/// Findings are written as letters: equal letters are equal states, '!' is a damaged file, '?' is unknown.
/// </summary>
public sealed class ScrubVerdictTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("aa?")]
    [InlineData("aaaaa")]
    [InlineData("a?a?a")]
    public void Where_a_majority_agrees_and_nobody_differs_all_is_well(string findings) =>
        AssertVerdict(findings, isDecided: true, isSplit: false);

    [Theory]
    [InlineData("aab", 2)]
    [InlineData("aa!", 2)]
    [InlineData("baaa?", 0)]
    [InlineData("!bccc", 0, 1)]
    public void Who_differs_from_a_majority_is_odd(string findings, params int[] odd) =>
        AssertVerdict(findings, isDecided: true, isSplit: false, odd);

    [Theory]
    [InlineData("ab")]
    [InlineData("abc")]
    [InlineData("aabb!")]
    [InlineData("!")]
    [InlineData("!!!")]
    public void Without_a_majority_nobody_is_odd(string findings) =>
        AssertVerdict(findings, isDecided: false, isSplit: true);

    [Theory]
    [InlineData("a??")]
    [InlineData("ab?")]
    [InlineData("aabb?")]
    public void While_a_majority_may_still_come_nothing_is_said(string findings) =>
        AssertVerdict(findings, isDecided: false, isSplit: false);

    private static void AssertVerdict(string findings, bool isDecided, bool isSplit, params int[] odd)
    {
        var verdict = ScrubVerdict.Of([
            .. findings.Select(f =>
                f == '?' ? null : new ScrubResult(7, $"{f}", f == '!' ? "a page is damaged" : null)
            ),
        ]);
        Assert.Equal((isDecided, isSplit), (verdict.IsDecided, verdict.IsSplit));
        Assert.Equal(odd, verdict.Odd);
    }
}
