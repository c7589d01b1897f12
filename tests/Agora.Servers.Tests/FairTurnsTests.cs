using System.Net;

namespace Agora.Servers.Tests;

public sealed class FairTurnsTests
{
    private static readonly IPAddress s_here = IPAddress.Loopback;
    private static readonly IPAddress s_owner = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress s_stranger = IPAddress.Parse("203.0.113.66");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_flood_of_one_client_keeps_nobody_else_from_logging_in()
    {
        FairTurns turns = new(atOnce: 1, maxWaiting: 8);
        await turns.EnterAsync(s_stranger, Cancellation);
        List<Task> flood = [];
        for (var i = 0; i < 4; i++)
        {
            flood.Add(turns.EnterAsync(s_stranger, Cancellation));
        }

        // A client may have half of the places.
        await Assert.ThrowsAsync<TooManyWaitingException>(() => turns.EnterAsync(s_stranger, Cancellation));

        // A later call of another client does not wait for the whole flood.
        var owner = turns.EnterAsync(s_owner, Cancellation);
        turns.Leave();
        await flood[0];
        turns.Leave();
        await owner;
        Assert.All(flood.Skip(1), waits => Assert.False(waits.IsCompleted));
    }

    [Fact]
    public async Task When_too_many_wait_the_client_with_most_of_them_gives_way()
    {
        FairTurns turns = new(atOnce: 1, maxWaiting: 4);
        await turns.EnterAsync(s_here, Cancellation);
        var proxy = Enumerable.Range(0, 4).Select(_ => turns.EnterAsync(s_here, Cancellation)).ToArray();
        await Assert.ThrowsAsync<UnavailableException>(() => turns.EnterAsync(s_here, Cancellation));

        var owner = turns.EnterAsync(s_owner, Cancellation);

        await Assert.ThrowsAsync<UnavailableException>(() => proxy[3]);
        Assert.All(proxy.Take(3), waits => Assert.False(waits.IsCompleted));
        var second = turns.EnterAsync(s_owner, Cancellation);
        await Assert.ThrowsAsync<UnavailableException>(() => proxy[2]);
        await Assert.ThrowsAsync<UnavailableException>(() => turns.EnterAsync(s_here, Cancellation));
        for (var i = 0; i < 4; i++)
        {
            turns.Leave();
        }

        await Task.WhenAll(owner, second, proxy[0], proxy[1]);
    }

    [Fact]
    public async Task Whoever_gives_up_waiting_takes_nobodys_turn()
    {
        FairTurns turns = new(atOnce: 1, maxWaiting: 8);
        await turns.EnterAsync(s_owner, Cancellation);
        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var gone = turns.EnterAsync(s_stranger, impatient.Token);
        var patient = turns.EnterAsync(s_owner, Cancellation);

        await impatient.CancelAsync();
        await Assert.ThrowsAsync<UnavailableException>(() => gone);
        turns.Leave();

        await patient;
        turns.Leave();
        await turns.EnterAsync(s_stranger, Cancellation);
    }
}
