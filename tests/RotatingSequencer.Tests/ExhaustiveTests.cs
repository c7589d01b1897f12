using RotatingSequencer.Campaigns.Exhaustive;

namespace RotatingSequencer.Tests;

/// <summary>
/// "For n = 2 and 3 and two or three requests, every order of delivery, loss and duplication up to a bound." For larger
/// bounds, run <c>dotnet run --project tests/RotatingSequencer.Campaigns -- --exhaustive</c>.
/// </summary>
public sealed class ExhaustiveTests
{
    public static TheoryData<string> Suite => [.. SearchBounds.Suite.Select(bounds => bounds.ToString())];

    [Theory]
    [MemberData(nameof(Suite))]
    public void Nothing_that_can_happen_within_bounds_breaks_a_rule(string bounds)
    {
        var search = new StateSearch(SearchBounds.Suite.Single(b => b.ToString() == bounds));

        var failure = search.Run();

        Assert.True(failure is null, failure);
        Assert.True(search.IsComplete);
        Assert.InRange(search.States, 1_000, long.MaxValue);
        TestContext.Current.TestOutputHelper!.WriteLine($"{search}");
    }
}
