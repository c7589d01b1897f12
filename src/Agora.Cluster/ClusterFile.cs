using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>
/// Names every process of one marketplace: where each replica listens, and the settings that people change.
/// Every process, client and tool reads the same file. Immutable: a change is a new value.
/// </summary>
public sealed record ClusterFile
{
    /// <summary>The storefront and operations pages.</summary>
    public WebGroup Web { get; init; } = new();

    /// <summary>The financial-transactions service.</summary>
    public PaymentsGroup Payments { get; init; } = new();

    /// <summary>The seller servers.</summary>
    public ServerGroup SellerServers { get; init; } = new();

    /// <summary>The buyer servers.</summary>
    public ServerGroup BuyerServers { get; init; } = new();

    /// <summary>The customers database.</summary>
    public DatabaseGroup Customers { get; init; } = new() { Engine = ReplicationEngine.RotatingSequencer };

    /// <summary>The products database.</summary>
    public DatabaseGroup Products { get; init; } = new() { Engine = ReplicationEngine.Raft };

    /// <summary>The supervisors.</summary>
    public SupervisorSettings Supervisor { get; init; } = new();

    /// <summary>The certificate that users see; without one, users are served over plain HTTP.</summary>
    [JsonIgnore]
    public HttpsSettings? Https { get; init; }

    /// <summary>
    /// The file says <c>"https": false</c>: users may be served over plain HTTP on any address, because something else
    /// protects what they send, or because it needs no protection.
    /// </summary>
    [JsonIgnore]
    public bool PlainHttp { get; init; }

    /// <summary>The field <c>https</c>: an object, <c>false</c>, or nothing.</summary>
    [JsonInclude]
    [JsonPropertyName("https")]
    internal HttpsChoice? HttpsField
    {
        get =>
            Https is not null ? new(Https)
            : PlainHttp ? new(null)
            : null;
        init => (Https, PlainHttp) = (value?.Settings, value is { Settings: null });
    }

    /// <summary>The limits that the seller and buyer servers set for their users.</summary>
    public LimitSettings Limits { get; init; } = new();

    /// <summary>What the web pages call the categories, in the order in which they show them.</summary>
    public IReadOnlyList<CategoryName> Categories { get; init; } = CategoryName.Defaults;

    /// <summary>Everything on 127.0.0.1 with the documented ports; used if no file is named.</summary>
    public static ClusterFile Default { get; } = Local(servers: 4, databaseReplicas: 5);

    /// <summary>One replica of each on 127.0.0.1: the unreplicated system, for comparison.</summary>
    public static ClusterFile Unreplicated { get; } = Local(servers: 1, databaseReplicas: 1);

    /// <summary>The environment variable that names the file if the command line does not.</summary>
    public const string EnvironmentVariable = "AGORA_CLUSTER";

    // In the built-in default the operators' port of a process is this much above its first port.
    private const int OperatorsDistance = 100;

    /// <summary>Every process that the file names, in the order in which status lists them.</summary>
    public IReadOnlyList<ClusterProcess> Processes() => [.. ClusterProcess.Of(this)];

    /// <summary>
    /// The same cluster with other addresses. The functions receive each component, replica number and address.
    /// </summary>
    public ClusterFile WithAddresses(
        Func<string, int, ServerAddress, ServerAddress> server,
        Func<string, int, DatabaseAddress, DatabaseAddress> database
    )
    {
        ServerAddress[] Servers(string component, ServerGroup group) =>
            [.. group.Replicas.Select((address, replica) => server(component, replica, address))];
        DatabaseAddress[] Databases(string component, DatabaseGroup group) =>
            [.. group.Replicas.Select((address, replica) => database(component, replica, address))];
        return this with
        {
            Web = Web with { Replicas = Servers(Components.Web, Web) },
            Payments = Payments with { Replicas = Servers(Components.Payments, Payments) },
            SellerServers = SellerServers with { Replicas = Servers(Components.SellerServer, SellerServers) },
            BuyerServers = BuyerServers with { Replicas = Servers(Components.BuyerServer, BuyerServers) },
            Customers = Customers with { Replicas = Databases(Components.Customers, Customers) },
            Products = Products with { Replicas = Databases(Components.Products, Products) },
        };
    }

    /// <summary>The same cluster without ports for operators: what runs beside it may have the same ones.</summary>
    public ClusterFile WithoutOperatorsPorts() =>
        WithAddresses(
            (_, _, address) => address with { OperatorsPort = null },
            (_, _, address) => address with { OperatorsPort = null }
        ) with
        {
            Supervisor = new(),
        };

