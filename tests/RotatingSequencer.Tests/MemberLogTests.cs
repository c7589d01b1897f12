using Agora.Testing;
using Microsoft.Extensions.Logging;

namespace RotatingSequencer.Tests;

/// <summary>What a member says to its application's log.</summary>
public sealed class MemberLogTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_operator_reads_of_the_start_the_epoch_a_silent_member_and_the_end()
    {
        RecordedLog[] logs = [new(), new(), new()];
        var members = await StartAsync(logs);

        Assert.Contains("Member 1 of 3 listens on 127.0.0.1:", logs[1].Texts[0], StringComparison.Ordinal);
        await logs[1].WaitForAsync("Member 1 is in epoch ", Cancellation);
        await logs[1].WaitForAsync("Member 1 takes part", Cancellation);
        await members[2].DisposeAsync();
        await logs[2].WaitForAsync("Member 2 has stopped", Cancellation);
        await logs[1]
            .WaitForAsync("Member 1 has not heard member 2 for 3 s; new requests wait until it is heard", Cancellation);
        await Task.WhenAll(members.Take(2).Select(m => m.DisposeAsync().AsTask()));
        Assert.DoesNotContain(logs.SelectMany(log => log.Lines), line => line.Level > LogLevel.Warning);
    }

    [Fact]
    public async Task A_member_that_waits_says_for_whom()
    {
        RecordedLog log = new();
        var options = OptionsOf(FreePorts.TakeEndPoints(3), 0, log);
        await using var member = await Member.StartAsync(options, new Sink(), Cancellation);

        await log.WaitForAsync("Member 0 does not take part yet: waits for members 1, 2", Cancellation);
    }

    [Fact]
    public async Task Nothing_is_logged_for_a_request()
    {
        RecordedLog[] logs = [new(), new(), new()];
        var members = await StartAsync(logs);

        for (var i = 0; i < 100; i++)
        {
            await members[i % 3].BroadcastAsync(new byte[10], Cancellation);
        }

        await Task.WhenAll(members.Select(m => m.DisposeAsync().AsTask()));
        // Each says no more than its start, what it waits for, its epoch, that it takes part, and its end. A slow
        // machine may add a silent member.
        Assert.All(logs, log => Assert.InRange(log.Lines.Count, 3, 12));
    }

    [Fact]
    public async Task A_logger_that_throws_stops_the_member_with_its_exception()
    {
        var options = OptionsOf(FreePorts.TakeEndPoints(1), 0, new Broken());
        var member = await Member.StartAsync(options, new Sink(), Cancellation);

        var failure = await Assert.ThrowsAsync<NotSupportedException>(() => member.Completion);

        Assert.Equal("a log that is full", failure.Message);
    }

    private static async Task<Member[]> StartAsync(RecordedLog[] logs)
    {
        var addresses = FreePorts.TakeEndPoints(logs.Length);
        var members = await Task.WhenAll(
            logs.Select((log, id) => Member.StartAsync(OptionsOf(addresses, id, log), new Sink(), Cancellation))
        );
        await members[0].BroadcastAsync(new byte[1], Cancellation);
        return members;
    }

    private static MemberOptions OptionsOf(IReadOnlyList<System.Net.IPEndPoint> addresses, int id, ILogger logger) =>
        new()
        {
            Id = id,
            Members = addresses,
            GroupKey = "a key that only tests know"u8.ToArray(),
            Logger = logger,
        };

    private sealed class Sink : IDeliveryHandler
    {
        public long Applied => -1;

        public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results) { }

        public bool TryFlush() => false;
    }

    private sealed class Broken : ILogger
    {
        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => throw new NotSupportedException("a log that is full");

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;
    }
}
