using System.Text.Json;
using Agora.Backups;
using Agora.Cluster;
using Agora.Launcher;
using Agora.Replication;
using Xunit;

namespace Agora.Tests.Backups;

/// <summary>Back-ups on disk: what is taken for one, what is checked, what is refused, what is removed.</summary>
public sealed class BackupCommandTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private string Backup => _scratch["backups/one"];

    private string Data => _scratch["data"];

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_whole_backup_is_good_and_shown_with_what_it_holds()
    {
        var manifest = BackupOnDisk.Make(Backup);

        (var code, var output, var error) = await AgoraAsync("backup", "--verify", Backup);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains(BackupOnDisk.Cluster, output, StringComparison.Ordinal);

        (code, output, _) = await AgoraAsync("backup", "--verify", Backup, "--json");
        var verdict = JsonSerializer.Deserialize(output, BackupJson.Default.BackupVerdict)!;
        Assert.Equal((0, true), (code, verdict.Good));
        Assert.Equal(manifest.ToJson(), verdict.Manifest.ToJson());
    }

    [Theory]
    [InlineData("customers.db")]
    [InlineData("products.db")]
    [InlineData("payments.db")]
    public async Task A_damaged_or_missing_file_is_named_and_nothing_is_restored_from_it(string name)
    {
        BackupOnDisk.Make(Backup);
        var file = Path.Combine(Backup, name);
        var bytes = File.ReadAllBytes(file);
        bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(file, bytes);
        await RefusedAsync($"{file} is not as it was written");

        File.WriteAllBytes(file, bytes[..^10]);
        await RefusedAsync($"{file} has {bytes.Length - 10} bytes instead of {bytes.Length}");

        File.Delete(file);
        await RefusedAsync($"{file} is missing");

        async Task RefusedAsync(string why)
        {
            Assert.Equal((1, "", $"agora: {why}\n"), await AgoraAsync("backup", "--verify", Backup));
            (var code, _, var error) = await AgoraAsync("restore", Backup, "--data", Data);
            Assert.Equal(1, code);
            Assert.Contains(why, error, StringComparison.Ordinal);
            Assert.False(Directory.Exists(Path.Combine(Data, "products-0")));
        }
    }

    [Fact]
    public async Task A_manifest_that_is_missing_damaged_or_of_another_format_is_refused()
    {
        BackupOnDisk.Make(Backup);
        var file = Path.Combine(Backup, BackupManifest.FileName);
        var text = File.ReadAllText(file);
        File.WriteAllText(file, text.Replace("\"format\": 1", "\"format\": 2", StringComparison.Ordinal));
        await RefusedAsync("is of format 2, and this program reads 1");
        File.WriteAllText(file, text[..(text.Length / 2)]);
        await RefusedAsync($"{file} is damaged");
        File.Delete(file);
        await RefusedAsync("is no back-up");

        async Task RefusedAsync(string why)
        {
            foreach (
                var command in (string[][])
                    [
                        ["backup", "--verify", Backup],
                        ["restore", Backup, "--data", Data],
                    ]
            )
            {
                (var code, _, var error) = await AgoraAsync(command);
                Assert.Equal(1, code);
                Assert.Contains(why, error, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task A_backup_is_never_written_over()
    {
        BackupOnDisk.Make(Backup);
        var before = File.ReadAllText(Path.Combine(Backup, BackupManifest.FileName));

        (var code, _, var error) = await AgoraAsync("backup", Backup, "--data", RunningNowhere());

        Assert.Equal(1, code);
        Assert.Contains($"{Backup} is there already", error, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(Path.Combine(Backup, BackupManifest.FileName)));
    }

    [Fact]
    public async Task Where_nothing_runs_nothing_is_left_of_a_backup()
    {
        (var code, _, var error) = await AgoraAsync("backup", Backup, "--data", RunningNowhere());

        Assert.Equal(1, code);
        Assert.Contains("no replica of customers gives its state", error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_scratch["backups"]));
    }

    [Fact]
    public void Half_a_backup_has_no_manifest_and_goes_with_the_next_one()
    {
        var left = $"{Backup}.1{BackupShelf.Unfinished}";
        Directory.CreateDirectory(left);
        File.WriteAllText(Path.Combine(left, "customers.db"), "half");
        Assert.Throws<CommandFailedException>(() => BackupManifest.Read(left));

        using (new BackupShelf(Backup).Begin())
        {
            // It is interrupted: nothing gets the name.
        }

        Assert.Empty(Directory.GetFileSystemEntries(_scratch["backups"]));

        // One that another process is writing stays.
        using var other = new BackupShelf(Backup).Begin();
        BackupOnDisk.Make(_scratch["backups/two"]);
        Assert.True(File.Exists(other["lock"]));
    }

    [Fact]
    public void The_newest_are_kept_and_the_one_just_made_and_what_is_no_backup_of_this_cluster_is_left_alone()
    {
        // Its clock is behind that of the others.
        BackupShelf shelf = new(_scratch["backups/1"]);
        for (var i = 1; i <= 4; i++)
        {
            BackupOnDisk.Make(_scratch[$"backups/{i}"], i);
        }

        var other = _scratch["backups/other"];
        BackupOnDisk.Make(other, 0);
        var manifest = Path.Combine(other, BackupManifest.FileName);
        File.WriteAllText(
            manifest,
            File.ReadAllText(manifest).Replace(BackupOnDisk.Cluster, new string('f', 32), StringComparison.Ordinal)
        );
        Directory.CreateDirectory(_scratch["backups/photos"]);

        var gone = shelf.Keep(2, BackupOnDisk.Cluster);

        Assert.Equal([_scratch["backups/3"], _scratch["backups/2"]], gone);
        Assert.Equal(
            ["1", "4", "other", "photos"],
            Directory.GetFileSystemEntries(_scratch["backups"]).Select(Path.GetFileName).Order()
        );
    }

    [Fact]
    public void What_has_not_changed_is_one_file_with_two_names_unless_the_older_one_has_rotted()
    {
        var first = _scratch["backups/first"];
        var manifest = BackupOnDisk.Make(first);
        foreach (var (file, isSame) in ((string, bool)[])[("customers.db", true), ("payments.db", false)])
        {
            using var work = new BackupShelf(Backup).Begin();
            foreach (var part in manifest.Parts)
            {
                File.Copy(Path.Combine(first, part.File), work[part.File]);
            }

            if (!isSame)
            {
                Flip(Path.Combine(first, file));
            }

            var linked = UnchangedParts.Link(work, manifest, (first, manifest));

            Assert.Equal(manifest.ToJson(), linked.ToJson());
            Assert.All(manifest.Parts, part => Assert.Equal(part.Sha256, BackupCheck.Sha256Of(work[part.File])));
            Flip(Path.Combine(first, file));
            Assert.Equal(isSame, manifest.Parts.Single(p => p.File == file).Sha256 != BackupCheck.Sha256Of(work[file]));
            Flip(Path.Combine(first, file));
        }

        static void Flip(string path)
        {
            using var file = File.Open(path, FileMode.Open);
            file.Position = file.Length - 1;
            var last = (byte)file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(last ^ 1));
        }
    }

    [Fact]
    public async Task A_restore_makes_every_replica_of_this_host_with_the_digest_and_new_keys()
    {
        var manifest = BackupOnDisk.Make(Backup);

        (var code, var output, var error) = await AgoraAsync("restore", Backup, "--data", Data);

        Assert.True(code == 0, error);
        Assert.Contains($"agora up --detach --data {Data}", output, StringComparison.Ordinal);
        for (var replica = 0; replica < 5; replica++)
        {
            var products = Path.Combine(Data, $"products-{replica}");
            Assert.Equal(manifest.Products.State, DatabaseCopy.DigestOf(Path.Combine(products, "state.db")));
            Assert.True(File.Exists(Path.Combine(products, "raft", "ballot")));
            var customers = Path.Combine(Data, $"customers-{replica}");
            Assert.Equal(manifest.Customers.State, DatabaseCopy.DigestOf(Path.Combine(customers, "state.db")));
            Assert.Single(Directory.GetFiles(Path.Combine(customers, "journal"), "journal-*"));
        }

        Assert.Equal(manifest.Payments.Sha256, BackupCheck.Sha256Of(Path.Combine(Data, "payments-0", "payments.db")));
        var id = File.ReadAllText(Path.Combine(Data, "secrets", "cluster.id")).Trim();
        Assert.NotEqual(BackupOnDisk.Cluster, id);
        Assert.Equal(id, DatabaseCopy.ClusterOf(Path.Combine(Data, "customers-0", "state.db")));

        // A second one is refused, and changes nothing.
        (code, _, error) = await AgoraAsync("restore", Backup, "--data", Data);
        Assert.Equal(1, code);
        Assert.Contains("nothing is restored over data", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_processes_that_are_named_are_restored()
    {
        BackupOnDisk.Make(Backup);

        (var code, var output, var error) = await AgoraAsync(
            "restore",
            Backup,
            "customers/2",
            "products/0",
            "--data",
            Data
        );

        Assert.True(code == 0, error);
        Assert.Contains(
            "restore from the same back-up on the other hosts: payments/0, customers/0",
            output,
            StringComparison.Ordinal
        );
        Assert.Equal(
            ["customers-2", "products-0"],
            Directory.GetDirectories(Data, "*-*").Select(Path.GetFileName).Order()
        );
        (code, _, error) = await AgoraAsync("restore", Backup, "buyer-server/0", "--data", _scratch["other"]);
        Assert.Equal(1, code);
        Assert.Contains("no data of buyer-server/0", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_the_keys_of_the_old_cluster_nothing_is_restored()
    {
        BackupOnDisk.Make(Backup);
        var secrets = new DataDirectory(Data).Secrets;
        await secrets.MakeAsync(
            ClusterFile.Default,
            DateTimeOffset.UtcNow,
            renew: false,
            TestContext.Current.CancellationToken
        );
        File.WriteAllText(Path.Combine(secrets.Directory, "cluster.id"), BackupOnDisk.Cluster);

        (var code, _, var error) = await AgoraAsync("restore", Backup, "--data", Data);

        Assert.Equal(1, code);
        Assert.Contains($"the back-up is of cluster {BackupOnDisk.Cluster}", error, StringComparison.Ordinal);
        Assert.Equal(["secrets"], Directory.GetDirectories(Data).Select(Path.GetFileName));
    }

    // A cluster whose keys are there, and whose ports nobody listens on.
    private string RunningNowhere()
    {
        var data = new DataDirectory(_scratch["nowhere"]);
        Directory.CreateDirectory(data.Root);
        var cluster = Scratch.SmallCluster();
        File.WriteAllText(data.ClusterFile, cluster.ToJson());
        data.Secrets.MakeAsync(cluster, DateTimeOffset.UtcNow, renew: false, TestContext.Current.CancellationToken)
            .GetAwaiter()
            .GetResult();
        return data.Root;
    }

    private static Task<(int Code, string Output, string Error)> AgoraAsync(params string[] arguments) =>
        AgoraProgram.RunAsync(AgoraProgram.Path, arguments);
}
