using Agora.Testing;
using Microsoft.Win32.SafeHandles;
using RotatingSequencer.Journal;
using static RotatingSequencer.Tests.JournalTests;

namespace RotatingSequencer.Tests;

/// <summary>
/// After a failed sync nothing that was not proven to be on disk is claimed again: the live tail is written anew and
/// synced first.
/// </summary>
public sealed class JournalSyncTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-sync-").FullName;
    private readonly FailingDisk _disk = new();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void What_was_written_by_a_failed_sync_is_written_anew_before_it_is_used()
    {
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
            _disk.Fails = true;
            Assert.Throws<IOException>(() => journal.Append(Record(1)));
        }

        // The page cache still has it, and it may be nowhere else.
        _disk.Fails = false;
        _disk.Synced.Clear();
        using (Open(out var state))
        {
            Assert.Equal([0, 1], state.Requests.Select(r => r.Id.Local));
            var (name, bytes) = Assert.Single(_disk.Synced);
            Assert.Equal("unfinished", name);
            Assert.Equal([0, 1], JournalLayout.Read(name, bytes).State.Requests.Select(r => r.Id.Local));
            Assert.Equal(["journal-0000000001"], Names());
        }
    }

    [Fact]
    public void A_start_whose_syncs_fail_changes_nothing_and_can_be_tried_again()
    {
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
            _disk.Fails = true;
            Assert.Throws<IOException>(() => journal.Append(Record(1)));
        }

        var bytes = File.ReadAllBytes(Path.Combine(_directory, "journal-0000000000"));
        Assert.Throws<IOException>(() => Open(out _));
        Assert.Equal(bytes, File.ReadAllBytes(Path.Combine(_directory, "journal-0000000000")));

        (_disk.Fails, _disk.FailsDirectories) = (false, true);
        Assert.Throws<IOException>(() => Open(out _));
        _disk.FailsDirectories = false;
        using (Open(out var state))
        {
            Assert.Equal([0, 1], state.Requests.Select(r => r.Id.Local));
            Assert.Single(Names());
        }
    }

    [Fact]
    public void A_new_journal_whose_sync_failed_is_not_believed()
    {
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
            _disk.FailsDirectories = true;
            Assert.Throws<IOException>(() => journal.Replace(Bytes(OfThisMember())));
        }

        _disk.FailsDirectories = false;
        _disk.Synced.Clear();
        using (Open(out var state))
        {
            Assert.Equal(Some().Applied, state.Applied);
            Assert.Equal("unfinished", Assert.Single(_disk.Synced).Name);
            Assert.Equal(["journal-0000000002"], Names());
        }
    }

    [Fact]
    public void A_journal_that_was_closed_is_not_written_anew()
    {
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
            journal.Replace(Bytes(OfThisMember()));
            journal.Append(Record(1));
        }

        _disk.Synced.Clear();
        using (var journal = Open(out _))
        {
            Assert.Empty(_disk.Synced);
            Assert.Equal(["journal-0000000001"], Names());
            journal.Append(Record(2));
        }

        using (Open(out var state))
        {
            Assert.Equal([1, 2], state.Requests.TakeLast(2).Select(r => r.Id.Local));
        }
    }

    [Fact]
    public async Task A_member_stops_when_a_sync_fails_and_comes_back_with_what_it_claimed()
    {
        var numbers = new Numbers();
        var member = await StartAsync(numbers);
        await using (member)
        {
            await member.BroadcastAsync(new byte[10], TestContext.Current.CancellationToken);
            _disk.Fails = true;
            var lost = member.BroadcastAsync(new byte[10], TestContext.Current.CancellationToken);

            await Assert.ThrowsAsync<IOException>(() =>
                member.Completion.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)
            );
            await Assert.ThrowsAsync<MemberStoppedException>(() => lost);
        }

        _disk.Fails = false;
        _disk.Synced.Clear();
        await using (var again = await StartAsync(numbers))
        {
            Assert.Equal("unfinished", _disk.Synced[0].Name);
            await again.BroadcastAsync(new byte[10], TestContext.Current.CancellationToken);
        }
    }

    private JournalFile Open(out JournalState state) =>
        JournalFile.Open(_directory, () => JournalState.Fresh(1, 3, incarnation: 7), out state, _disk);

    private IEnumerable<string?> Names() => Directory.GetFiles(_directory, "journal-*").Select(Path.GetFileName);

    private Task<Member> StartAsync(Numbers application) =>
        Member.StartAsync(
            new MemberOptions
            {
                Id = 0,
                Members = FreePorts.TakeEndPoints(1),
                GroupKey = "a key that only tests know"u8.ToArray(),
                JournalDirectory = _directory,
                Disk = _disk,
            },
            application,
            TestContext.Current.CancellationToken
        );

    private sealed class Numbers : IDeliveryHandler
    {
        public long Applied { get; private set; } = -1;

        public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results) =>
            Applied = deliveries[^1].Number;

        public bool TryFlush() => false;
    }

    /// <summary>Syncs nothing while it fails, and remembers what the files held that it synced.</summary>
    private sealed class FailingDisk : JournalDisk
    {
        public volatile bool Fails;

        public volatile bool FailsDirectories;

        public List<(string Name, byte[] Bytes)> Synced { get; } = [];

        public override void SyncData(SafeFileHandle file, string path)
        {
            ThrowIf(Fails, path);
            base.SyncData(file, path);
            using var copy = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var bytes = new byte[copy.Length];
            copy.ReadExactly(bytes);
            Synced.Add((Path.GetFileName(path), bytes));
        }

        public override void SyncDirectory(string directory)
        {
            ThrowIf(FailsDirectories, directory);
            base.SyncDirectory(directory);
        }

        private static void ThrowIf(bool fails, string path)
        {
            if (fails)
            {
                throw new IOException($"{path} could not be synced: Input/output error.");
            }
        }
    }
}
