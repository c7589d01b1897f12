using Agora.Cluster;
using Agora.Contracts.Replication;

namespace Agora.Replication.Hosting;

/// <summary>What a replica stands on, for its status: its disk, its certificate, its clock.</summary>
/// <param name="directory">The replica's directory.</param>
/// <param name="clock">The replica's clock.</param>
/// <param name="identity">Its certificate; null without one.</param>
internal sealed class ReplicaFooting(ReplicaDirectory directory, ReplicaClock clock, ComponentIdentity? identity)
{
    public ReplicaGround Now()
    {
        ReplicaGround ground = new();
        if (DiskSpace.Of(directory.Path) is { } disk)
        {
            (ground.DiskFree, ground.DiskSize) = (disk.Free, disk.Size);
        }

        if (identity is not null)
        {
            ground.CertificateUntil = new DateTimeOffset(identity.Expiry).ToUnixTimeMilliseconds();
        }

        if (clock.Ahead is { } ahead)
        {
            ground.ClockAhead = (long)ahead.TotalMilliseconds;
        }

        return ground;
    }
}
