using Agora.Testing;

namespace RotatingSequencer.Tests;

/// <summary>What a member checks when it starts.</summary>
public sealed class StartTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-start-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_applications_position_is_read_once(bool journal)
    {
        var application = new PositionHandler(applied: -1);
        await using var member = await StartAsync(application, members: 1, journal);

        await member.BroadcastAsync(new byte[1], TestContext.Current.CancellationToken);

        Assert.Equal(1, application.Reads);
    }

    [Fact]
    public async Task An_application_with_state_needs_a_journal()
    {
        var refusal = await Assert.ThrowsAsync<ArgumentException>(() =>
            StartAsync(new PositionHandler(applied: 5), members: 1, journal: false)
        );

        Assert.Contains("Give it a journal directory", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_of_another_member_is_refused_by_name()
    {
        await using (await StartAsync(new PositionHandler(applied: -1), members: 1, journal: true)) { }

        var refusal = await Assert.ThrowsAsync<JournalLostException>(() =>
            StartAsync(new PositionHandler(applied: -1), members: 2, journal: true)
        );

        Assert.Contains(_directory, refusal.Message, StringComparison.Ordinal);
    }

    private Task<Member> StartAsync(PositionHandler application, int members, bool journal) =>
        Member.StartAsync(
            new MemberOptions
            {
                Id = 0,
                Members = FreePorts.TakeEndPoints(members),
                GroupKey = "a key that only tests know"u8.ToArray(),
                JournalDirectory = journal ? _directory : null,
            },
            application,
            TestContext.Current.CancellationToken
        );

    private sealed class PositionHandler(long applied) : IDeliveryHandler
    {
        private int _reads;

        public int Reads => Volatile.Read(ref _reads);

        public long Applied
        {
            get
            {
                Interlocked.Increment(ref _reads);
                return applied;
            }
        }

        public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results) { }

        public bool TryFlush() => false;
    }
}
