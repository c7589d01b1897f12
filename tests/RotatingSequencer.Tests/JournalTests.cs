using System.Buffers;
using System.Buffers.Binary;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Tests;

/// <summary>What was synced to the journal is read again, whatever a crash does to the rest.</summary>
public sealed class JournalTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-journal-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Everything_is_read_as_it_was_written()
    {
        var written = Some();

        var read = JournalFormat.Read(Bytes(written), out _)!;

        Assert.Equal(
            (written.Self, written.Dropped, written.Applied, written.Position),
            (read.Self, read.Dropped, read.Applied, read.Position)
        );
        Assert.Equal(written.DroppedLocals, read.DroppedLocals);
        Assert.Equal(
            (written.Incarnation, written.LifeNumber, written.Promised, written.Returns, written.Operated),
            (read.Incarnation, read.LifeNumber, read.Promised, read.Returns, read.Operated)
        );
        Assert.Equal((written.AllHeld, written.Epoch.Number), (read.AllHeld, read.Epoch.Number));
        Assert.Equal(written.Epoch.Cut, read.Epoch.Cut);
        Assert.Equal(written.Epoch.Incarnations, read.Epoch.Incarnations);
        Assert.Equal(written.Epoch.Locals, read.Epoch.Locals);
        Assert.Equal(written.Partial, read.Partial);
        Assert.Equal(
            written.Requests.Select(r => (r.Id, Convert.ToHexString(r.Body))),
            read.Requests.Select(r => (r.Id, Convert.ToHexString(r.Body)))
        );
        Assert.Equal(written.Sequences, read.Sequences);
    }

    [Fact]
    public void Starts_of_the_journal_and_lives_of_others_that_were_heard_are_read_as_they_were_written()
    {
        var written = Some();
        for (var number = 1; number <= 1_010; number++)
        {
            written.BeginLife(number, 100 + number);
        }

        written.Hear(1, new HeardLife(-1, 4, 40));
        written.Hear(1, new HeardLife(-1, 6, 60));
        written.Hear(2, new HeardLife(-2, 5, 50));
        for (var incarnation = 1; incarnation <= 100; incarnation++)
        {
            written.Hear(2, new HeardLife(incarnation, 1, 70));
        }

        var read = JournalFormat.Read(Bytes(written), out _)!;

        Assert.Equal(1_010, read.LifeNumber);
        Assert.Equal(Enumerable.Range(11, 1_000).Select(number => ((long)number, 100L + number)), read.Lives);
        Assert.Equal(new HeardLife(-1, 6, 60), read.Heard.Of(1, -1));
        // The incarnation that the epoch counts on, and the fifteen that were heard last.
        Assert.Equal(new HeardLife(-2, 5, 50), read.Heard.Of(2, -2));
        Assert.Equal(new HeardLife(100, 1, 70), read.Heard.Of(2, 100));
        Assert.Equal(new HeardLife(86, 1, 70), read.Heard.Of(2, 86));
        Assert.Equal(default, read.Heard.Of(2, 85));
        Assert.Equal(default, read.Heard.Of(0, 78));
    }

    [Fact]
    public void A_start_without_a_name_is_read_as_earlier_versions_wrote_it()
    {
        var record = new byte[JournalFormat.HeaderLength + 2];
        (record[^2], record[^1]) = ((byte)JournalFormat.RecordKind.Life, 9);
        JournalFormat.Seal(record);

        var read = JournalFormat.Read([.. Bytes(Some()), .. record], out _)!;

        Assert.Equal(9, read.LifeNumber);
        Assert.Empty(read.Lives);
    }

    [Fact]
    public void A_journal_that_is_cut_off_anywhere_ends_with_the_last_whole_record()
    {
        var bytes = Bytes(Some());
        var ends = Ends(bytes);
        for (var length = 0; length < bytes.Length; length++)
        {
            var state = JournalFormat.Read(bytes.AsSpan(0, length), out var good);

            Assert.Equal(ends.LastOrDefault(end => end <= length), good);
            Assert.Equal(
                ends.Count(end => end <= length),
                state is null ? 0 : 1 + state.Requests.Count + state.Sequences.Count
            );
        }
    }

    [Fact]
    public void A_journal_in_which_any_bit_is_wrong_ends_before_that_record()
    {
        var bytes = Bytes(Some());
        var ends = Ends(bytes);
        for (var bit = 8 * ends[0]; bit < 8 * bytes.Length; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            JournalFormat.Read(bytes, out var good);

            Assert.Equal(ends.Last(end => end <= bit / 8), good);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Zeros_after_the_last_record_end_the_journal()
    {
        var bytes = Bytes(Some());

        JournalFormat.Read([.. bytes, .. new byte[4_096]], out var good);

        Assert.Equal(bytes.Length, good);
    }

    [Fact]
    public void What_was_appended_is_found_again()
    {
        using (var journal = Open(out var fresh))
        {
            Assert.Equal(7, fresh.Incarnation);
            journal.Append(Record(0));
            journal.Append(Record(1));
        }

        using (var journal = Open(out var state))
        {
            Assert.Equal([0, 1], state.Requests.Select(r => r.Id.Local));
            journal.Append(Record(2));
        }

        using (Open(out var state))
        {
            Assert.Equal([0, 1, 2], state.Requests.Select(r => r.Id.Local));
        }
    }

    [Fact]
    public void What_a_crash_cut_short_does_not_come_back_after_what_follows()
    {
        byte[] whole;
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
            journal.Append([.. Record(1), .. Record(2)]);
            whole = ReadOpen();
        }

        // Of the two records appended last, only the first half of the first and all of the second got to the disk.
        var second = whole.AsSpan().IndexOf(Record(2));
        whole.AsSpan(second - (Record(1).Length / 2), Record(1).Length / 2).Clear();
        File.WriteAllBytes(Directory.GetFiles(_directory, "journal-*").Single(), whole);
        using (var journal = Open(out var state))
        {
            Assert.Equal([0], state.Requests.Select(r => r.Id.Local));
            // As long as the torn record: without care it would join the record that lies after that.
            journal.Append(Record(1));
        }

        using (Open(out var state))
        {
            Assert.Equal([0, 1], state.Requests.Select(r => r.Id.Local));
        }
    }

    [Fact]
    public void A_replaced_journal_holds_the_checkpoint_and_what_follows()
    {
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
            journal.Replace(Bytes(Some()));
            Assert.Equal(0, journal.Growth);
            journal.Append(Record(9));
        }

        using (Open(out var state))
        {
            Assert.Equal(Some().Applied, state.Applied);
            Assert.Equal(9, state.Requests[^1].Id.Local);
        }

        Assert.Single(Directory.GetFiles(_directory, "journal-*"));
    }

    [Fact]
    public void A_crash_before_a_new_journal_has_its_name_leaves_the_old_one()
    {
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
        }

        File.WriteAllBytes(Path.Combine(_directory, "unfinished"), Bytes(Some())[..50]);
        using (Open(out var state))
        {
            Assert.Equal([0], state.Requests.Select(r => r.Id.Local));
        }

        Assert.False(File.Exists(Path.Combine(_directory, "unfinished")));
    }

    [Fact]
    public void A_crash_before_the_old_journal_is_deleted_leaves_the_new_one()
    {
        byte[] old;
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
            old = ReadOpen();
            journal.Replace(Bytes(OfThisMember()));
        }

        File.WriteAllBytes(Path.Combine(_directory, "journal-0000000000"), old);
        using (Open(out var state))
        {
            Assert.Equal(Some().Applied, state.Applied);
        }

        Assert.Single(Directory.GetFiles(_directory, "journal-*"));
    }

    [Fact]
    public void A_directory_is_used_by_one_process_at_a_time()
    {
        using var journal = Open(out _);

        Assert.Throws<IOException>(() => Open(out _));
    }

    [Theory]
    [InlineData("journal-0000000000.bak")]
    [InlineData("journal-0000000009.old")]
    [InlineData("journal-9")]
    [InlineData("journal-copy")]
    [InlineData("notes.txt")]
    public void Other_files_in_the_directory_are_left_alone(string name)
    {
        using (var journal = Open(out _))
        {
            journal.Append(Record(0));
        }

        File.WriteAllText(Path.Combine(_directory, name), "a copy, perhaps");

        using (Open(out var state))
        {
            Assert.Equal(0, state.LastLocal(1));
        }

        Assert.Equal("a copy, perhaps", File.ReadAllText(Path.Combine(_directory, name)));
    }

    [Fact]
    public void Records_without_a_checkpoint_are_refused()
    {
        var writer = new ArrayBufferWriter<byte>();
        JournalFormat.WriteRequest(writer, new RequestId(0, 0), []);

        Assert.Throws<InvalidDataException>(() => JournalFormat.Read(writer.WrittenSpan, out _));
    }

    [Fact]
    public void A_journal_of_version_1_is_refused_by_name_and_left_as_it_is()
    {
        // A checkpoint of one member that has never run.
        byte[] checkpoint = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        JournalFormat.Seal(checkpoint);
        var path = Path.Combine(_directory, "journal-0000000000");
        File.WriteAllBytes(path, checkpoint);

        var refusal = Assert.Throws<InvalidDataException>(() => Open(out _));

        Assert.Contains("journal-0000000000 is of version 1", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(checkpoint, File.ReadAllBytes(path));
    }

    /// <summary>So that no program of that version ever meets what it does not know.</summary>
    [Fact]
    public void A_journal_of_version_2_is_read_and_gone_on_with_in_a_new_file()
    {
        Open(out _).Dispose();
        var path = Path.Combine(_directory, "journal-0000000000");
        var file = File.ReadAllBytes(path);
        SetVersion(file.AsSpan(0, JournalLayout.HeaderSize), 2);
        SetVersion(file.AsSpan(JournalLayout.HeaderSize), 2);
        File.WriteAllBytes(path, file);

        Open(out var state).Dispose();

        Assert.Equal(7, state.Incarnation);
        Assert.Equal(JournalFormat.Version, File.ReadAllBytes(Path.Combine(_directory, "journal-0000000001"))[9]);
        Assert.False(File.Exists(path));
    }

    private static void SetVersion(Span<byte> from, byte version)
    {
        var length = JournalFormat.HeaderLength + BinaryPrimitives.ReadInt32LittleEndian(from);
        from[JournalFormat.HeaderLength + 1] = version;
        JournalFormat.Seal(from[..length]);
    }

    internal static byte[] Record(long local)
    {
        var writer = new ArrayBufferWriter<byte>();
        JournalFormat.WriteRequest(writer, new(1, local), "a body without zeros"u8);
        return writer.WrittenSpan.ToArray();
    }

    internal static JournalState Some(long incarnation = -1)
    {
        Epoch epoch = new(3) { Number = 129, Cut = 290 };
        for (var m = 0; m < 3; m++)
        {
            (epoch.Incarnations[m], epoch.Locals[m]) = (-m, (100 * m) - 1);
        }

        var state = new JournalState(1, 3, epoch)
        {
            AllHeld = 299,
            Incarnation = incarnation,
            LifeNumber = 3,
            Promised = 130,
            Returns = true,
            Operated = true,
            Dropped = 300,
            Applied = 305,
            Position = 304,
            Partial =
            [
                [],
                [1, 2, 3],
                [4],
            ],
        };
        for (var m = 0; m < 3; m++)
        {
            state.DroppedLocals[m] = 100 * m;
        }

        state.Requests.AddRange([(new(0, 101), []), (new(2, 1L << 40), [9, 8, 7])]);
        state.Sequences.AddRange([(301, new(0, 101)), (302, new(2, 1L << 40))]);
        return state;
    }

    /// <summary>The same, with the incarnation that the tests begin a journal with.</summary>
    internal static JournalState OfThisMember()
    {
        return Some(incarnation: 7);
    }

    internal static byte[] Bytes(JournalState state)
    {
        var writer = new ArrayBufferWriter<byte>();
        JournalFormat.WriteCheckpoint(writer, state);
        foreach (var (id, body) in state.Requests)
        {
            JournalFormat.WriteRequest(writer, id, body);
        }

        foreach (var (number, id) in state.Sequences)
        {
            JournalFormat.WriteSequence(writer, number, id);
        }

        return writer.WrittenSpan.ToArray();
    }

    /// <summary>Where each record ends.</summary>
    private static List<int> Ends(ReadOnlySpan<byte> journal)
    {
        var ends = new List<int>();
        for (var at = 0; at < journal.Length; )
        {
            at += 8 + BitConverter.ToInt32(journal[at..]);
            ends.Add(at);
        }

        return ends;
    }

    private JournalFile Open(out JournalState state) =>
        JournalFile.Open(_directory, () => JournalState.Fresh(1, 3, incarnation: 7), out state);

    private byte[] ReadOpen()
    {
        using var file = new FileStream(
            Directory.GetFiles(_directory, "journal-*").Single(),
            FileMode.Open,
            FileAccess.Read,
            FileShare.ReadWrite
        );
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}
