using Agora.Testing;

namespace RotatingSequencer.Tests;

/// <summary>A copy of the application's state is begun between two deliveries, or not at all.</summary>
public sealed class CaptureTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_capture_that_waits_when_the_member_stops_says_that_it_stopped()
    {
        using Busy application = new();
        var member = await StartAsync(application);
        var broadcast = member.BroadcastAsync(new byte[1], Cancellation);
        application.Entered.Wait(Cancellation);
        var capture = member.CaptureAsync(() => 1, Cancellation);

        var stop = member.DisposeAsync();

        await Assert.ThrowsAsync<MemberStoppedException>(() => capture);
        application.MayGoOn.Set();
        await stop;
        await Task.WhenAny(broadcast);
    }

    [Fact]
    public async Task An_exception_of_the_captures_function_is_the_callers_alone()
    {
        using Busy application = new();
        application.MayGoOn.Set();
        await using var member = await StartAsync(application);
        await member.BroadcastAsync(new byte[1], Cancellation);

        await Assert.ThrowsAsync<NotSupportedException>(() =>
            member.CaptureAsync<int>(() => throw new NotSupportedException(), Cancellation)
        );

        await member.BroadcastAsync(new byte[1], Cancellation);
    }

    private static Task<Member> StartAsync(Busy application) =>
        Member.StartAsync(
            new MemberOptions
            {
                Id = 0,
                Members = FreePorts.TakeEndPoints(1),
                GroupKey = "a key that only tests know"u8.ToArray(),
            },
            application,
            Cancellation
        );

    private sealed class Busy : IDeliveryHandler, IDisposable
    {
        public long Applied => -1;

        public ManualResetEventSlim Entered { get; } = new();

        public ManualResetEventSlim MayGoOn { get; } = new();

        public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results)
        {
            Entered.Set();
            MayGoOn.Wait();
        }

        public bool TryFlush() => false;

        public void Dispose()
        {
            Entered.Dispose();
            MayGoOn.Dispose();
        }
    }
}
