using Agora.Testing;

namespace RotatingSequencer.Tests;

/// <summary>A journal begins after the application's state: neither may come back without the other.</summary>
public sealed class ApplicationLossTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task An_application_that_lost_what_the_journal_no_longer_has_is_refused()
    {
        var application = new Counter();
        await using (var member = await StartAsync(application))
        {
            for (var i = 0; application.Flushes == 0; i++)
            {
                Assert.True(i < 10_000, "the journal is never cut");
                await member.BroadcastAsync(new byte[20_000], TestContext.Current.CancellationToken);
            }

            // A checkpoint follows the flush; the one after that shows that it was written.
            while (application.Flushes == 1)
            {
                await member.BroadcastAsync(new byte[20_000], TestContext.Current.CancellationToken);
            }
        }

        await using (await StartAsync(application)) { }

        await Assert.ThrowsAsync<JournalLostException>(() => StartAsync(new Counter()));
    }

    private Task<Member> StartAsync(Counter application)
    {
        var options = new MemberOptions
        {
            Id = 0,
            Members = FreePorts.TakeEndPoints(1),
            GroupKey = "a key that only tests know"u8.ToArray(),
            JournalDirectory = _directory,
            MaxJournalGrowth = 1 << 16,
        };
        return Member.StartAsync(options, application, TestContext.Current.CancellationToken);
    }

    private sealed class Counter : IDeliveryHandler
    {
        private int _flushes;

        public long Applied { get; private set; } = -1;

        public int Flushes => Volatile.Read(ref _flushes);

        public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results) =>
            Applied = deliveries[^1].Number;

        public bool TryFlush()
        {
            Interlocked.Increment(ref _flushes);
            return true;
        }
    }
}
