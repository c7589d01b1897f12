using Xunit;

namespace Agora.Chaos.Tests;

public sealed class ReplicaDiskTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("agora-disk-").FullName;

    private string Disk => Path.Combine(_root, "customers-1");

    public ReplicaDiskTests()
    {
        Write("lock", []);
        Write("journal/lock", []);
        Write("state.db", [.. Enumerable.Repeat((byte)7, 5000)]);
        Write("state.db-wal", [7, 7, 7]);
        Write("journal/journal-0000000000", [1, 2, 3, 0, 0, 0, 0]);
        Write("set-aside/20261130-101500-1/state.db", [9]);
    }

    [Fact]
    public void A_flipped_byte_is_one_of_those_that_were_written_and_that_a_start_looks_at()
    {
        var before = Content();
        HashSet<string> flipped = [];
        for (var pick = 0UL; pick < 400; pick++)
        {
            var at = ReplicaDisk.FlipByte(Disk, pick)!;
            flipped.Add(at);
            var after = Content();
            var changed = after.Where(f => !f.Value.SequenceEqual(before[f.Key])).Select(f => f.Key).Single();
            Assert.EndsWith($" of {changed}", at, StringComparison.Ordinal);
            Assert.Equal(1, after[changed].Zip(before[changed]).Count(b => b.First != b.Second));
            ReplicaDisk.FlipByte(Disk, pick);
            Assert.Equal(before["state.db"], Content()["state.db"]);
        }

        Assert.Equal(100 + 3, flipped.Count);
        Assert.Contains("byte 99 of state.db", flipped);
        Assert.Contains("byte 2 of journal/journal-0000000000", flipped);
    }

    [Fact]
    public void A_copy_that_is_put_back_replaces_everything()
    {
        var copy = Path.Combine(_root, "copy");
        ReplicaDisk.Copy(Disk, copy);
        var before = Content();
        Write("state.db", [1]);
        Write("journal/journal-0000000001", [1]);

        ReplicaDisk.Replace(Disk, copy);

        var after = Content();
        Assert.Equal(["journal/journal-0000000000", "state.db", "state.db-wal"], after.Keys.Order());
        Assert.Equal(before["state.db"], after["state.db"]);
    }

    [Fact]
    public void A_disk_that_is_lost_holds_nothing_to_flip()
    {
        ReplicaDisk.Lose(Disk);
        ReplicaDisk.Lose(Disk);
        Assert.False(Directory.Exists(Disk));
        Assert.Null(ReplicaDisk.FlipByte(Disk, 1));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private Dictionary<string, byte[]> Content() =>
        Directory
            .GetFiles(Disk, "*", SearchOption.AllDirectories)
            .ToDictionary(f => Path.GetRelativePath(Disk, f), File.ReadAllBytes);

    private void Write(string name, byte[] content)
    {
        var path = Path.Combine(Disk, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }
}
