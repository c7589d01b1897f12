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
    [InlineData("emptied", "is damaged at byte 0: the file does not begin with a whole header")]
    [InlineData("damaged", "is damaged at byte 0: the file does not begin with a whole header")]
    [InlineData("cut", "is damaged at byte ")]
    [InlineData("lost", "The application has applied")]
    [InlineData("a file", "Not a directory")]
    public async Task A_journal_that_an_only_replica_cannot_use_is_named_and_left_as_it_is(string how, string what)
    {
        await using var group = await Group.StartAsync(ReplicationEngine.RotatingSequencer, 1);
        await group.CountAsync("x");
        await group.StopAllAsync();
        var directory = group.DirectoryOf(0, "journal");
        var file = Directory.GetFiles(directory, "journal-*").Single();
        switch (how)
        {
            case "emptied":
                File.WriteAllBytes(file, []);
                break;
            case "damaged":
                Damage(file, 10);
                break;
            case "cut":
                File.WriteAllBytes(file, File.ReadAllBytes(file)[..40]);
                break;
            case "lost":
                Directory.Delete(directory, recursive: true);
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
                $"put {Path.GetDirectoryName(directory)} back as it was",
                refusal.Message,
                StringComparison.Ordinal
            );
            Assert.False(Directory.Exists(Path.Combine(directory, "set-aside")));
        }
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
