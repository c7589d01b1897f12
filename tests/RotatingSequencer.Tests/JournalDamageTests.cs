using System.Buffers;
using RotatingSequencer.Journal;
using static RotatingSequencer.Tests.JournalTests;

namespace RotatingSequencer.Tests;

/// <summary>
/// Each journal record says how much was on disk when it was written, so a broken record before that is damage and not
/// a torn end. Damage is never cut away.
/// </summary>
public sealed class JournalDamageTests : IDisposable
{
    private const string Name = "/some/journal-0000000000";
    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-damage-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private string First => Path.Combine(_directory, "journal-0000000000");

    private string Second => Path.Combine(_directory, "journal-0000000001");

    [Fact]
    public void A_flipped_bit_is_damage_or_lies_in_the_last_batch()
    {
        var (bytes, marks, end) = Killed();
        for (var bit = 0; bit < 8 * (end + 300); bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            if (bit / 8 < marks[^1])
            {
                var damage = Assert.Throws<JournalDamagedException>(() => JournalLayout.Read(Name, bytes));
                Assert.InRange(damage.Offset, 0, bit / 8);
            }
            else
            {
                var content = JournalLayout.Read(Name, bytes);
                Assert.InRange(content.Length, marks[^1], end);
                Assert.False(content.IsClosed);
            }

            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void After_a_stop_in_good_order_a_flipped_bit_in_any_record_is_damage()
    {
        byte[] bytes;
        using (var journal = Open(out _))
        {
            Fill(journal);
        }

        bytes = File.ReadAllBytes(First);
        var closing = MarksOf(bytes)[^1];
        var records = JournalLayout.Read(Name, bytes).Records.Sum(piece => piece.Length);
        for (var bit = 0; bit < 8 * (closing + JournalLayout.MarkSize); bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            if (bit / 8 < closing)
            {
                Assert.Throws<JournalDamagedException>(() => JournalLayout.Read(Name, bytes));
            }
            else
            {
                // The closing mark says nothing but that everything before was on disk.
                Assert.Equal(records, JournalLayout.Read(Name, bytes).Records.Sum(piece => piece.Length));
            }

            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void The_last_batch_may_be_torn_anywhere()
    {
        var (bytes, marks, end) = Killed();
        var before = JournalLayout.Read(Name, bytes.AsMemory(0, marks[^1])).State.Requests.Count;
        var all = JournalLayout.Read(Name, bytes).State.Requests.Count;
        for (var from = marks[^1]; from < end; from++)
        {
            // The batch up to here got to the disk; and the other way round: all but a piece that begins here.
            byte[] cut = [.. bytes.AsSpan(0, from), .. new byte[bytes.Length - from]];
            byte[] pierced = [.. bytes];
            pierced.AsSpan(from, Math.Min(16, end - from)).Clear();

            Assert.InRange(JournalLayout.Read(Name, cut).State.Requests.Count, before, all - 1);
            Assert.InRange(JournalLayout.Read(Name, cut.AsMemory(0, from)).State.Requests.Count, before, all - 1);
            Assert.InRange(JournalLayout.Read(Name, pierced).State.Requests.Count, before, all - 1);
        }
    }

    [Fact]
    public void What_a_file_was_begun_with_is_not_torn()
    {
        var (bytes, marks, _) = Killed();
        for (var length = 0; length < marks[0]; length++)
        {
            byte[] cleared = [.. bytes.AsSpan(0, length), .. new byte[1_000]];
            Assert.Throws<JournalDamagedException>(() => JournalLayout.Read(Name, bytes.AsMemory(0, length)));
            if (bytes.AsSpan(length, marks[0] - length).ContainsAnyExcept((byte)0))
            {
                Assert.Throws<JournalDamagedException>(() => JournalLayout.Read(Name, cleared));
            }
        }
    }

    [Fact]
    public void A_cleared_block_before_the_last_batch_is_damage()
    {
        var (bytes, marks, _) = Killed();
        for (var from = 0; from < marks[^1]; from++)
        {
            byte[] cleared = [.. bytes];
            cleared.AsSpan(from, marks[^1] - from).Clear();

            Assert.Throws<JournalDamagedException>(() => JournalLayout.Read(Name, cleared));
        }
    }

    [Fact]
    public void A_mark_in_a_payload_is_no_mark()
    {
        var mark = new byte[JournalLayout.MarkSize];
        byte[] bytes;
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
            var body = (int)new FileInfo(First).Length;
            // The place is right, or nearly so; only the salt cannot be known.
            var record = new ArrayBufferWriter<byte>();
            var content = new byte[400 * JournalLayout.MarkSize];
            for (var at = 0; at < content.Length; at += mark.Length)
            {
                JournalLayout.WriteMark(mark, salt: 12_345, body + at);
                mark.CopyTo(content, at);
            }

            JournalFormat.WriteRequest(record, new(1, 1), content);
            journal.Append(record.WrittenSpan);
            bytes = ReadOpen();
        }

        bytes[MarksOf(bytes)[^1] + JournalLayout.MarkSize + 2] ^= 1;

        Assert.Equal([0], JournalLayout.Read(Name, bytes).State.Requests.Select(r => r.Id.Local));
    }

    [Fact]
    public void Damage_names_file_and_byte_and_changes_no_file()
    {
        // The review's case S3: a hundred synced batches, and one bit far from the end.
        using (var journal = Open(out _))
        {
            for (var i = 0; i < 100; i++)
            {
                var records = new ArrayBufferWriter<byte>();
                JournalFormat.WriteRequest(records, new(1, i), new byte[200]);
                JournalFormat.WriteSequence(records, i * 3, new(1, i));
                journal.Append(records.WrittenSpan);
            }
        }

        var bytes = File.ReadAllBytes(First);
        bytes[5_000] ^= 0x10;
        File.WriteAllBytes(First, bytes);
        File.WriteAllText(Path.Combine(_directory, "unfinished"), "some");

        var damage = Assert.Throws<JournalDamagedException>(() => Open(out _));
        // The files are not kept open either.
        Assert.Throws<JournalDamagedException>(() => Open(out _));

        Assert.Equal(First, damage.File);
        Assert.InRange(damage.Offset, 4_700, 5_000);
        Assert.Contains($"{First} is damaged at byte {damage.Offset}", damage.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(First));
        Assert.Equal("some", File.ReadAllText(Path.Combine(_directory, "unfinished")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    [InlineData(-1)]
    public void A_broken_newer_file_is_damage_whatever_the_older_one_holds(int length)
    {
        var (older, newer) = TwoGenerations();
        newer = length < 0 ? newer[..^40] : newer[..length];
        File.WriteAllBytes(First, older);
        File.WriteAllBytes(Second, newer);

        Assert.Equal(Second, Assert.Throws<JournalDamagedException>(() => Open(out _)).File);

        Assert.Equal(older, File.ReadAllBytes(First));
        Assert.Equal(newer, File.ReadAllBytes(Second));
    }

    [Fact]
    public void A_whole_newer_file_counts_whatever_the_older_one_holds()
    {
        var (older, newer) = TwoGenerations();
        older[^5] ^= 1;
        File.WriteAllBytes(First, older);
        File.WriteAllBytes(Second, newer);

        using (Open(out var state))
        {
            Assert.Equal(Some().Applied, state.Applied);
        }

        Assert.Single(Directory.GetFiles(_directory, "journal-*"));
    }

    [Fact]
    public void Files_of_two_journals_in_one_directory_are_damage()
    {
        var (_, newer) = TwoGenerations();
        using (JournalFile.Open(_directory, () => JournalState.Fresh(1, 3, incarnation: 8), out _)) { }

        var older = File.ReadAllBytes(First);
        File.WriteAllBytes(Second, newer);

        Assert.Throws<JournalDamagedException>(() => Open(out _));

        Assert.Equal(older, File.ReadAllBytes(First));
        Assert.Equal(newer, File.ReadAllBytes(Second));
    }

    [Fact]
    public void A_journal_of_somebody_else_is_left_as_it_is()
    {
        var (bytes, _, _) = Killed();
        File.WriteAllBytes(First, bytes);

        Assert.Throws<InvalidOperationException>(() =>
            JournalFile.Open(
                _directory,
                () => JournalState.Fresh(2, 3, incarnation: 9),
                out _,
                check: state => throw new InvalidOperationException($"of member {state.Self}")
            )
        );

        Assert.Equal(bytes, File.ReadAllBytes(First));
    }

    [Fact]
    public void What_is_set_aside_is_kept_with_the_reason()
    {
        var (older, newer) = TwoGenerations();
        for (var time = 1; time <= 2; time++)
        {
            File.WriteAllBytes(First, older);
            File.WriteAllBytes(Second, newer);
            File.WriteAllText(Path.Combine(_directory, "unfinished"), "some");
            File.WriteAllText(Path.Combine(_directory, "notes.txt"), "not the journal's");

            var kept = Member.SetAsideJournal(_directory, $"reason {time}")!;

            Assert.Equal(Path.Combine(_directory, "set-aside"), Path.GetDirectoryName(kept));
            Assert.Equal(time, Directory.GetDirectories(Path.Combine(_directory, "set-aside")).Length);
            Assert.Equal(older, File.ReadAllBytes(Path.Combine(kept, "journal-0000000000")));
            Assert.Equal(newer, File.ReadAllBytes(Path.Combine(kept, "journal-0000000001")));
            Assert.Equal("some", File.ReadAllText(Path.Combine(kept, "unfinished")));
            Assert.Equal($"reason {time}\n", File.ReadAllText(Path.Combine(kept, "reason.txt")));
            Assert.Equal(["lock", "notes.txt"], Directory.GetFiles(_directory).Select(Path.GetFileName).Order());
        }

        Assert.Null(Member.SetAsideJournal(_directory, "nothing is there"));
        Assert.Null(Member.SetAsideJournal(Path.Combine(_directory, "nowhere"), "nothing is there"));
    }

    [Fact]
    public void The_journal_of_a_running_member_is_not_set_aside()
    {
        using var journal = Open(out _);

        Assert.Throws<IOException>(() => Member.SetAsideJournal(_directory, "a mistake"));

        Assert.True(File.Exists(First));
    }

    /// <summary>A checkpoint and four batches of one to three records, as a killed process leaves them.</summary>
    private (byte[] Bytes, int[] Marks, int End) Killed()
    {
        byte[] bytes;
        using (var journal = Open(out _))
        {
            Fill(journal);
            bytes = ReadOpen();
        }

        File.Delete(First);
        var end = bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        return (bytes[..(end + 500)], MarksOf(bytes), end);
    }

    private static void Fill(JournalFile journal)
    {
        journal.Append(Record(0));
        journal.Append([.. Record(1), .. Record(2), .. Record(3)]);
        journal.Append(Record(4));
        journal.Append([.. Record(5), .. Record(6), .. Record(7)]);
    }

    /// <summary>A file, and the one that took its place.</summary>
    private (byte[] Older, byte[] Newer) TwoGenerations()
    {
        byte[] older;
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
            older = ReadOpen();
            journal.Replace(Bytes(OfThisMember()));
        }

        var newer = File.ReadAllBytes(Second);
        File.Delete(Second);
        return (older, newer);
    }

    private static int[] MarksOf(byte[] bytes)
    {
        var marks = new List<int>();
        for (var at = 0; JournalFormat.TryReadRecord(bytes.AsSpan(at), out var record); )
        {
            if (record[0] == (byte)JournalFormat.RecordKind.Batch)
            {
                marks.Add(at);
            }

            at += JournalFormat.HeaderLength + record.Length;
        }

        return [.. marks];
    }

    private JournalFile Open(out JournalState state) =>
        JournalFile.Open(_directory, () => JournalState.Fresh(1, 3, incarnation: 7), out state);

    private byte[] ReadOpen()
    {
        using var file = new FileStream(First, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}
