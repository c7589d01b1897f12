using System.Text.Json.Serialization;

namespace Agora.Contracts.Cluster;

/// <summary>
/// Names every process of one marketplace: where each replica listens, and the settings that people change.
/// Every process, client and tool reads the same file. Immutable: a change is a new value.
/// </summary>
public sealed record ClusterFile
{
    /// <summary>The storefront and operations pages.</summary>
    public ServerGroup Web { get; init; } = new();

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

    /// <summary>The certificate that users see; without one, they are served over plain HTTP.</summary>
    [JsonIgnore]
    public HttpsSettings? Https { get; init; }

    /// <summary>
    /// The file says <c>"https": false</c>: users may be served over plain HTTP on any address, since something else protects what they send, or nothing has to.
    /// </summary>
    [JsonIgnore]
    public bool PlainHttp { get; init; }

    /// <summary>The field <c>https</c>: an object, <c>false</c>, or nothing.</summary>
    [JsonInclude]
    [JsonPropertyName("https")]
    internal HttpsChoice? HttpsField
    {
        get => Https is not null ? new(Https) : PlainHttp ? new(null) : null;
        init => (Https, PlainHttp) = (value?.Settings, value is { Settings: null });
    }

    /// <summary>What the seller and buyer servers take from their users.</summary>
    public LimitSettings Limits { get; init; } = new();

    /// <summary>Everything on 127.0.0.1 with the documented ports; what is used where no file is given.</summary>
    public static ClusterFile Default { get; } = Local(servers: 4, databaseReplicas: 5);

    /// <summary>One of each on 127.0.0.1: the unreplicated system, to compare with.</summary>
    public static ClusterFile Unreplicated { get; } = Local(servers: 1, databaseReplicas: 1);

    /// <summary>Name of the environment variable that names the file where the command line does not.</summary>
    public const string EnvironmentVariable = "AGORA_CLUSTER";

    /// <summary>Every process that the file names, in the order in which people list them.</summary>
    public IReadOnlyList<ClusterProcess> Processes() => [.. ClusterProcess.Of(this)];

    /// <summary>Where users reach the replicas of a server, by replica number.</summary>
    public IReadOnlyList<Uri> AddressesOf(ServerGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        return [.. group.Replicas.Select(r => new UriBuilder(Https is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps, r.Dial().Host, r.Dial().Port).Uri)];
    }

