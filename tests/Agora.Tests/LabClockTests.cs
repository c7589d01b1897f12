using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class LabClockTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_clock_follows_its_file_while_it_runs_and_is_right_without_one()
    {
        var path = _scratch["products-1.clock"];
        using LabClock clock = new(path);
        Assert.Equal(0, HoursAhead(clock));
        LabClock.Set(path, TimeSpan.FromHours(2));
        await UntilAsync(() => HoursAhead(clock) == 2);
        LabClock.Set(path, TimeSpan.FromHours(-1));
        await UntilAsync(() => HoursAhead(clock) == -1);
        LabClock.Set(path, TimeSpan.Zero);
        await UntilAsync(() => HoursAhead(clock) == 0);
    }

    [Fact]
    public void A_process_that_starts_with_a_wrong_clock_has_it_at_once()
    {
        var path = _scratch["products-1.clock"];
        LabClock.Set(path, TimeSpan.FromHours(3));
        using LabClock clock = new(path);
        Assert.Equal(3, HoursAhead(clock));
    }

    private static double HoursAhead(LabClock clock) =>
        Math.Round((clock.GetUtcNow() - TimeProvider.System.GetUtcNow()).TotalHours);

    private static async Task UntilAsync(Func<bool> isSo)
    {
        while (!isSo())
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }
}
