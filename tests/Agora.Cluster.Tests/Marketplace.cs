using System.Diagnostics;
using System.Net.Security;
using System.Text.Json;
using Agora.Cluster.Tests;
using Agora.Contracts.Cluster;
using Agora.Contracts.Replication;
using Agora.Contracts.Security;
using Agora.Launcher;
using Agora.Testing;
using Grpc.Net.Client;
using Xunit;

[assembly: AssemblyFixture(typeof(Marketplace))]

namespace Agora.Cluster.Tests;

/// <summary>
/// A whole marketplace of real processes, on ports and in a directory of its own, driven with <c>./agora</c> as a person drives it. Its logs
/// are kept in <c>artifacts/cluster-logs</c>.
/// </summary>
public class Marketplace : IAsyncLifetime
{
    /// <summary>What one test kills, no other may need.</summary>
    public const string OneAtATime = "one at a time";

    /// <summary>Only a fault reaches it, also on a machine that does much else.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly string s_root = FindRoot();

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-cluster-").FullName;

    private readonly string[] _options;
    private ComponentIdentity? _operator;

    private Dictionary<string, string> _environment = new()
    {
        ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
    };

    public Marketplace()
        : this(ClusterFile.Default)
    {
    }

    /// <param name="shape">How many replicas of each.</param>
    /// <param name="options">What <c>agora up</c> is told besides.</param>
    protected Marketplace(ClusterFile shape, params string[] options) => (Cluster, _options) = (OnFreePorts(shape), options);

    public ClusterFile Cluster { get; private init; }

    /// <summary>The cluster file that clients take.</summary>
    public virtual ClusterFile Clients => Cluster;

