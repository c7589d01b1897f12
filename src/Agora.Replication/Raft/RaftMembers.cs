using System.Net;
using System.Net.Sockets;
using Agora.Contracts.Cluster;
using DotNext.Buffers;
using DotNext.Net.Cluster.Consensus.Raft.Membership;

namespace Agora.Replication.Raft;

/// <summary>
/// The members of a group, which never change. They know each other by their own addresses; where one is reached at another (<see cref="DatabaseAddress.Via"/>),
/// only the socket that connects to it learns of that.
/// </summary>
/// <remarks>
/// The library keeps its configuration as bytes and makes addresses from them; the bytes here are replica numbers, so that it gets these very addresses.
/// </remarks>
internal sealed class RaftMembers : InMemoryClusterConfigurationStorage<EndPoint>
{
    private readonly IPEndPoint[] _members;

    public RaftMembers(DatabaseGroup group, int self)
    {
        bool relayed = group.Replicas.Any(r => r.Via is not null);
        _members = [.. group.Replicas.Select((r, i) => relayed ? new ViaEndPoint(HostNames.PeerOf(r), HostNames.PeerOf(i == self ? r : r.Dial())) : HostNames.PeerOf(r))];
        Builder members = CreateInitialConfigurationBuilder();
        members.UnionWith(_members);
        members.Build();
    }

    /// <summary>By replica number.</summary>
    public IReadOnlyList<IPEndPoint> All => _members;

    /// <summary>The replica that has an address; −1 for none.</summary>
    public int IndexOf(EndPoint? address) => Array.FindIndex(_members, m => m.Equals(address));

    /// <inheritdoc/>
    protected override void Encode(EndPoint address, ref BufferWriterSlim<byte> output) => output.Add((byte)IndexOf(address));

    /// <inheritdoc/>
    protected override EndPoint Decode(ref SequenceReader reader) => _members[reader.ReadByte()];

    /// <summary>
    /// Equal to a member's own address, and in bytes another. The library connects with sockets of both families, and such a one turns an IPv4 address into IPv6 form
    /// by itself, without asking for its bytes; one that has that form already is left as it is.
    /// </summary>
    private sealed class ViaEndPoint(IPEndPoint own, IPEndPoint via) : IPEndPoint(Form(own.Address), own.Port)
    {
        public override SocketAddress Serialize() => new IPEndPoint(Form(via.Address), via.Port).Serialize();

        private static IPAddress Form(IPAddress address) => Socket.OSSupportsIPv6 ? address.MapToIPv6() : address;
    }
}
