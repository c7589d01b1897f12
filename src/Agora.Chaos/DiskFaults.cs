namespace Agora.Chaos;

/// <summary>
/// Makes the faults of disks: kills a replica, changes what its directory holds, and starts it again. Keeps the copies
/// that are put back later.
/// </summary>
internal sealed class DiskFaults(IBreakableMarketplace marketplace) : IDisposable
{
    private readonly string _copies = Directory.CreateTempSubdirectory("agora-chaos-").FullName;

    /// <summary>
    /// Begins: kills the replica, or copies its directory while it stands still, as a snapshot of the whole disk would.
    /// </summary>
    public async Task BeginAsync(Fault fault, string target, CancellationToken cancellationToken)
    {
        if (fault.Kind != ChaosFaultKind.OlderCopy)
        {
            await marketplace.TryKillAsync(target, restart: false, cancellationToken);
            return;
        }

        await marketplace.FreezeAsync(target, frozen: true, cancellationToken);
        try
        {
            ReplicaDisk.Lose(CopyOf(target));
            ReplicaDisk.Copy(marketplace.DirectoryOf(target), CopyOf(target));
        }
        finally
        {
            await marketplace.FreezeAsync(target, frozen: false, cancellationToken);
        }
    }

    /// <summary>
    /// Changes the directory of the replica, which is dead, and starts it; returns what more there is to say of it.
    /// </summary>
    public async Task<string?> EndAsync(Fault fault, string target, CancellationToken cancellationToken)
    {
        var directory = marketplace.DirectoryOf(target);
        string? detail = null;
        switch (fault.Kind)
        {
            case ChaosFaultKind.LostDisk:
                ReplicaDisk.Lose(directory);
                break;
            case ChaosFaultKind.FlippedByte:
                detail = ReplicaDisk.FlipByte(directory, fault.Pick) ?? "there was none";
                break;
            case ChaosFaultKind.OlderCopy:
                await marketplace.TryKillAsync(target, restart: false, cancellationToken);
                ReplicaDisk.Replace(directory, CopyOf(target));
                break;
            case ChaosFaultKind.OtherCopy:
                // The target may have been "the leader", and turn out to be the other.
                var other = fault.From![0];
                if (other == target)
                {
                    other = marketplace
                        .File.Processes()
                        .First(p => p.Component == Fault.ComponentOf(target) && p.Name != target)
                        .Name;
                    detail = $"of {other}";
                }

                ReplicaDisk.Lose(CopyOf(target));
                ReplicaDisk.Copy(marketplace.DirectoryOf(other), CopyOf(target));
                ReplicaDisk.Replace(directory, CopyOf(target));
                break;
        }

        await marketplace.TryStartAsync(target, cancellationToken);
        return detail;
    }

    public void Dispose() => Directory.Delete(_copies, recursive: true);

    private string CopyOf(string target) => Path.Combine(_copies, target.Replace('/', '-'));
}
