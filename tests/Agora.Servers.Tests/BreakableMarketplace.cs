using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

/// <summary>
/// A marketplace whose clock a test advances: pending purchases can be rescued at once, and a call that loses a step
/// reaches its deadline.
/// </summary>
public sealed class BreakableMarketplace : InProcessMarketplace
{
    // Days behind the clocks of the databases: no rescue may depend on the difference of two clocks.
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow.AddDays(-3));

    public BreakableMarketplace()
    {
        Time = _time;
        HasFakePayments = true;
        Settings = new ServerSettings
        {
            AbandonedAfter = TimeSpan.FromDays(-1),
            RecoveryInterval = TimeSpan.FromDays(10),
            // Measured by the system's clock: long, so that a step that a test delays is not sent again.
            ReplicaTimeout = TimeSpan.FromMinutes(1),
        };
    }

    public void PassDeadline() => Pass(Settings.CallDeadline);

    public void Pass(TimeSpan time) => _time.Advance(time);

    public async Task PassTimeUntilAsync(Task end)
    {
        while (!end.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.WhenAny(end, Task.Delay(1));
        }

        await end;
    }

    /// <summary>Lets the servers take the last steps, after their answers. Nobody else settles anything.</summary>
    public async Task PassTimeUntilSettledAsync()
    {
        for (var i = 0; !await IsSettledAsync(); i++)
        {
            Assert.True(i < 1_000, "Something is left unsettled.");
            if (i % 20 == 0)
            {
                _time.Advance(TimeSpan.FromSeconds(1));
            }

            await Task.Delay(10);
        }
    }

    private async Task<bool> IsSettledAsync()
    {
        var cancel = TestContext.Current.CancellationToken;
        var open = await ProductsDatabase.GetOpenReservationsAsync(new() { Before = long.MaxValue, Limit = 1 }, cancel);
        var votes = await CustomersDatabase.GetUnforwardedVotesAsync(
            new() { Before = long.MaxValue, Limit = 1 },
            cancel
        );
        return open.Reservations.Count == 0 && votes.Votes.Count == 0;
    }
}