    public string Data => Path.Combine(_directory, "data");
    public Ledger Ledger { get; } = new();
    public ClusterSecrets Secrets => new DataDirectory(Data).Secrets;
    private string ClusterPath => Path.Combine(_directory, "cluster.json");

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(ClusterPath, Cluster.ToJson());
        await UpAsync();
        _operator = Secrets.OfOperator(DateTimeOffset.UtcNow);
    }

    /// <summary>Another one beside this, of another shape or told something else in its environment.</summary>
    public static async Task<Marketplace> StartAnotherAsync(ClusterFile cluster, Dictionary<string, string> environment)
    {
        Marketplace other = new() { Cluster = cluster, _environment = environment, IsOther = true };
        await other.InitializeAsync();
        return other;
    }

    private bool IsOther { get; init; }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("down", "--data", Data);
        if (!IsOther)
        {
            KeepLogs();
        }
        _operator?.Dispose();
        Directory.Delete(_directory, recursive: true);
        GC.SuppressFinalize(this);
    }

    public Task UpAsync() => AgoraAsync(["up", "--detach", "--cluster", ClusterPath, "--data", Data, .. _options]);

    public Task DownAsync() => AgoraAsync("down", "--data", Data);

    public Task<string> CommandAsync(params string[] arguments) => AgoraAsync([.. arguments, "--data", Data]);

    internal async Task<ClusterStatus> StatusAsync()
    {
        string output = await UntilAsync("the supervisor answers", async () => (await RunAsync("status", "--json", "--data", Data)).Output is { Length: > 0 } answer ? answer : null);
        return JsonSerializer.Deserialize(output, LauncherJson.Default.ClusterStatus)!;
    }

    /// <summary>Waits until every process runs and every function is served.</summary>
    internal Task<ClusterStatus> AllRunningAsync() => UntilAsync("every process runs and every function is served", async () =>
    {
        ClusterStatus status = await StatusAsync();
        return status.Lacks is null ? status : null;
    });

    /// <summary>Every replica of both databases has applied the same, and holds the same.</summary>
    public async Task ReplicasAgreeAsync()
    {
        foreach (DatabaseGroup database in new[] { Cluster.Customers, Cluster.Products })
        {
            string component = database == Cluster.Customers ? Components.Customers : Components.Products;
            GrpcChannel[] channels = [.. database.Replicas.Select((_, i) => Channel(component, i))];
            try
            {
                DigestReply[] digests = await UntilAsync("all replicas have applied the same", async () =>
                {
                    DigestReply[] replies = await Task.WhenAll(channels.Select(async c =>
                        await new Replica.ReplicaClient(c).GetDigestAsync(new DigestRequest(), deadline: DateTime.UtcNow.AddSeconds(30))));
                    return replies.Select(r => r.Position).Distinct().Count() == 1 ? replies : null;
                });
                Assert.Single(digests.Select(d => d.Digest).Distinct());
                Assert.True(digests[0].Position > 0);
            }
            finally
            {
                Array.ForEach(channels, c => c.Dispose());
            }
        }
    }

    /// <summary>gRPC to a replica, as the operator.</summary>
    public GrpcChannel Channel(string component, int replica)
    {
        DatabaseAddress address = (component == Components.Customers ? Cluster.Customers : Cluster.Products).Replicas[replica];
        return Channel($"{address.Host}:{address.GrpcPort}", _operator!.Towards(component, replica));
    }

    private static GrpcChannel Channel(string address, SslClientAuthenticationOptions? tls) => GrpcChannel.ForAddress(
        $"{(tls is null ? "http" : "https")}://{address}",
        new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { UseProxy = false, SslOptions = tls }, DisposeHttpClient = true });

    /// <summary>Waits for a condition, never for a time.</summary>
    public static async Task<T> UntilAsync<T>(string what, Func<Task<T?>> condition)
        where T : class
    {
        Evaluation.Patience patience = new(Patience);
        while (true)
        {
            if (await condition() is { } result)
            {
                return result;
            }
            if (patience.IsOver())
            {
                throw new TimeoutException($"still not so: {what}");
            }
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    private async Task<string> AgoraAsync(params string[] arguments)
    {
        (int code, string output, string error) = await RunAsync(arguments);
        Assert.True(code == 0, $"agora {string.Join(' ', arguments)} ended with {code}:\n{output}{error}\n{(code == 0 ? "" : Tails())}");
        return output;
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        ProcessStartInfo start = new(Path.Combine(s_root, "agora"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach ((string name, string value) in _environment)
        {
            start.Environment[name] = value;
        }
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(5));
        return (process.ExitCode, await output, await error);
    }

    private string Tails() => string.Join('\n', Directory.Exists(Path.Combine(Data, "logs"))
        ? Directory.GetFiles(Path.Combine(Data, "logs")).Order().Select(f => $"--- {Path.GetFileName(f)}\n{string.Join('\n', File.ReadLines(f).TakeLast(5))}")
        : []);

    private void KeepLogs()
    {
        string kept = Path.Combine(s_root, "artifacts", "cluster-logs", GetType().Name);
        Directory.CreateDirectory(kept);
        Array.ForEach(Directory.GetFiles(kept), File.Delete);
        foreach (string log in Directory.GetFiles(Path.Combine(Data, "logs")))
        {
            File.Copy(log, Path.Combine(kept, Path.GetFileName(log)));
        }
    }

    private static string FindRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Agora.slnx")))
        {
            directory = Path.GetDirectoryName(directory);
        }
        return directory ?? throw new InvalidOperationException("these tests run from a build inside the repository");
    }

    public static ClusterFile OnFreePorts(ClusterFile all)
    {
        Queue<int> ports = new(FreePorts.Take(all.Processes().Sum(p => p.Endpoints.Count)));
        ServerAddress[] Servers(ServerGroup group) => [.. group.Replicas.Select(r => r with { Port = ports.Dequeue() })];
        DatabaseAddress[] Databases(DatabaseGroup group) => [.. group.Replicas.Select(r => r with { GrpcPort = ports.Dequeue(), PeerPort = ports.Dequeue() })];
        return all with
        {
            Web = new(),
            Payments = all.Payments with { Replicas = Servers(all.Payments), Seed = 1 },
            SellerServers = all.SellerServers with { Replicas = Servers(all.SellerServers) },
            BuyerServers = all.BuyerServers with { Replicas = Servers(all.BuyerServers) },
            Customers = all.Customers with { Replicas = Databases(all.Customers) },
            Products = all.Products with { Replicas = Databases(all.Products) },
        };
    }
}