    /// <summary>The file that a command works with: the one named on the command line, else by <c>AGORA_CLUSTER</c>, else <see cref="Default"/>.</summary>
    /// <exception cref="ClusterFileException">It cannot be read, or is wrong; the message says where and how to mend it.</exception>
    public static ClusterFile Resolve(string? explicitPath)
    {
        string? path = explicitPath ?? Environment.GetEnvironmentVariable(EnvironmentVariable);
        return string.IsNullOrWhiteSpace(path) ? Default : Load(path);
    }

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="ClusterFileException">It cannot be read, or is wrong; the message says where and how to mend it.</exception>
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
        ClusterFile file = Parse(json, path);
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return file.Https is { } https ? file with { Https = https.From(directory) } : file;
    }

    /// <summary>Reads and checks the text of a file; <paramref name="source"/> names it in messages.</summary>
    /// <exception cref="ClusterFileException">It is wrong; the message says where and how to mend it.</exception>
    public static ClusterFile Parse(string json, string source = "cluster.json")
    {
        ClusterFile file = ClusterFileJson.Read(json, source);
        IReadOnlyList<string> problems = ClusterFileRules.Problems(file);
        return problems.Count == 0 ? file : throw new ClusterFileException(source, problems);
    }

    /// <summary>
    /// Why these processes must not start with this file; null where they may. Passwords, session tokens and card numbers cross a network in the clear
    /// only where the file says that they may.
    /// </summary>
    /// <param name="processes">Those that are to be started.</param>
    /// <param name="source">What the file is called.</param>
    public string? RefusalToStart(IEnumerable<ClusterProcess> processes, string source)
    {
        ArgumentNullException.ThrowIfNull(processes);
        string[] open = Https is not null || PlainHttp ? [] :
        [
            .. processes.Where(p => p.Component is Components.SellerServer or Components.BuyerServer or Components.Web && !Loopback.Is(p.Host))
                .Select(p => $"{p.Name} at {p.Endpoints[0].Address}"),
        ];
        return open.Length == 0 ? null
            : $"{source}: https: missing, and {string.Join(", ", open)} would take passwords, session tokens and card numbers over plain HTTP; add "
                + $"{HttpsSettings.Example}, or {HttpsSettings.Refused} where something else protects what users send";
    }

    /// <summary>The text of a file that <see cref="Load"/> reads back as this value.</summary>
    public string ToJson() => ClusterFileJson.Write(this);

    private static ClusterFile Local(int servers, int databaseReplicas)
    {
        static ServerAddress[] Servers(int count, int port) =>
            [.. Enumerable.Range(0, count).Select(i => new ServerAddress { Port = port + i })];
        DatabaseAddress[] Databases(int grpcPort, int peerPort) =>
            [.. Enumerable.Range(0, databaseReplicas).Select(i => new DatabaseAddress { GrpcPort = grpcPort + i, PeerPort = peerPort + i })];
        return new ClusterFile
        {
            Web = new() { Replicas = Servers(1, 8080) },
            Payments = new() { Replicas = Servers(1, 8100) },
            SellerServers = new() { Replicas = Servers(servers, 8110) },
            BuyerServers = new() { Replicas = Servers(servers, 8120) },
            Customers = new() { Engine = ReplicationEngine.RotatingSequencer, Replicas = Databases(8130, 8140) },
            Products = new() { Engine = ReplicationEngine.Raft, Replicas = Databases(8150, 8160) },
        };
    }
}

/// <summary>Replicas of a stateless server, by replica number.</summary>
public record ServerGroup
{
    /// <summary>One entry a replica; its place is its replica number.</summary>
    public IReadOnlyList<ServerAddress> Replicas { get; init; } = [];
}

/// <summary>The payment service and how it decides.</summary>
public sealed record PaymentsGroup : ServerGroup
{
    /// <summary>How likely a well-formed charge is approved, 0 to 1.</summary>
    public double ApprovalProbability { get; init; } = 0.9;

    /// <summary>Seed of the decisions; without one, a new one at each first start.</summary>
    public int? Seed { get; init; }

    /// <summary>Whether it speaks HTTPS, and only with the cluster's own; unless said here, wherever it is not on a loopback address.</summary>
    public bool? Https { get; init; }

    /// <summary>What <see cref="Https"/> comes to.</summary>
    [JsonIgnore]
    public bool UsesHttps => Https ?? !Replicas.All(r => Loopback.Is(r.Host));
}

/// <summary>The certificate that the servers show to users, as files in PEM. Relative paths start at the cluster file's directory.</summary>
public sealed record HttpsSettings
{
    /// <summary>How the cluster file names a certificate.</summary>
    public const string Example = "\"https\": { \"certificate\": \"shop.pem\", \"key\": \"shop.key\" }";

    /// <summary>How the cluster file says that there is none on purpose.</summary>
    public const string Refused = "\"https\": false";

    /// <summary>The certificate, and behind it those of the authorities between it and the one that users trust.</summary>
    [JsonRequired]
    public string Certificate { get; init; } = "";

    /// <summary>The certificate's key.</summary>
    [JsonRequired]
    public string Key { get; init; } = "";

    /// <summary>An authority that the command-line clients trust besides those that the system trusts.</summary>
    public string? Authority { get; init; }

    internal HttpsSettings From(string directory) => this with
    {
        Certificate = Path.Combine(directory, Certificate),
        Key = Path.Combine(directory, Key),
        Authority = Authority is null ? null : Path.Combine(directory, Authority),
    };
}

