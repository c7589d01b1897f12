using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Agora.Contracts.Cluster;
using Agora.Lab;

namespace Agora.Launcher;

/// <summary>
/// The lab: a marketplace whose processes reach each other only by relays, which make the network between them as bad as it is told to be. Each process gets a cluster
/// file of its own, in which every other one has the way to it over the relays as its <c>via</c>; the supervisor itself goes straight to all of them.
/// </summary>
internal sealed class LabNetwork : IAsyncDisposable
{
    /// <summary>What the links from and to clients are named after: all of them together.</summary>
    public const string Clients = "clients";

    // Clients find 8110 at 18110.
    private const int ClientsPortDistance = 10_000;

    private readonly DataDirectory _data;
    private readonly List<TcpRelay> _streams = [];
    private readonly Dictionary<(string From, string To, string Field), IPEndPoint> _entrances = [];
    private readonly LabNamespaces? _namespaces;
    private UdpRelay? _datagrams;

    private LabNetwork(DataDirectory data, ulong seed, LabNamespaces? namespaces) =>
        (_data, _namespaces, Network) = (data, namespaces, new FaultyNetwork(seed, streamsLoseBelow: namespaces is not null));

    /// <summary>All links, and what is bad about them.</summary>
    public FaultyNetwork Network { get; }

    /// <summary>The cluster file that clients take to reach the servers over the relays.</summary>
    public string ClientsFile => _data.LabFileOf(Clients);

    /// <summary>Whether each process has a network namespace of its own.</summary>
    public bool HasNamespaces => _namespaces is not null;

    /// <summary>Every party: processes, and the clients.</summary>
    public IReadOnlyList<string> Parties { get; private set; } = [];

    /// <summary>Opens the relays and writes the cluster files.</summary>
    /// <param name="cluster">The cluster as it listens, all of it on this machine.</param>
    /// <param name="processes">Those that run.</param>
    /// <param name="data">Where the cluster files go.</param>
    /// <param name="seed">Decides what is left to chance.</param>
    /// <param name="namespaces">Where each process has a network namespace of its own.</param>
    public static LabNetwork Start(
        ClusterFile cluster, IReadOnlyList<ClusterProcess> processes, DataDirectory data, ulong seed, LabNamespaces? namespaces)
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

    /// <summary>How a process is started in the lab.</summary>
    public ProcessStartInfo Place(ProcessStartInfo start, ClusterProcess process)
    {
        start.Environment[ClusterFile.EnvironmentVariable] = _data.LabFileOf(process.Name);
        return _namespaces?.Enter(start, process) ?? start;
    }

    /// <summary>Ends only if a relay breaks.</summary>
    public async Task BrokenAsync()
    {
        Task[] relays = [.. _streams.Select(s => s.Completion), .. _datagrams is null ? (Task[])[] : [_datagrams.Completion]];
        await await Task.WhenAny(relays);
    }

    /// <summary>To be called after every change: what is lost below TCP is lost by the system, which has to be told.</summary>
    public Task ApplyAsync(CancellationToken cancellationToken) => _namespaces?.LoseAsync(
        process => Network.Links.Where(l => l.To == process).Select(l => l.Conditions.Loss).DefaultIfEmpty().Average(), cancellationToken) ?? Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        _datagrams?.Dispose();
        foreach (TcpRelay stream in _streams)
        {
            await stream.DisposeAsync();
        }
    }

    private void OpenRelays(IReadOnlyList<ClusterProcess> processes, IPAddress address)
    {
        List<((string, string, string) Key, UdpRoute Route)> datagrams = [];
        foreach (ClusterProcess to in processes)
        {
            foreach (ClusterEndpoint endpoint in to.Endpoints)
            {
                IPEndPoint target = new(Dns.GetHostAddresses(endpoint.Host)[0], endpoint.Port);
                foreach (string from in Parties.Where(from => from != to.Name && Speaks(from.Split('/')[0], to.Component, endpoint)))
                {
                    Link there = Network.Between(from, to.Name);
                    if (endpoint.Protocol == ProtocolType.Udp)
                    {
                        datagrams.Add(((from, to.Name, endpoint.Field), new UdpRoute(there, target)));
                        continue;
                    }
                    _streams.Add(Open(there, Network.Between(to.Name, from), target, address, from == Clients ? endpoint.Port + ClientsPortDistance : 0));
                    _entrances[(from, to.Name, endpoint.Field)] = _streams[^1].Entrance;
                }
            }
        }
        if (datagrams.Count > 0)
        {
            _datagrams = new UdpRelay([.. datagrams.Select(d => d.Route)], address);
            for (int i = 0; i < datagrams.Count; i++)
            {
                _entrances[datagrams[i].Key] = _datagrams.Entrances[i];
            }
        }
    }

    // Clients keep their logins by address: they find the servers at the same ports every time, if those are free.
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

    // Who calls or sends to whom. What is missing here would pass the relays by, so this says rather too much.
    private static bool Speaks(string from, string to, ClusterEndpoint endpoint) => to switch
    {
        Components.Customers or Components.Products => from == to || (endpoint.Name == "grpc" && from is Components.SellerServer or Components.BuyerServer or Components.Web),
        Components.Payments => from is Components.SellerServer or Components.BuyerServer or Components.Web,
        Components.Web => from == Clients,
        _ => from is Clients or Components.Web,
    };

    private ClusterFile SeenBy(string from, ClusterFile cluster)
    {
        ServerAddress[] Servers(string component, ServerGroup group) => [.. group.Replicas.Select((address, i) =>
            _entrances.TryGetValue((from, Name(component, i), "port"), out IPEndPoint? via) ? address with { Via = new() { Host = $"{via.Address}", Port = via.Port } } : address)];

        // Servers do not speak to the port between replicas: the way to it is as good as any.
        DatabaseAddress[] Databases(string component, DatabaseGroup group) => [.. group.Replicas.Select((address, i) =>
            _entrances.TryGetValue((from, Name(component, i), "grpcPort"), out IPEndPoint? via)
                ? address with
                {
                    Via = new()
                    {
                        Host = $"{via.Address}",
                        GrpcPort = via.Port,
                        PeerPort = _entrances.GetValueOrDefault((from, Name(component, i), "peerPort"))?.Port ?? address.PeerPort,
                    },
                }
                : address)];

        return cluster with
        {
            Web = cluster.Web with { Replicas = Servers(Components.Web, cluster.Web) },
            Payments = cluster.Payments with { Replicas = Servers(Components.Payments, cluster.Payments) },
            SellerServers = cluster.SellerServers with { Replicas = Servers(Components.SellerServer, cluster.SellerServers) },
            BuyerServers = cluster.BuyerServers with { Replicas = Servers(Components.BuyerServer, cluster.BuyerServers) },
            Customers = cluster.Customers with { Replicas = Databases(Components.Customers, cluster.Customers) },
            Products = cluster.Products with { Replicas = Databases(Components.Products, cluster.Products) },
        };
    }

    private static string Name(string component, int replica) => string.Create(CultureInfo.InvariantCulture, $"{component}/{replica}");
}
