using System.Net;
using DotNext.Buffers;
using DotNext.Net.Cluster;
using DotNext.Net.Cluster.Consensus.Raft.Membership;

namespace Agora.Replication.Raft;

/// <summary>
/// The members of a group as the library's configuration; they never change. They know each other by number
/// (<see cref="ReplicaEndPoint"/>).
/// </summary>
/// <remarks>
/// The library keeps its configuration as bytes and makes addresses from them. The bytes here are replica numbers, so
/// that it gets these very members.
/// </remarks>
internal sealed class LibraryMembers : InMemoryClusterConfigurationStorage<EndPoint>
{
    private readonly ReplicaEndPoint[] _members;

    /// <param name="addresses">Where to connect to, by replica number.</param>
    public LibraryMembers(IEnumerable<PeerAddress> addresses)
    {
        _members = [.. addresses.Select((address, replica) => new ReplicaEndPoint(replica, address))];
        var members = CreateInitialConfigurationBuilder();
        members.UnionWith(_members);
        members.Build();
    }

    /// <summary>By replica number.</summary>
    public IReadOnlyList<EndPoint> All => _members;

    /// <summary>The number of a member; −1 for none.</summary>
    public int IndexOf(EndPoint? member) => Array.IndexOf<EndPoint?>(_members, member);

    /// <summary>A replica as a vote names it.</summary>
    public static MemberId IdOf(int replica) => IdOf(ClusterMemberId.FromEndPoint(new ReplicaEndPoint(replica, null)));

    /// <summary>The bytes of the library's id.</summary>
    public static MemberId IdOf(in ClusterMemberId id)
    {
        Span<byte> bytes = stackalloc byte[ClusterMemberId.Size];
        id.Format(bytes);
        return MemberId.Read(bytes);
    }

    /// <inheritdoc/>
    protected override void Encode(EndPoint address, ref BufferWriterSlim<byte> output) =>
        output.Add((byte)IndexOf(address));

    /// <inheritdoc/>
    protected override EndPoint Decode(ref SequenceReader reader) => _members[reader.ReadByte()];
}
