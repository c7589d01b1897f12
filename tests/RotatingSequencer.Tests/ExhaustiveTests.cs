using RotatingSequencer.Simulation.Exhaustive;

namespace RotatingSequencer.Tests;

/// <summary>
/// "For n = 2 and 3 and two or three requests, every order of delivery, loss and duplication up to a bound." Larger bounds with
/// <c>dotnet run --project tests/RotatingSequencer.Simulation -- --exhaustive</c>.
/// </summary>
public sealed class ExhaustiveTests
{
    [Theory]
    [InlineData(2, 2, 1, 1, 1)]
    [InlineData(2, 3, 2, 1, 0)]
    [InlineData(3, 2, 1, 1, 0)]
    public void No_order_loss_or_duplicate_breaks_a_rule(int members, int requests, int losses, int duplicates, int timers) =>
        Search(new Bounds { Members = members, Requests = requests, Losses = losses, Duplicates = duplicates, Timers = timers });

    [Theory]
    [InlineData(2, 2)]
    [InlineData(3, 1)]
    public void No_death_at_any_moment_breaks_a_rule(int members, int requests) =>
        Search(new Bounds { Members = members, Requests = requests, Journal = true, Crashes = 1 });

    [Fact]
    public void No_order_makes_a_read_miss_what_was_delivered_before_it() =>
        Search(new Bounds { Members = 3, Requests = 1, Losses = 1, Reads = 1 });

    [Fact]
    public void No_order_passes_a_window_of_one() =>
        Search(new Bounds { Members = 2, Requests = 3, Losses = 1, Duplicates = 1, Window = 1 });

    private static void Search(Bounds bounds)
    {
        var search = new Search(bounds);

        var failure = search.Run();

        Assert.True(failure is null, failure);
        Assert.True(search.IsComplete);
        TestContext.Current.TestOutputHelper!.WriteLine($"{bounds}: {search}");
    }
}
