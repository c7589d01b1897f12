using System.Text;
using Agora.Cluster;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class DataDirectoryTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly string s_deep = Path.Combine([
        .. Enumerable.Repeat("a-rather-long-name-of-a-directory", 6),
    ]);

    private readonly Scratch _scratch = new();
    private readonly DataDirectory _data;

    public DataDirectoryTests() => _data = new DataDirectory(_scratch["data"]);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_second_supervisor_is_refused_while_the_first_holds_it()
    {
        await using (await TakeAsync())
        {
            Assert.Equal(Environment.ProcessId, _data.Holder());
            Assert.Contains(
                "already up",
                (await Assert.ThrowsAsync<CommandFailedException>(() => TakeAsync())).Message,
                StringComparison.Ordinal
            );
        }

        Assert.Null(_data.Holder());
        await using (await TakeAsync()) { }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_directory_with_somebody_elses_files_is_refused_and_left_alone(bool fresh)
    {
        Directory.CreateDirectory(_data.Root);
        File.WriteAllText(Path.Combine(_data.Root, "thesis.txt"), "years of work");

        var e = await Assert.ThrowsAsync<CommandFailedException>(() => TakeAsync(fresh: fresh));

        Assert.Contains("thesis.txt", e.Message, StringComparison.Ordinal);
        Assert.Equal(["thesis.txt"], Directory.GetFileSystemEntries(_data.Root).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_replica_starts_only_on_the_data_of_its_own_cluster_and_group()
    {
        var file = ClusterFile.Default;
        _data.CheckOwner(file, "one");
        _data.CheckOwner(file, "one");
        await using (await TakeAsync())
        {
            // A supervisor finds its own directory.
        }

        var other = Assert.Throws<CommandFailedException>(() => _data.CheckOwner(file, "two"));
        Assert.Contains(
            "holds the data of cluster one, and these keys are of cluster two",
            other.Message,
            StringComparison.Ordinal
        );
        var smaller = ClusterFile.Parse(file.WithReplicas(3).ToJson(), "three");
        var size = Assert.Throws<CommandFailedException>(() => _data.CheckOwner(smaller, "one"));
        Assert.Contains("5 replicas under Raft for products, and this one has", size.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("--fresh", size.Message, StringComparison.Ordinal);
        _data.CheckOwner(file, "one");
    }

    [Fact]
    public async Task A_directory_that_no_replica_was_started_on_yet_takes_the_id_of_the_first()
    {
        await using (await TakeAsync())
        {
            _data.CheckOwner(ClusterFile.Default, "one");
        }

        Assert.Throws<CommandFailedException>(() => _data.CheckOwner(ClusterFile.Default, "two"));
    }

    [Fact]
    public async Task Fresh_removes_what_is_ours_and_nothing_else()
    {
        await using (await TakeAsync())
        {
            File.WriteAllText(Path.Combine(_data.Prepare(Scratch.Process()), "state.db"), "old");
            File.WriteAllText(_data.LogOf(Scratch.Process()), "old");
            File.WriteAllText(Path.Combine(_data.Root, "notes.txt"), "mine");
            await CommandSecrets.EnsureAsync(
                _data.Secrets,
                _data,
                ClusterFile.Default,
                forAll: true,
                TestContext.Current.CancellationToken
            );
        }

        await using (await TakeAsync(fresh: true))
        {
            Assert.False(Directory.Exists(_data.Of(Scratch.Process())));
            Assert.False(File.Exists(_data.LogOf(Scratch.Process())));
            Assert.True(File.Exists(Path.Combine(_data.Root, "notes.txt")));
            Assert.False(_data.Secrets.Exist);
        }
    }

    [Fact]
    public async Task Data_of_a_cluster_of_another_shape_is_refused_unless_the_start_is_fresh()
    {
        await using (await TakeAsync()) { }

        Assert.Contains(
            "5 replicas",
            (await Assert.ThrowsAsync<CommandFailedException>(() => TakeAsync(ClusterFile.Unreplicated))).Message,
            StringComparison.Ordinal
        );
        var otherEngine = ClusterFile.Default with
        {
            Customers = ClusterFile.Default.Customers with { Engine = ReplicationEngine.Raft },
        };
        await Assert.ThrowsAsync<CommandFailedException>(() => TakeAsync(otherEngine));
        await using (await TakeAsync(ClusterFile.Unreplicated, fresh: true)) { }
    }

    [Fact]
    public async Task The_control_socket_fits_its_limit_however_long_the_directory()
    {
        Assert.StartsWith(_data.Root, _data.ControlSocket, StringComparison.Ordinal);
        DataDirectory deep = new(_scratch[s_deep]);
        Assert.Null(deep.ControlSocket);
        string first;
        await using (await deep.TakeAsync(ClusterFile.Default, fresh: false, TestContext.Current.CancellationToken))
        {
            Assert.True(Encoding.UTF8.GetByteCount(deep.ControlSocket!) <= 103);
            first = Path.GetDirectoryName(deep.ControlSocket)!;
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(first));
        }

        await using (await deep.TakeAsync(ClusterFile.Default, fresh: false, TestContext.Current.CancellationToken))
        {
            Assert.NotEqual(first, Path.GetDirectoryName(deep.ControlSocket));
            Assert.False(Directory.Exists(first));
            Directory.Delete(Path.GetDirectoryName(deep.ControlSocket)!, recursive: true);
        }
    }

    [Theory]
    [InlineData("open to others")]
    [InlineData("a link")]
    public async Task A_control_socket_that_another_user_may_have_put_there_is_not_used(string what)
    {
        DataDirectory deep = new(_scratch[s_deep]);
        await using (await deep.TakeAsync(ClusterFile.Default, fresh: false, TestContext.Current.CancellationToken))
        {
            var directory = Path.GetDirectoryName(deep.ControlSocket)!;
            if (what == "a link")
            {
                Directory.Delete(directory);
                Directory.CreateDirectory(_scratch["elsewhere"], OwnerOnly);
                Directory.CreateSymbolicLink(directory, _scratch["elsewhere"]);
            }
            else
            {
                File.SetUnixFileMode(directory, OwnerOnly | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute);
            }

            using ControlClient client = new(deep);
            var e = await Assert.ThrowsAsync<CommandFailedException>(() =>
                client.StatusAsync(TestContext.Current.CancellationToken)
            );

            Assert.Contains("not to be trusted", e.Message, StringComparison.Ordinal);
            Assert.Contains(directory, e.Message, StringComparison.Ordinal);
            Directory.Delete(directory);
        }
    }

    [Fact]
    public void A_directory_of_another_user_is_recognised()
    {
        Directory.CreateDirectory(_scratch["own"], OwnerOnly);
        Assert.Null(PrivateDirectory.Problem(_scratch["own"]));
        Assert.True(Posix.IsOurs(_scratch.Root));

        // The system's processes belong to root, and this test may run as root.
        Assert.Equal(Environment.IsPrivilegedProcess, Posix.IsOurs("/proc/1"));
        Assert.False(Posix.IsOurs(_scratch["there is none"]));
    }

    [Fact]
    public async Task Data_and_logs_are_closed_to_others_even_if_an_earlier_version_left_them_open()
    {
        const UnixFileMode forAll =
            OwnerOnly
            | UnixFileMode.GroupRead
            | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead
            | UnixFileMode.OtherExecute;
        Directory.CreateDirectory(_data.Root, forAll);
        Directory.CreateDirectory(_data.Logs, forAll);
        var replica = Directory.CreateDirectory(_data.Of(Scratch.Process()), forAll).FullName;
        File.WriteAllText(_data.SupervisorLog, "who did what");
        File.SetUnixFileMode(
            _data.SupervisorLog,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead
        );

        await using (await TakeAsync())
        {
            _data.Prepare(Scratch.Process());

            Assert.All(
                [_data.Root, _data.Logs, replica],
                directory => Assert.Equal(OwnerOnly, File.GetUnixFileMode(directory))
            );
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_data.SupervisorLog));
        }
    }

    [Fact]
    public async Task What_cannot_be_a_directory_is_named()
    {
        File.WriteAllText(_data.Root, "");

        Assert.Contains(
            _data.Root,
            (await Assert.ThrowsAsync<CommandFailedException>(() => TakeAsync())).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            _data.Root,
            Assert.Throws<CommandFailedException>(() => _data.Prepare(Scratch.Process())).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_replicas_directory_is_its_owners_only()
    {
        var directory = _data.Prepare(Scratch.Process());

        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            File.GetUnixFileMode(directory)
        );
        Assert.Empty(Directory.GetFileSystemEntries(directory));
    }

    private Task<FileStream> TakeAsync(ClusterFile? cluster = null, bool fresh = false) =>
        _data.TakeAsync(cluster ?? ClusterFile.Default, fresh, TestContext.Current.CancellationToken);
}