    /// <summary>The same cluster with at most this many replicas of each server and database.</summary>
    public ClusterFile WithReplicas(int count) =>
        this with
        {
            SellerServers = SellerServers with { Replicas = [.. SellerServers.Replicas.Take(count)] },
            BuyerServers = BuyerServers with { Replicas = [.. BuyerServers.Replicas.Take(count)] },
            Customers = Customers with { Replicas = [.. Customers.Replicas.Take(count)] },
            Products = Products with { Replicas = [.. Products.Replicas.Take(count)] },
        };

    /// <summary>The URLs at which users reach the replicas of a server, by replica number.</summary>
    public IReadOnlyList<Uri> AddressesOf(ServerGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        return
        [
            .. group.Replicas.Select(r =>
                new UriBuilder(Https is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps, r.Dial().Host, r.Dial().Port).Uri
            ),
        ];
    }

    /// <summary>
    /// The cluster that a command works with: the file named on the command line, else the one that
    /// <c>AGORA_CLUSTER</c> names, else <see cref="Default"/>.
    /// </summary>
    /// <exception cref="ClusterFileException">It cannot be read, or is wrong; the message says where and how to fix
    /// it.</exception>
    public static ClusterFile Resolve(string? explicitPath)
    {
        var path = explicitPath ?? Environment.GetEnvironmentVariable(EnvironmentVariable);
        return string.IsNullOrWhiteSpace(path) ? Default : Load(path);
    }

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="ClusterFileException">It cannot be read, or is wrong; the message says where and how to fix
    /// it.</exception>
    public static ClusterFile Load(string path)
    {
        string json;
        try
        {
            json = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ClusterFileException(path, [$"cannot be read: {e.Message}"]);
        }

        var file = Parse(json, path);
        var directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return file.Https is { } https ? file with { Https = https.From(directory) } : file;
    }

    /// <summary>Reads and checks the text of a file; <paramref name="source"/> names it in messages.</summary>
    /// <exception cref="ClusterFileException">It is wrong; the message says where and how to fix it.</exception>
    public static ClusterFile Parse(string json, string source = "cluster.json")
    {
        var file = ClusterFileJson.Read(json, source);
        var problems = ClusterFileRules.Problems(file);
        return problems.Count == 0 ? file : throw new ClusterFileException(source, problems);
    }

    /// <summary>
    /// Why these processes must not start with this file; null if they may. Passwords, session tokens and card numbers
    /// cross a network in the clear only if the file says that they may.
    /// </summary>
    /// <param name="processes">The processes to start.</param>
    /// <param name="source">The name of the file, for the message.</param>
    public string? RefusalToStart(IEnumerable<ClusterProcess> processes, string source)
    {
        ArgumentNullException.ThrowIfNull(processes);
        string[] open =
            Https is not null || PlainHttp
                ? []
                :
                [
                    .. processes
                        .Where(p =>
                            p.Component is Components.SellerServer or Components.BuyerServer or Components.Web
                            && !Loopback.Is(p.Host)
                        )
                        .Select(p => $"{p.Name} at {p.Endpoints[0].Address}"),
                ];
        return open.Length == 0
            ? null
            : $"{source}: https: missing, and {string.Join(", ", open)} would take passwords, session tokens and card "
                + $"numbers over plain HTTP; add {HttpsSettings.Example}, or {HttpsSettings.Refused} if something else "
                + "protects what users send";
    }

    /// <summary>The text of a file that <see cref="Load"/> reads back as this value.</summary>
    public string ToJson() => ClusterFileJson.Write(this);

    private static ClusterFile Local(int servers, int databaseReplicas)
    {
        static ServerAddress[] Servers(int count, int port) =>
            [
                .. Enumerable
                    .Range(0, count)
                    .Select(i => new ServerAddress { Port = port + i, OperatorsPort = port + i + OperatorsDistance }),
            ];
        DatabaseAddress[] Databases(int grpcPort, int peerPort) =>
            [
                .. Enumerable
                    .Range(0, databaseReplicas)
                    .Select(i => new DatabaseAddress
                    {
                        GrpcPort = grpcPort + i,
                        PeerPort = peerPort + i,
                        OperatorsPort = grpcPort + i + OperatorsDistance,
                    }),
            ];
        return new ClusterFile
        {
            Web = new() { Replicas = Servers(1, 8080) },
            Payments = new() { Replicas = Servers(1, 8100) },
            SellerServers = new() { Replicas = Servers(servers, 8110) },
            BuyerServers = new() { Replicas = Servers(servers, 8120) },
            Customers = new() { Engine = ReplicationEngine.RotatingSequencer, Replicas = Databases(8130, 8140) },
            Products = new() { Engine = ReplicationEngine.Raft, Replicas = Databases(8150, 8160) },
            Supervisor = new() { OperatorsPort = 8190 },
        };
    }
}
