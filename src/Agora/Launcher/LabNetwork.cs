using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Lab;

namespace Agora.Launcher;

/// <summary>
/// The lab: the processes of a marketplace reach each other only through relays, which add the faults that commands ask
/// for. Each process gets its own cluster file, in which the <c>via</c> of every other process is a relay. The
/// supervisor reaches all processes directly.
/// </summary>
internal sealed class LabNetwork : IAsyncDisposable
{
    /// <summary>The name of the party that represents all clients.</summary>
    public const string Clients = "clients";

    // Clients reach port 8110 at 18110.
    private const int ClientsPortDistance = 10_000;

    private readonly DataDirectory _data;
    private readonly List<TcpRelay> _streams = [];
    private readonly Dictionary<(string From, string To, string Field), IPEndPoint> _entrances = [];
    private readonly LabNamespaces? _namespaces;
    private UdpRelay? _datagrams;

    private LabNetwork(DataDirectory data, ulong seed, LabNamespaces? namespaces) =>
        (_data, _namespaces, Network) = (
            data,
            namespaces,
            new FaultyNetwork(seed, streamsLoseBelow: namespaces is not null)
        );

    /// <summary>All links, with their faults.</summary>
    public FaultyNetwork Network { get; }

    /// <summary>The cluster file with which clients reach the servers through the relays.</summary>
    public string ClientsFile => _data.LabFileOf(Clients);

    /// <summary>Each process has its own network namespace.</summary>
    public bool HasNamespaces => _namespaces is not null;

    /// <summary>All parties: the processes, and the clients.</summary>
    public IReadOnlyList<string> Parties { get; private set; } = [];

    /// <summary>Opens the relays and writes the cluster files.</summary>
    /// <param name="cluster">The cluster with the addresses at which it listens, all on this machine.</param>
    /// <param name="processes">The processes that run.</param>
    /// <param name="data">The directory for the cluster files.</param>
    /// <param name="seed">Decides everything that is random.</param>
    /// <param name="namespaces">The network namespaces of the processes; null for none.</param>
    public static LabNetwork Start(
        ClusterFile cluster,
        IReadOnlyList<ClusterProcess> processes,
        DataDirectory data,
        ulong seed,
        LabNamespaces? namespaces
    )
    {
        LabNetwork lab = new(data, seed, namespaces) { Parties = [.. processes.Select(p => p.Name), Clients] };
        try
        {
            lab.OpenRelays(processes, namespaces?.RelayAddress ?? IPAddress.Loopback);
        }
        catch (SocketException e)
        {
            throw new CommandFailedException($"the lab's relays cannot be opened: {e.Message}", e);
        }

        data.WriteLabFiles(lab.Parties.ToDictionary(party => party, party => lab.SeenBy(party, cluster).ToJson()));
        return lab;
    }

    /// <summary>Changes a process's command so that it runs in the lab.</summary>
    public ProcessStartInfo Adapt(ProcessStartInfo start, ClusterProcess process)
    {
        start.Environment[ClusterFile.EnvironmentVariable] = _data.LabFileOf(process.Name);
        start.Environment[LabClock.Variable] = _data.LabClockOf(process.Name);
        return _namespaces?.Enter(start, process) ?? start;
    }

    /// <summary>Ends only if a relay breaks.</summary>
    public async Task BrokenAsync()
    {
        Task[] relays =
        [
            .. _streams.Select(s => s.Completion),
            .. _datagrams is null ? (Task[])[] : [_datagrams.Completion],
        ];
        await await Task.WhenAny(relays);
    }

    /// <summary>
    /// Must be called after every change: with namespaces the system drops segments, and needs the new shares.
    /// </summary>
    public Task ApplyAsync(CancellationToken cancellationToken) =>
        _namespaces?.LoseAsync(
            process =>
                Network.Links.Where(l => l.To == process).Select(l => l.Conditions.Loss).DefaultIfEmpty().Average(),
            cancellationToken
        )
        ?? Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        _datagrams?.Dispose();
        foreach (var stream in _streams)
        {
            await stream.DisposeAsync();
        }
    }

    private void OpenRelays(IReadOnlyList<ClusterProcess> processes, IPAddress address)
    {
        List<((string, string, string) Key, UdpRoute Route)> datagrams = [];
        foreach (var to in processes)
        {
            foreach (var endpoint in to.Endpoints)
            {
                IPEndPoint target = new(Dns.GetHostAddresses(endpoint.Host)[0], endpoint.Port);
                foreach (
                    var from in Parties.Where(from =>
                        from != to.Name && Speaks(from.Split('/')[0], to.Component, endpoint)
                    )
                )
                {
                    var there = Network.Between(from, to.Name);
                    if (endpoint.Protocol == ProtocolType.Udp)
                    {
                        datagrams.Add(((from, to.Name, endpoint.Field), new UdpRoute(there, target)));
                        continue;
                    }

                    _streams.Add(
                        Open(
                            there,
                            Network.Between(to.Name, from),
                            target,
                            address,
                            from == Clients ? endpoint.Port + ClientsPortDistance : 0
                        )
                    );
                    _entrances[(from, to.Name, endpoint.Field)] = _streams[^1].Entrance;
                }
            }
        }

        if (datagrams.Count > 0)
        {
            _datagrams = new UdpRelay([.. datagrams.Select(d => d.Route)], address);
            for (var i = 0; i < datagrams.Count; i++)
            {
                _entrances[datagrams[i].Key] = _datagrams.Entrances[i];
            }
        }
    }

    // Clients keep their logins by address, so the servers are at the same ports every time, if those are free.
    private static TcpRelay Open(Link there, Link back, IPEndPoint target, IPAddress address, int port)
    {
        try
        {
            return new TcpRelay(there, back, target, address, port <= IPEndPoint.MaxPort ? port : 0);
        }
        catch (SocketException e) when (port != 0 && e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return new TcpRelay(there, back, target, address);
        }
    }

    // Who calls or sends to whom. A missing pair would bypass the relays, so this lists too many rather than too few.
    private static bool Speaks(string from, string to, ClusterEndpoint endpoint) =>
        to switch
        {
            Components.Customers or Components.Products => from == to
                || (
                    endpoint.Name == "grpc"
                    && from is Components.SellerServer or Components.BuyerServer or Components.Web
                ),
            Components.Payments => from is Components.SellerServer or Components.BuyerServer or Components.Web,
            Components.Web => from == Clients,
            _ => from is Clients or Components.Web,
        };

    private ClusterFile SeenBy(string from, ClusterFile cluster)
    {
        IPEndPoint? Entrance(string component, int replica, string field) =>
            _entrances.GetValueOrDefault((from, Name(component, replica), field));
        return cluster.WithAddresses(
            (component, replica, address) =>
                Entrance(component, replica, "port") is { } via
                    ? address with
                    {
                        Via = new() { Host = $"{via.Address}", Port = via.Port },
                    }
                    : address,
            (component, replica, address) =>
                Entrance(component, replica, "grpcPort") is { } via
                    ? address with
                    {
                        Via = new()
                        {
                            Host = $"{via.Address}",
                            GrpcPort = via.Port,

                            // Only replicas use the peer port, so only they have a relay for it.
                            PeerPort = Entrance(component, replica, "peerPort")?.Port ?? address.PeerPort,
                        },
                    }
                    : address
        );
    }

    private static string Name(string component, int replica) =>
        string.Create(CultureInfo.InvariantCulture, $"{component}/{replica}");
}
