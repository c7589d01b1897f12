using System.Buffers.Binary;
using Agora.Replication.Raft;
using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class RaftLogTests : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ReplicatedStore _store;
    private readonly List<RaftLog> _open = [];

    public RaftLogTests() => _store = ReplicatedStore.Open(_directory["state"], new Ledger());

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var log in _open)
        {
            await log.DisposeAsync();
        }

        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_follower_has_entries_on_disk_when_it_acknowledges_them()
    {
        var log = Open("log");
        for (var index = 1; index <= 50; index++)
        {
            await AppendAsync(log, index, Entry(term: 1));

            // The length that a restart would go by, as it is on disk at this moment.
            Assert.Equal(index, LengthOnDisk("log"));
        }
    }

    [Fact]
    public async Task A_follower_whose_request_was_given_up_has_its_entries_on_disk_before_it_acknowledges_an_empty_one()
    {
        var log = Open("log");
        using CancellationTokenSource givenUp = new();
        LogEntryProducerThat entries = new([Entry(term: 1)], () => givenUp.Cancel());
        await AppendAsync(log, 1, entries, givenUp.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        Assert.Equal(1, log.LastEntryIndex);
        await AppendAsync(log, log.LastEntryIndex + 1);
        Assert.Equal(log.LastEntryIndex, LengthOnDisk("log"));
    }

    [Fact]
    public async Task A_log_that_was_being_overwritten_when_the_process_died_ends_before_the_overwritten_part()
    {
        var log = Open("log");
        await AppendAsync(log, 1, [.. Enumerable.Repeat(Entry(term: 1), 9)]);

        // A new leader replaces entries 4 and 5. What the directory holds when the first of them is written is what kill -9 leaves.
        var written = 0;
        LogEntryProducerThat entries = new([Entry(term: 2), Entry(term: 2)], () =>
        {
            if (written++ == 1)
            {
                Copy("log", "left");
            }
        });
        await AppendAsync(log, 4, entries, Cancelled);
        Assert.Equal(5, log.LastEntryIndex);

        var left = Open("left");
        Assert.Equal(3, left.LastEntryIndex);
        Assert.Equal("1 1 1", await TermsAsync(left));
    }

    [Fact]
    public async Task A_log_that_was_overwritten_ends_where_the_new_leader_says_after_a_restart()
    {
        var log = Open("log");
        await AppendAsync(log, 1, [.. Enumerable.Repeat(Entry(term: 1), 9)]);
        await AppendAsync(log, 4, Entry(term: 2), Entry(term: 2));
        Copy("log", "left");
        var left = Open("left");
        Assert.Equal("1 1 1 2 2", await TermsAsync(left));
    }

    [Fact]
    public async Task A_leader_sends_a_long_log_in_parts_and_only_the_last_one_counts_for_the_majority()
    {
        var log = Open("log");
        for (var i = 0; i < 30; i++)
        {
            await AppendAsync(log, i + 1, Entry(term: 1, size: 100_000));
        }

        var parts = 0;
        log.PartSent = () => parts++;
        List<HeartbeatResult> results = [];
        for (long next = 1; next <= log.LastEntryIndex;)
        {
            Receiver receiver = new();
            var result = await ((IAuditTrail<IRaftLogEntry>)log).ReadAsync(receiver, next, log.LastEntryIndex, Cancelled);
            Assert.InRange(receiver.Bytes, 1, 1 << 20);
            results.Add(result.Value.Result);
            next += receiver.Count;
        }

        Assert.Equal(results.Count - 1, parts);
        Assert.Equal(HeartbeatResult.ReplicatedWithLeaderTerm, results[^1]);
        Assert.All(results.SkipLast(1), result => Assert.Equal(HeartbeatResult.Replicated, result));
    }

    [Fact]
    public async Task A_single_entry_larger_than_a_part_is_sent_alone()
    {
        var log = Open("log");
        await AppendAsync(log, 1, Entry(term: 1, size: 3 << 20));
        await AppendAsync(log, 2, [.. Enumerable.Repeat(Entry(term: 1), 9)]);
        Receiver receiver = new();
        await ((IAuditTrail<IRaftLogEntry>)log).ReadAsync(receiver, 1, 10, Cancelled);
        Assert.Equal(1, receiver.Count);
    }

    [Fact]
    public async Task A_cut_log_gives_its_files_back_and_goes_on_after_a_restart()
    {
        var log = Open("log");
        await AppendAsync(log, 1, [.. Enumerable.Repeat(Entry(term: 1, size: 5_000), 600)]);
        var commands = new ReadOnlyMemory<byte>[1];
        _store.Apply(600, [Ledger.Count("x")], commands);
        await log.CommitAsync(600, Cancelled);
        await log.WaitForApplyAsync(600, Cancelled);
        var before = Files("log");
        await log.CutAsync(500, Cancelled);
        await AppendAsync(log, 601, Entry(term: 1));
        await Group.EventuallyAsync(() => Task.FromResult(Files("log") < before ? true : (bool?)null));
        await log.DisposeAsync();

        var again = Open("log");
        await again.InitializeAsync(Cancelled);
        Assert.Equal(500, again.CutIndex);
        Assert.Equal(601, again.LastEntryIndex);
        await AppendAsync(again, 602, Entry(term: 2));
        using var entries = await again.ReadAsync(501, 602, Cancelled);
        Assert.Equal(Enumerable.Repeat(1L, 101).Append(2), entries.Select(e => e.Term));
    }

    private RaftLog Open(string name)
    {
        var log = RaftLog.Open(_directory[name], new CommandApplier(_store));
        _open.Add(log);
        return log;
    }

    private int Files(string name) => Directory.GetFiles(_directory[name], "*", SearchOption.AllDirectories).Length;

    // As the library writes it: version, commit index, last index.
    private long LengthOnDisk(string name) =>
        BinaryPrimitives.ReadInt64LittleEndian(File.ReadAllBytes(Path.Combine(_directory[name], "checkpoint")).AsSpan(12));

    private void Copy(string from, string to)
    {
        foreach (var file in Directory.GetFiles(_directory[from], "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(_directory[to], Path.GetRelativePath(_directory[from], file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private static BinaryLogEntry Entry(long term, int size = 100) => new() { Term = term, Content = new byte[size] };

    private static Task AppendAsync(RaftLog log, long index, params BinaryLogEntry[] entries) =>
        AppendAsync(log, index, new LogEntryProducer<BinaryLogEntry>(entries), Cancelled);

    private static Task AppendAsync(RaftLog log, long index, ILogEntryProducer<BinaryLogEntry> entries, CancellationToken token) =>
        ((IAuditTrail<IRaftLogEntry>)log).AppendAsync(entries, index, skipCommitted: true, token).AsTask();

    private static async Task<string> TermsAsync(RaftLog log)
    {
        using var entries = await log.ReadAsync(1, log.LastEntryIndex, Cancelled);
        return string.Join(' ', entries.Select(e => e.Term));
    }

    /// <summary>What a follower would answer to everything that it is sent.</summary>
    private sealed class Receiver : ILogEntryConsumer<IRaftLogEntry, Result<ReplicationStatus>>
    {
        public int Count { get; private set; }

        public long Bytes { get; private set; }

        public ValueTask<Result<ReplicationStatus>> ReadAsync<TEntry, TList>(TList entries, long? snapshotIndex, CancellationToken token)
            where TEntry : notnull, IRaftLogEntry
            where TList : notnull, IReadOnlyList<TEntry>
        {
            Count = entries.Count;
            Bytes = entries.Sum(e => e.Length ?? 0);
            return ValueTask.FromResult(new Result<ReplicationStatus>
            {
                Term = 1,
                Value = new ReplicationStatus { Result = HeartbeatResult.ReplicatedWithLeaderTerm, LastIndex = 0 },
            });
        }
    }

    /// <summary>Entries from the network, which do something when the next one is asked for.</summary>
    private sealed class LogEntryProducerThat(BinaryLogEntry[] entries, Action asked) : ILogEntryProducer<BinaryLogEntry>
    {
        private int _next;

        public long RemainingCount => entries.Length - _next;

        public BinaryLogEntry Current => entries[_next - 1];

        public ValueTask<bool> MoveNextAsync()
        {
            asked();
            return ValueTask.FromResult(_next++ < entries.Length);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
