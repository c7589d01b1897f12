using Agora.Cluster;
using Microsoft.Data.Sqlite;
using Xunit;
using static Agora.Replication.Tests.StoreCalls;

namespace Agora.Replication.Tests;

public sealed class StoreHeaderTests : IDisposable
{
    private const int HeaderSize = 100;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>After a stop the file is alone; after kill −9 there is a WAL beside it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_byte_that_flips_anywhere_in_the_header_is_noticed_or_changes_nothing(bool hasWal)
    {
        var digest = Fill(hasWal);
        HashSet<int> noticed = [];
        for (var at = 0; at < HeaderSize; at++)
        {
            var copy = _directory[$"copy-{at}"];
            Copy(copy);
            Flip(Path.Combine(copy, ReplicatedStore.FileName), at);
            try
            {
                using var store = Open(copy);
                Assert.Equal(digest, store.Digest());
                Apply(store, 300, Ledger.Count("x"));
                store.Flush();
                Assert.Equal(digest.Position + 100, store.Applied);
            }
            catch (ReplicaDamagedException)
            {
                noticed.Add(at);
            }
            catch (SqliteException e) when (StoreFile.IsDamage(e))
            {
                // While it is used: the process ends, and the next start sets the file aside.
                noticed.Add(at);
            }
            catch (FixableException e) when (e.InnerException is SqliteException damage && StoreFile.IsDamage(damage))
            {
                noticed.Add(at);
            }
        }

        Assert.Superset(new HashSet<int> { 0, 16, 18, 19, 20, 21, 52, 59, 60, 64 }, noticed);
    }

    // Enough for several pages.
    private StateDigest Fill(bool hasWal)
    {
        using var store = Open(_directory["a"]);
        for (var position = 0; position < 200; position++)
        {
            Apply(store, position, Ledger.Count($"name {position}"));
        }

        store.Flush();
        Apply(store, 200, Ledger.Count("last"));
        if (hasWal)
        {
            Copy(_directory["a"], _directory["filled"]);
        }

        var digest = store.Digest();
        store.Dispose();
        if (!hasWal)
        {
            Copy(_directory["a"], _directory["filled"]);
        }

        return digest;
    }

    private static ReplicatedStore Open(string directory) =>
        ReplicatedStore.Open(
            directory,
            new Ledger(),
            "",
            new ReplicaOwner("", Group.Database, ReplicationEngine.Raft, 0, 3)
        );

    private void Copy(string to) => Copy(_directory["filled"], to);

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from, ReplicatedStore.FileName + "*"))
        {
            using FileStream source = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using FileStream target = new(Path.Combine(to, Path.GetFileName(file)), FileMode.Create);
            source.CopyTo(target);
        }
    }

    private static void Flip(string file, int at)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite);
        stream.Position = at;
        var old = stream.ReadByte();
        stream.Position = at;
        stream.WriteByte((byte)~old);
    }
}
