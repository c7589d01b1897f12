using System.Globalization;
using System.Net;
using Agora.Cluster;
using Agora.Lab;

namespace Agora.Replication.Tests;

/// <summary>A relay from each replica to each other one, for everything that they say to each other.</summary>
internal sealed class Relays : IAsyncDisposable
{
    private readonly DatabaseGroup _group;
    private readonly Dictionary<(int From, int To), DatabaseAddress> _entrances = [];
    private readonly List<TcpRelay> _streams = [];
    private readonly UdpRelay? _datagrams;

    public Relays(FaultyNetwork network, DatabaseGroup group)
    {
        _group = group;
        var size = group.Replicas.Count;
        (int From, int To)[] pairs =
        [
            .. from i in Enumerable.Range(0, size) from j in Enumerable.Range(0, size) where i != j select (i, j),
        ];
        Link Between(int from, int to) =>
            network.Between(from.ToString(CultureInfo.InvariantCulture), to.ToString(CultureInfo.InvariantCulture));
        int Stream(int from, int to, int port)
        {
            _streams.Add(
                new TcpRelay(
                    Between(from, to),
                    Between(to, from),
                    new IPEndPoint(IPAddress.Loopback, port),
                    IPAddress.Loopback
                )
            );
            return _streams[^1].Entrance.Port;
        }

        if (group.Engine == ReplicationEngine.RotatingSequencer)
        {
            _datagrams = new UdpRelay(
                [
                    .. pairs.Select(p => new UdpRoute(
                        Between(p.From, p.To),
                        new IPEndPoint(IPAddress.Loopback, group.Replicas[p.To].PeerPort)
                    )),
                ],
                IPAddress.Loopback
            );
        }

        for (var i = 0; i < pairs.Length; i++)
        {
            var (from, to) = pairs[i];
            _entrances[pairs[i]] = new DatabaseAddress
            {
                GrpcPort = Stream(from, to, group.Replicas[to].GrpcPort),
                PeerPort = _datagrams?.Entrances[i].Port ?? Stream(from, to, group.Replicas[to].PeerPort),
            };
        }
    }

    public DatabaseGroup SeenBy(int replica) =>
        _group with
        {
            Replicas =
            [
                .. _group.Replicas.Select(
                    (address, i) => i == replica ? address : address with { Via = _entrances[(replica, i)] }
                ),
            ],
        };

    public async ValueTask DisposeAsync()
    {
        _datagrams?.Dispose();
        foreach (var relay in _streams)
        {
            await relay.DisposeAsync();
        }
    }
}
