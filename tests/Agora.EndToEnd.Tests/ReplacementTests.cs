using Agora.Cluster;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// A replica whose disk was lost, damaged, rolled back or mixed up while it was down is started, and serves again
/// without another command. Trade goes on meanwhile, and no call fails.
/// </summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed class ReplacementTests(RunningMarketplace marketplace)
{
    [Theory]
    [InlineData(Components.Customers, 2)]
    [InlineData(Components.Products, 1)]
    public async Task A_replica_comes_back_whatever_its_disk_has_lost(string component, int replica)
    {
        var name = $"{component}/{replica}";
        var directory = DirectoryOf(component, replica);
        await marketplace.AllRunningAsync();
        await using Traders traders = new(marketplace);
        await traders.StartAsync(sellers: 2, buyers: 2);
        await traders.GoOnAsync();
        await marketplace.CommandAsync("stop", name);
        using var older = new Copied(directory);
        await marketplace.CommandAsync("start", name);
        await marketplace.AllRunningAsync();
        await traders.GoOnAsync();

        foreach (var (fault, reason) in component == Components.Customers ? OfCustomers() : OfProducts())
        {
            await marketplace.CommandAsync("stop", name);
            fault();
            await marketplace.CommandAsync("start", name);
            await ServesAsync(name);
            Assert.Contains(reason, ReasonIn(directory), StringComparison.Ordinal);
            await traders.GoOnAsync();
        }

        await traders.StopAsync();
        await marketplace.Ledger.AuditAsync(() => traders.Seller(), () => traders.Buyer());
        await marketplace.ReplicasAgreeAsync();

        // What is wrong with the disk, and what the replica says of what it set aside; nothing where nothing is left.
        (Action Fault, string Reason)[] OfCustomers() =>
            [
                (() => Directory.Delete(directory, recursive: true), ""),
                (() => Flip(Path.Combine(directory, "state.db"), at: 3), "file is not a database"),
                (() => Flip(Journal(directory), at: 3), "journal"),
                (() => Flip(Journal(directory), at: 200), "journal"),
                (() => Directory.Delete(Path.Combine(directory, "journal"), recursive: true), ""),
                (() => File.Delete(Path.Combine(directory, "state.db")), ""),
                (() => older.PutInPlaceOf(directory), ""),
                (() => PutOtherInPlaceOf(component, replica), "belongs to replica"),
            ];

        (Action Fault, string Reason)[] OfProducts() =>
            [
                (() => Directory.Delete(directory, recursive: true), ""),
                (() => Flip(Path.Combine(directory, "state.db"), at: 3), "file is not a database"),
                (() => Flip(Path.Combine(directory, "raft", "ballot"), at: 20), ""),
                (() => Flip(Log(directory), at: 3), "has a damaged header"),
                (() => Flip(Log(directory), at: 100), "damaged"),
                (() => older.PutInPlaceOf(directory), "is an older copy of this replica's own files"),
                (() => PutOtherInPlaceOf(component, replica), "belongs to replica"),
            ];
    }

    [Theory]
    [InlineData("customers/3")]
    [InlineData("products/3")]
    public async Task A_replica_is_replaced_by_a_command(string name)
    {
        await marketplace.AllRunningAsync();

        var said = await marketplace.CommandAsync("replace", name);

        Assert.Contains($"{name} is started with nothing; what it held is in ", said, StringComparison.Ordinal);
        Assert.Contains($"{name} serves, ", said, StringComparison.Ordinal);
        await marketplace.AllRunningAsync();
        await marketplace.ReplicasAgreeAsync();
    }

    private string DirectoryOf(string component, int replica) =>
        Path.Combine(marketplace.Data, $"{component}-{replica}");

    private void PutOtherInPlaceOf(string component, int replica)
    {
        using Copied other = new(DirectoryOf(component, replica - 1));
        other.PutInPlaceOf(DirectoryOf(component, replica));
    }

    // The whole marketplace serves also while a products replica is away.
    private Task<ProcessStatus> ServesAsync(string name) =>
        RunningMarketplace.UntilAsync(
            $"{name} serves",
            async () =>
                (await marketplace.AllRunningAsync()).Processes.Single(p => p.Name == name)
                    is { State: ProcessState.Running, Database: { Ready: true, Joining: null } } process
                    ? process
                    : null
        );

    /// <summary>
    /// Why the replica set aside what it held last; empty where it never did. A journal has a directory of its own for
    /// that.
    /// </summary>
    private static string ReasonIn(string directory) =>
        Directory.GetFiles(directory, "reason.txt", SearchOption.AllDirectories).MaxBy(File.GetLastWriteTimeUtc)
            is { } reason
            ? File.ReadAllText(reason)
            : "";

    private static string Log(string directory) =>
        Directory.GetFiles(Path.Combine(directory, "raft"), "*.log").Order(StringComparer.Ordinal).First();

    private static string Journal(string directory) =>
        Directory.GetFiles(Path.Combine(directory, "journal"), "journal-*").Single();

    private static void Flip(string file, int at)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        stream.Position = at;
        var old = stream.ReadByte();
        stream.Position = at;
        stream.WriteByte((byte)(old ^ 1));
    }

    /// <summary>A copy of a replica's directory; of one that runs, as it is found on its disk.</summary>
    private sealed class Copied : IDisposable
    {
        private readonly string _copy = Directory.CreateTempSubdirectory("agora-copy-").FullName;

        public Copied(string directory) => Copy(directory, _copy);

        public void PutInPlaceOf(string directory)
        {
            Directory.Delete(directory, recursive: true);
            Copy(_copy, directory);
        }

        public void Dispose() => Directory.Delete(_copy, recursive: true);

        private static void Copy(string from, string to)
        {
            Directory.CreateDirectory(to);
            foreach (var file in Directory.GetFiles(from).Where(f => Path.GetFileName(f) != "lock"))
            {
                using FileStream source = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                using FileStream target = new(Path.Combine(to, Path.GetFileName(file)), FileMode.Create);
                source.CopyTo(target);
            }

            foreach (var directory in Directory.GetDirectories(from))
            {
                Copy(directory, Path.Combine(to, Path.GetFileName(directory)));
            }
        }
    }
}
