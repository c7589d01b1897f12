using System.Buffers.Binary;
using System.Security.Cryptography;
using Agora.Cluster;
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
        var refusal = Assert.Throws<ReplicaDamagedException>(() => RaftLog.Open(_directory["log"], Small));
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
    public void What_is_found_after_a_failed_sync_is_on_disk_before_it_is_claimed()
    {
        ForgetfulDisk disk = new();
        var options = new RaftLogOptions { SegmentBytes = 1 << 16, Disk = disk };
        using (var log = Create(options))
        {
            for (var i = 1; i <= 10; i++)
            {
                log.Append(i, [Entry(1)]);
                log.Sync();
            }

            log.Append(11, [Entry(1), Entry(1)]);
            disk.SyncsBeforeFailure = 0;
            Assert.Throws<IOException>(log.Sync);
            Assert.Equal(10, log.DurableIndex);
        }

        // The kernel still shows what never reached the disk, and reports no error any more.
        long claimed;
        using (var log = RaftLog.Open(_directory["log"], options))
        {
            claimed = log.DurableIndex;
        }

        disk.LosePower();
        using var again = RaftLog.Open(_directory["log"], options);
        Assert.Equal(12, claimed);
        Assert.Equal(claimed, again.LastIndex);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Damage_of_the_last_record_does_not_pass_for_a_torn_end_once_a_mark_was_written(bool byRestart)
    {
        var options = new RaftLogOptions { SegmentBytes = 1 << 16 };
        var log = Create(options);
        log.Append(1, [Entry(1), Entry(1)]);
        log.Sync();
        if (byRestart)
        {
            log.Dispose();
            log = RaftLog.Open(_directory["log"], options);
        }
        else
        {
            log.Mark();
            log.Mark();
        }

        log.Dispose();
        var file = Directory.GetFiles(_directory["log"], "*.log")[^1];
        var whole = File.ReadAllBytes(file);
        var records = whole.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        for (var i = 0; i < records; i++)
        {
            var damaged = whole.ToArray();
            damaged[i] ^= 1;
            File.WriteAllBytes(file, damaged);
            try
            {
                using var opened = RaftLog.Open(_directory["log"], options);

                // Only the mark at the end, which holds nothing, or what is ignored.
                Assert.Equal(2, opened.LastIndex);
            }
            catch (ReplicaDamagedException)
            {
                Assert.Equal(damaged, File.ReadAllBytes(file));
            }
        }
    }

    [Fact]
    public void A_log_that_was_marked_is_not_written_when_it_is_opened()
    {
        ForgetfulDisk disk = new();
        var options = new RaftLogOptions { SegmentBytes = 1 << 16, Disk = disk };
        using (var log = Create(options))
        {
            log.Append(1, [Entry(1)]);
            log.Sync();
            log.Mark();
        }

        RaftLog.Open(_directory["log"], options).Dispose();
        var before = disk.Syncs;
        RaftLog.Open(_directory["log"], options).Dispose();
        Assert.Equal(before, disk.Syncs);
    }

    [Fact]
    public void A_file_of_another_replica_s_log_is_not_opened()
    {
        Create().Dispose();
        var refusal = Assert.Throws<ReplicaDamagedException>(() =>
            RaftLog.Open(_directory["log"], Small with { Owner = new OwnerMark(1) })
        );
        Assert.Equal("is of the log of another replica", refusal.What);
    }

    [Fact]
    public void A_file_of_another_version_is_refused_and_not_taken_for_a_damaged_one()
    {
        Create().Dispose();
        var file = Directory.GetFiles(_directory["log"], "*.log").Single();
        var header = new byte[24];
        "agralog"u8.CopyTo(header);
        header[7] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(
            header.AsSpan(8),
            RotatingSequencer.Journal.Crc32C.Compute(header.AsSpan(12))
        );
        File.WriteAllBytes(file, header);
        var refusal = Assert.Throws<FixableException>(() => RaftLog.Open(_directory["log"], Small));
        Assert.Contains("is of version 1, and this program reads 2", refusal.Message, StringComparison.Ordinal);
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
