using Agora.Cluster;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>
/// A replica that does not start, or does not go on, because of its files says which, what is wrong and what helps.
/// </summary>
public sealed class RefusalTests
{
    [Theory]
    [InlineData("raft/000000000001.log", 3, "has a damaged header")]
    [InlineData("raft/ballot", 20, "is damaged: this replica no longer knows what it promised", 4116)]
    [InlineData("state.db", 3, "file is not a database")]
    [InlineData("state.db", 100, "database disk image is malformed")]
    public async Task A_damaged_file_of_an_only_replica_is_named_and_left_as_it_is(
        string file,
        int at,
        string what,
        int andAt = -1
    )
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1);
        await group.CountAsync("x");
        await group.StopAsync(0);
        Damage(group.DirectoryOf(0, file), at);
        if (andAt >= 0)
        {
            Damage(group.DirectoryOf(0, file), andAt);
        }

        var damaged = File.ReadAllBytes(group.DirectoryOf(0, file));
        var refusal = await Assert.ThrowsAsync<FixableException>(() => group.StartAsync(0));

        var directory = Path.GetDirectoryName(group.DirectoryOf(0, "state.db"))!;
        Assert.Equal(
            $"{group.DirectoryOf(0, file)}: {what}. No other replica holds a copy: put {directory} back as it was, "
                + "or the damaged file from a copy of the same moment",
            refusal.Message
        );
        Assert.Equal(damaged, File.ReadAllBytes(group.DirectoryOf(0, file)));
        Assert.False(Directory.Exists(group.DirectoryOf(0, SetAside.DirectoryName)));
    }

    [Fact]
    public async Task The_refusal_of_an_only_replica_says_that_there_is_no_other_copy()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 1);
        await group.CountAsync("x");
        await group.StopAsync(0);
        File.Delete(group.DirectoryOf(0, "raft/000000000001.log"));

        var refusal = await Assert.ThrowsAsync<FixableException>(() => group.StartAsync(0));

        Assert.Contains("No other replica holds a copy: put ", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("emptied", "is no journal, or is damaged: it does not begin with a checkpoint")]
    [InlineData("damaged", "is no journal, or is damaged: it does not begin with a checkpoint")]
    [InlineData("cut", "The application has applied up to ")]
    [InlineData("lost", "The application has applied up to ")]
    [InlineData("another's", "is of member 1 of 3, not of member 0 of 3")]
    [InlineData("a file", "Not a directory")]
    public async Task A_journal_that_is_of_no_use_is_named_and_no_command_is_promised_that_does_not_exist(
        string how,
        string what
    )
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        await group.CountAsync("x");
        await group.StopAllAsync();
        var directory = group.DirectoryOf(0, "journal");
        var file = Path.Combine(directory, "journal-0000000000");
        switch (how)
        {
            case "emptied":
                File.WriteAllBytes(file, []);
                break;
            case "damaged":
                Damage(file, 10);
                break;
            case "cut":
                File.WriteAllBytes(file, File.ReadAllBytes(file)[..70]);
                break;
            case "lost":
                Directory.Delete(directory, recursive: true);
                break;
            case "another's":
                File.Copy(group.DirectoryOf(1, "journal/journal-0000000000"), file, overwrite: true);
                break;
            default:
                Directory.Delete(directory, recursive: true);
                File.WriteAllText(directory, "");
                break;
        }

        var refusal = await Assert.ThrowsAsync<FixableException>(() => group.StartAsync(0));

        Assert.StartsWith(directory, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(what, refusal.Message, StringComparison.Ordinal);
        if (how != "a file")
        {
            Assert.Contains(
                $"Put {Path.GetDirectoryName(directory)} back as it was",
                refusal.Message,
                StringComparison.Ordinal
            );
        }
    }

    [Fact]
    public async Task A_replica_whose_whole_directory_was_lost_ends_with_the_fix_once_the_others_tell_it()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        await group.CountAsync("x", at: 0);
        await group.StopAsync(0);
        Directory.Delete(Path.GetDirectoryName(group.DirectoryOf(0, "journal"))!, recursive: true);

        await group.StartAsync(0);
        await group.ShutdownAsync(0);

        var reason = await Assert.ThrowsAsync<FixableException>(() => group.StopAsync(0));
        Assert.StartsWith($"{group.DirectoryOf(0, "journal")}: Member ", reason.Message, StringComparison.Ordinal);
        Assert.Contains("back as it was", reason.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_state_beside_a_whole_journal_is_made_again_as_it_says()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 3);
        await group.CountAsync("x");
        await group.StopAsync(0);
        Damage(group.DirectoryOf(0, "state.db"), 3);

        var refusal = await Assert.ThrowsAsync<FixableException>(() => group.StartAsync(0));

        Assert.Contains(
            $"move {group.DirectoryOf(0, "state.db")} and its -wal and -shm away",
            refusal.Message,
            StringComparison.Ordinal
        );
        File.Delete(group.DirectoryOf(0, "state.db"));
        await group.StartAsync(0);
        Assert.Equal(1, await group.ReadAsync(0, "x"));
    }

    [Fact]
    public void A_directory_in_use_is_refused_with_who_uses_it()
    {
        using TemporaryDirectory directory = new();
        using var store = ReplicatedStore.Open(directory["a"], new Ledger());

        var refusal = Assert.Throws<FixableException>(() => ReplicatedStore.Open(directory["a"], new Ledger()));

        Assert.StartsWith(
            $"{directory["a"]}/lock: is used by this same process. ",
            refusal.Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(SQLitePCL.raw.SQLITE_FULL, "No space left on device. Make room there")]
    [InlineData(SQLitePCL.raw.SQLITE_CORRUPT, "words. as for damage")]
    [InlineData(SQLitePCL.raw.SQLITE_NOTADB, "words. as for damage")]
    [InlineData(SQLitePCL.raw.SQLITE_READONLY, "cannot be opened for writing (words). ")]
    [InlineData(SQLitePCL.raw.SQLITE_IOERR, "words. The disk or its file system fails")]
    public void An_error_of_SQLite_comes_with_its_fix(int code, string expected)
    {
        using TemporaryDirectory directory = new();
        SqliteException e = new($"SQLite Error {code}: 'words'.", code);

        Assert.StartsWith(
            $"{directory["f"]}: {expected}",
            FileFault.OfSqlite(directory["f"], code, e, "as for damage").Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(28, "No space left on device. Make room there")]
    [InlineData(30, "Read-only file system. Mount it writable")]
    [InlineData(13, "Permission denied. Give it to the user that runs this")]
    [InlineData(24, "words. Allow more open files")]
    [InlineData(5, "words. The disk or its file system fails")]
    public void An_error_of_the_system_comes_with_its_fix(int code, string expected) =>
        Assert.StartsWith(
            $"/f: {expected}",
            FileFault.Of("/f", new IOException("words", code)).Message,
            StringComparison.Ordinal
        );

    private static void Damage(string file, int at)
    {
        var content = File.ReadAllBytes(file);
        for (var i = at; i < Math.Min(at + 8, content.Length); i++)
        {
            content[i] ^= 0xff;
        }

        File.WriteAllBytes(file, content);
    }
}