/// <summary>What each seller and buyer server takes from its users. More is refused: with 413, 414 or 431 what is too large, with 429 what comes too often.</summary>
public sealed record LimitSettings
{
    /// <summary>Bytes of a body.</summary>
    public int BodyBytes { get; init; } = 64 * 1024;

    /// <summary>Bytes of all headers together.</summary>
    public int HeaderBytes { get; init; } = 16 * 1024;

    /// <summary>Bytes of the request line: method, path and query.</summary>
    public int UrlBytes { get; init; } = 4 * 1024;

    /// <summary>Connections of all clients together at one server.</summary>
    public int Connections { get; init; } = 10_000;

    /// <summary>Connections of one client at one server, that is, of one IP address (one /64 with IPv6). Clients on the same host are not counted.</summary>
    public int ConnectionsPerClient { get; init; } = 500;

    /// <summary>Calls a second of one client, that is, one IP address; without a number as many as it likes.</summary>
    public int? RequestsPerSecond { get; init; }

    /// <summary>Calls that a client may make at once after a pause; unless said here, those of two seconds.</summary>
    public int? RequestBurst { get; init; }

    /// <summary>
    /// How long the answer to a call with an Idempotency-Key is kept, in minutes: a repeat within it is answered as the first call was, a later one is
    /// refused. Purchases and votes are kept for ever.
    /// </summary>
    public int IdempotencyKeyMinutes { get; init; } = 15;

    /// <summary>Failed logins of one account in a minute from one IP address (one /64 with IPv6); ten times as many from all together.</summary>
    public int FailedLoginsPerMinute { get; init; } = 10;

    /// <summary>
    /// Logins of one account in a minute from one IP address (one /64 with IPv6), whatever becomes of them; without a number as many as it likes.
    /// </summary>
    public int? LoginsPerMinute { get; init; }
}

/// <summary>Replicas of a database, and the protocol that orders its commands.</summary>
public sealed record DatabaseGroup
{
    /// <summary>What orders the commands.</summary>
    [JsonRequired]
    public ReplicationEngine Engine { get; init; }

    /// <summary>One entry a replica; its place is its replica number. An odd number of them.</summary>
    public IReadOnlyList<DatabaseAddress> Replicas { get; init; } = [];
}

/// <summary>The protocol that orders a database's commands.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ReplicationEngine>))]
public enum ReplicationEngine
{
    /// <summary>Our rotating-sequencer atomic broadcast, over UDP.</summary>
    [JsonStringEnumMemberName("rotating-sequencer")]
    RotatingSequencer,

    /// <summary>Raft, over TCP.</summary>
    [JsonStringEnumMemberName("raft")]
    Raft,
}

/// <summary>Where a server listens for HTTP.</summary>
public sealed record ServerAddress
{
    /// <summary>Host name or IP address.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>TCP port.</summary>
    public int Port { get; init; }

    /// <summary>Where whoever reads this file reaches it, if not there: a proxy, a mapped port, the lab.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ServerAddress? Via { get; init; }

    /// <summary>Where to connect to.</summary>
    public ServerAddress Dial() => Via ?? this;
}

/// <summary>Where a database replica listens.</summary>
public sealed record DatabaseAddress
{
    /// <summary>Host name or IP address.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>TCP port of the gRPC service.</summary>
    public int GrpcPort { get; init; }

    /// <summary>Port for the other replicas: UDP with the rotating sequencer, TCP with Raft.</summary>
    public int PeerPort { get; init; }

    /// <summary>
    /// Where whoever reads this file reaches it, if not there: a proxy, mapped ports, the lab. Its own address stays its name: replicas of one database
    /// know each other by it.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DatabaseAddress? Via { get; init; }

    /// <summary>Where to connect or send to.</summary>
    public DatabaseAddress Dial() => Via ?? this;
}
