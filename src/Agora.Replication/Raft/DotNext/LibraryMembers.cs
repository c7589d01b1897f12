using System.Net;
using System.Net.Sockets;
using Agora.Cluster;
using DotNext.Buffers;
using DotNext.Net.Cluster;
using DotNext.Net.Cluster.Consensus.Raft.Membership;

namespace Agora.Replication.Raft;

/// <summary>
/// The members of a group as the library's configuration; they never change. They know each other by their own
/// addresses. Where one is reached at another (<see cref="DatabaseAddress.Via"/>), only the socket that connects to it
/// learns of that.
/// </summary>
/// <remarks>
/// The library keeps its configuration as bytes and makes addresses from them. The bytes here are replica numbers, so
/// that it gets these very addresses.
/// </remarks>
internal sealed class LibraryMembers : InMemoryClusterConfigurationStorage<EndPoint>
{
    private readonly IPEndPoint[] _members;

    public LibraryMembers(DatabaseGroup group, int self)
    {
        var isRelayed = group.Replicas.Any(r => r.Via is not null);
        _members =
        [
            .. group.Replicas.Select(
                (r, i) =>
                    isRelayed
                        ? new ViaEndPoint(HostNames.PeerOf(r), HostNames.PeerOf(i == self ? r : r.Dial()))
                        : HostNames.PeerOf(r)
            ),
        ];
        var members = CreateInitialConfigurationBuilder();
        members.UnionWith(_members);
        members.Build();
    }

    /// <summary>By replica number.</summary>
    public IReadOnlyList<IPEndPoint> All => _members;

    /// <summary>The replica that has an address; −1 for none.</summary>
    public int IndexOf(EndPoint? address) => Array.FindIndex(_members, m => m.Equals(address));

    /// <summary>A replica of a group as a vote names it.</summary>
    public static MemberId IdOf(DatabaseGroup group, int replica)
    {
        using LibraryMembers members = new(group, replica);
        return IdOf(ClusterMemberId.FromEndPoint(members.All[replica]));
    }

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

    /// <summary>Equal to a member's own address, while a socket that is given it connects to another.</summary>
    /// <remarks>
    /// The library uses one address for both: it tells members apart by it, and connects to it. The group must know a
    /// member by its own address, as that is what the member says of itself. A relay in between, which only one pair of
    /// members uses, has another. The library offers no place between the two. Its other transport takes connections
    /// that the caller makes, but then has neither its TLS nor its timeouts. So the difference is made where the system
    /// is asked: a socket connects to what <see cref="Serialize"/> gives. This is used only where the cluster file has
    /// a relay, as fault injection does; a group without one has plain addresses.
    /// <para>The library connects with sockets of both families. Such a socket turns an IPv4 address into IPv6 form
    /// itself, without <see cref="Serialize"/>; an address that has that form already is left as it is. Hence
    /// <see cref="Form"/>.</para>
    /// </remarks>
    private sealed class ViaEndPoint(IPEndPoint own, IPEndPoint via) : IPEndPoint(Form(own.Address), own.Port)
    {
        public override SocketAddress Serialize() => new IPEndPoint(Form(via.Address), via.Port).Serialize();

        private static IPAddress Form(IPAddress address) => Socket.OSSupportsIPv6 ? address.MapToIPv6() : address;
    }
}
