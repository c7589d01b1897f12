using System.Security.Cryptography;
using Agora.Replication.Raft;
using CsCheck;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class RaftLogTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>What may happen to a log, as a seed draws it.</summary>
    private enum Step
    {
        Append,
        AppendMany,
        Replace,
        Sync,
        Cut,
        Crash,
        Reopen,
    }

    [Fact]
    public void Whenever_the_power_fails_the_log_is_one_that_it_went_through_since_the_last_sync() =>
        Gen.Select(Gen.Enum<Step>(), Gen.Int[0, 1000], Gen.Int[0, 60])
            .Array[1, 60]
            .Sample(
                steps =>
                {
                    using TemporaryDirectory directory = new();
                    using Run run = new(directory["log"]);
                    foreach (var (step, choice, size) in steps)
                    {
                        run.Do(step, choice, size);
                    }
                },
                iter: 400
            );

    [Fact]
    public void An_entry_that_is_there_already_is_not_written_again_and_ends_nothing()
    {
        using var log = Create();
        log.Append(1, [Entry(1), Entry(1), Entry(1)]);
        var bytes = log.Bytes;
        log.Append(1, [Entry(1), Entry(1)]);
        Assert.Equal((3, bytes), (log.LastIndex, log.Bytes));
    }

    [Fact]
    public void Entries_of_another_term_replace_those_that_are_there_and_all_behind_them()
    {
        using (var log = Create())
        {
            log.Append(1, [Entry(1), Entry(1), Entry(1), Entry(1)]);
            log.Append(2, [Entry(1), Entry(2)]);
            Assert.Equal("1 1 2", Terms(log));
            log.Sync();
        }

        using var again = RaftLog.Open(_directory["log"], Small);
        Assert.Equal("1 1 2", Terms(again));
        Assert.Equal(-1, again.TermAt(4));
    }

    [Fact]
    public void Entries_are_read_from_the_files_when_they_are_no_longer_in_memory()
    {
        using var log = Create();
        for (var i = 1; i <= 200; i++)
        {
            log.Append(i, [new LogRecord(1, BitConverter.GetBytes(i))]);
        }

        List<LogRecord> read = [];
        log.Read(1, 200, int.MaxValue, long.MaxValue, read);
        Assert.Equal(Enumerable.Range(1, 200), read.Select(r => BitConverter.ToInt32(r.Payload)));
    }

    [Fact]
    public void A_cut_log_gives_its_files_back_knows_the_terms_of_what_is_gone_and_goes_on_after_a_restart()
    {
        using (var log = Create())
        {
            for (var i = 1; i <= 300; i++)
            {
                log.Append(i, [Entry(1 + (i / 100))]);
            }

            log.Sync();
            var files = Files();
            log.Cut(250, kept: 1000);
            Assert.InRange(Files(), 2, files - 1);
            Assert.InRange(log.BaseIndex, 200, 250);
            log.Append(301, [Entry(9)]);
            log.Sync();
        }

        using var again = RaftLog.Open(_directory["log"], Small);
        Assert.InRange(again.BaseIndex, 200, 250);
        Assert.Equal(301, again.LastIndex);
        Assert.Equal((1, 2, 3, 9), (again.TermAt(99), again.TermAt(100), again.TermAt(200), again.TermAt(301)));
        Assert.Throws<InvalidOperationException>(() => again.Append(again.BaseIndex, [Entry(10)]));
    }

    [Fact]
    public void A_log_is_not_cut_beyond_what_the_state_holds()
    {
        using var log = Create();
        for (var i = 1; i <= 300; i++)
        {
            log.Append(i, [Entry(1)]);
        }

        log.Cut(applied: 0, kept: 0);
        Assert.Equal(0, log.BaseIndex);
    }

    [Fact]
    public void A_byte_that_changed_after_it_was_on_disk_does_not_pass_for_a_torn_end()
    {
        string file;
        using (var log = Create(new RaftLogOptions { SegmentBytes = 1 << 20 }))
        {
            for (var i = 1; i <= 20; i++)
            {
                log.Append(i, [new LogRecord(1, new byte[100])]);
                log.Sync();
            }

            file = Directory.GetFiles(_directory["log"], "*.log")[^1];
        }

        var content = File.ReadAllBytes(file);
        content[650] ^= 1;
        File.WriteAllBytes(file, content);
        var refusal = Assert.Throws<LogDamagedException>(() => RaftLog.Open(_directory["log"], Small));
        Assert.Contains(file, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("000000000001.bak.log")]
    [InlineData("1.log")]
    [InlineData("copy.log")]
    [InlineData("99999999999999999999999.log")]
    public void A_file_that_is_no_part_of_the_log_is_left_alone(string name)
    {
        using (var log = Create(Small))
        {
            log.Append(1, [Entry(1)]);
            log.Sync();
        }

        File.WriteAllText(Path.Combine(_directory["log"], name), "a copy, perhaps");
        using var again = RaftLog.Open(_directory["log"], Small);
        Assert.Equal(1, again.LastIndex);
        Assert.True(File.Exists(Path.Combine(_directory["log"], name)));
    }

    [Fact]
    public void After_a_sync_that_failed_the_log_takes_nothing_more()
    {
        FailingDisk disk = new();
        using var log = Create(Small with { Disk = disk });
        log.Append(1, [Entry(1)]);
        disk.Fails = true;
        Assert.Throws<IOException>(log.Sync);
        disk.Fails = false;
        Assert.Throws<IOException>(log.Sync);
        Assert.Throws<IOException>(() => log.Append(2, [Entry(1)]));
        Assert.Equal(0, log.DurableIndex);
    }

    [Fact]
    public void A_ballot_that_was_torn_while_it_was_written_is_the_one_before()
    {
        Directory.CreateDirectory(_directory["ballot"]);
        using (var ballot = Ballot.Create(_directory["ballot"], new BallotState { Term = 3 }, LogDisk.System))
        {
            ballot.Write(new BallotState { Term = 4, NeedsState = true });
        }

        var path = Ballot.PathIn(_directory["ballot"]);
        var content = File.ReadAllBytes(path);
        for (var i = 0; i < content.Length; i++)
        {
            var torn = content.ToArray();
            torn[i] ^= 1;
            File.WriteAllBytes(path, torn);
            using var again = Ballot.Open(_directory["ballot"], LogDisk.System);
            Assert.InRange(again!.State.Term, 3, 4);
        }

        File.WriteAllBytes(path, content);
        using var whole = Ballot.Open(_directory["ballot"], LogDisk.System);
        Assert.Equal(new BallotState { Term = 4, NeedsState = true }, whole!.State);
        File.WriteAllBytes(path, new byte[content.Length]);
        Assert.Throws<LogDamagedException>(() => Ballot.Open(_directory["ballot"], LogDisk.System));
    }

    private static RaftLogOptions Small => new() { SegmentBytes = 1000, CacheBytes = 200 };

    private static LogRecord Entry(long term) => new(term, new byte[10]);

    private RaftLog Create(RaftLogOptions? options = null) =>
        RaftLog.Create(_directory["log"], 0, [], options ?? Small);

    private int Files() => Directory.GetFiles(_directory["log"], "*.log").Length;

    private static string Terms(RaftLog log) =>
        string.Join(' ', Enumerable.Range(1, (int)log.LastIndex).Select(i => log.TermAt(i)));

    private sealed class FailingDisk : LogDisk
    {
        public bool Fails { get; set; }

        public override void Sync(SafeFileHandle file, string path)
        {
            if (Fails)
            {
                throw new IOException("the disk is gone");
            }
        }
    }

    /// <summary>
    /// A log beside a model of it. A crash leaves of each file the sectors that were synced, and of every other sector
    /// the old or the new content; the log must then be one of those that it was since the last sync.
    /// </summary>
    private sealed class Run : LogDisk, IDisposable
    {
        private const int Sector = 64;

        private readonly string _path;
        private readonly Dictionary<string, byte[]> _synced = [];
        private readonly List<List<(long Term, string Content)>> _since = [];
        private List<(long Term, string Content)> _model = [];
        private RaftLog _log;
        private long _term = 1;

        public Run(string path)
        {
            _path = path;
            _log = RaftLog.Create(path, 0, [], Options);
            _since.Add([]);
        }

        private RaftLogOptions Options =>
            new()
            {
                SegmentBytes = 600,
                CacheBytes = 100,
                Disk = this,
            };

        public override void Sync(SafeFileHandle file, string path)
        {
            var content = new byte[RandomAccess.GetLength(file)];
            RandomAccess.Read(file, content, 0);
            _synced[Path.GetFileName(path)] = content;
        }

        public override void SyncDirectory(string directory)
        {
            // Names are on disk at once here.
        }

        public void Do(Step step, int choice, int size)
        {
            switch (step)
            {
                case Step.Append:
                    Append(_model.Count + 1, 1, size);
                    break;
                case Step.AppendMany:
                    Append(_model.Count + 1, 1 + (choice % 20), size);
                    break;
                case Step.Replace when _model.Count > _log.BaseIndex:
                    _term++;
                    Append(_model.Count - (choice % (int)(_model.Count - _log.BaseIndex)), 1 + (choice % 3), size);
                    break;
                case Step.Sync:
                    _log.Sync();
                    Assert.Equal(_model.Count, _log.DurableIndex);
                    Settled();
                    break;
                case Step.Cut:
                    _log.Cut(_log.DurableIndex, choice);
                    break;
                case Step.Crash:
                    Crash(new Random(choice));
                    break;
                case Step.Reopen:
                    _log.Sync();
                    _log.Dispose();
                    _log = RaftLog.Open(_path, Options);
                    Settled();
                    Compare(_model);
                    break;
            }
        }

        public void Dispose() => _log.Dispose();

        private void Append(int first, int count, int size)
        {
            // What is replaced may be gone before its replacement is there: the leader has said that it is not a part
            // of the log.
            _model = [.. _model.Take(first - 1)];
            _since.Add([.. _model]);
            List<LogRecord> records = [];
            for (var i = 0; i < count; i++)
            {
                var content = RandomNumberGenerator.GetBytes(size);
                records.Add(new LogRecord(_term, content));
                _model.Add((_term, Convert.ToHexString(content)));

                // Each is written behind the one before; a crash may come between any two.
                _since.Add([.. _model]);
            }

            _log.Append(first, [.. records]);
            Assert.Equal(_model.Count, _log.LastIndex);
        }

        private void Settled()
        {
            _since.Clear();
            _since.Add([.. _model]);
        }

        private void Crash(Random random)
        {
            _log.Dispose();
            foreach (var path in Directory.GetFiles(_path, "*.log"))
            {
                var written = File.ReadAllBytes(path);
                var synced = _synced[Path.GetFileName(path)];
                for (var at = 0; at < written.Length; at += Sector)
                {
                    var length = Math.Min(Sector, written.Length - at);
                    if (random.Next(2) == 0 && at + length <= synced.Length)
                    {
                        synced.AsSpan(at, length).CopyTo(written.AsSpan(at));
                    }
                }

                File.WriteAllBytes(path, written);
                _synced[Path.GetFileName(path)] = written;
            }

            _log = RaftLog.Open(_path, Options);
            var found = Content();
            _model = Assert.Single(_since.Where(s => s.Skip((int)_log.BaseIndex).SequenceEqual(found)).Take(1));
            Settled();
            Compare(_model);
        }

        private void Compare(List<(long Term, string Content)> expected)
        {
            Assert.Equal(expected.Count, _log.LastIndex);
            Assert.Equal(expected.Skip((int)_log.BaseIndex), Content());
            for (var i = 1; i <= expected.Count; i++)
            {
                Assert.Equal(expected[i - 1].Term, _log.TermAt(i));
            }
        }

        private List<(long Term, string Content)> Content()
        {
            List<LogRecord> read = [];
            if (_log.LastIndex > _log.BaseIndex)
            {
                _log.Read(_log.BaseIndex + 1, _log.LastIndex, int.MaxValue, long.MaxValue, read);
            }

            return [.. read.Select(r => (r.Term, Convert.ToHexString(r.Payload)))];
        }
    }
}
