using System.Diagnostics;
using System.Text.Json;
using Agora.Client;
using Agora.Cluster;
using Agora.EndToEnd.Tests;
using Agora.Launcher;
using Agora.Testing;
using Grpc.Net.Client;
using Xunit;

[assembly: AssemblyFixture(typeof(RunningMarketplace))]

namespace Agora.EndToEnd.Tests;

/// <summary>
/// A whole marketplace of real processes, on its own ports and in its own directory, operated with <c>./agora</c> as a
/// person does. Its logs are kept in <c>artifacts/cluster-logs</c>.
/// </summary>
public class RunningMarketplace : ITradedMarketplace, IAsyncLifetime
{
    /// <summary>The collection of tests that kill processes, which must not run beside each other.</summary>
    public const string OneAtATime = "one at a time";

    /// <summary>Only a bug reaches this limit, even on a busy machine.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);

    /// <summary>The root of the repository.</summary>
    public static readonly string Root = FindRoot();

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-cluster-").FullName;

    private readonly string[] _options;
    private ComponentIdentity? _operator;

    private Dictionary<string, string> _environment = new()
    {
        ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
    };

    public RunningMarketplace()
        : this(ClusterFile.Default) { }

    /// <param name="shape">The numbers of replicas, and the settings.</param>
    /// <param name="options">Further options of <c>agora up</c>.</param>
    protected RunningMarketplace(ClusterFile shape, params string[] options) =>
        (Cluster, _options) = (OnFreePorts(shape), options);

    public ClusterFile Cluster { get; private init; }

    /// <summary>The cluster file that clients use.</summary>
    public virtual ClusterFile Clients => Cluster;

    public ReplicaOptions CallOptions { get; } = new();

    public string Data => Path.Combine(_directory, "data");
    public TradeLedger Ledger { get; } = new();
    public ClusterSecrets Secrets => new DataDirectory(Data).Secrets;
    private string ClusterPath => Path.Combine(_directory, "cluster.json");

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(ClusterPath, Cluster.ToJson());
        await UpAsync();
        _operator = Secrets.OfOperator(DateTimeOffset.UtcNow);
    }

    /// <summary>A second marketplace that has not started, with another shape or other environment variables.</summary>
    public static RunningMarketplace Another(ClusterFile cluster, Dictionary<string, string> environment) =>
        new()
        {
            Cluster = cluster,
            _environment = environment,
            IsOther = true,
        };

    /// <summary>Starts a second marketplace, with another shape or other environment variables.</summary>
    public static async Task<RunningMarketplace> StartAnotherAsync(
        ClusterFile cluster,
        Dictionary<string, string> environment
    )
    {
        var other = Another(cluster, environment);
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

    /// <summary>Puts a back-up into the data directory of a marketplace that has not started.</summary>
    public async Task RestoreAsync(string backup)
    {
        await File.WriteAllTextAsync(ClusterPath, Cluster.ToJson());
        await AgoraAsync("restore", backup, "--cluster", ClusterPath, "--data", Data);
    }

    /// <summary>kill −9 of the supervisor and of every process.</summary>
    public async Task KillAllAsync()
    {
        var supervisor = new DataDirectory(Data).Holder()!.Value;
        foreach (var pid in (await StatusAsync()).Processes.Select(p => p.Pid!.Value).Prepend(supervisor))
        {
            try
            {
                using var process = Process.GetProcessById(pid);
                process.Kill();
                await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
            catch (ArgumentException)
            {
                // It has noticed that its supervisor is gone, and has ended.
            }
        }
    }

    /// <summary>Runs one process in the foreground, which must fail; returns what it says.</summary>
    public async Task<string> RunFailsAsync(string component, string replica)
    {
        await File.WriteAllTextAsync(ClusterPath, Cluster.ToJson());
        (var code, _, var error) = await RunAsync("run", component, replica, "--cluster", ClusterPath, "--data", Data);
        Assert.NotEqual(0, code);
        return error;
    }

    public Task DownAsync() => AgoraAsync("down", "--data", Data);

    public Task<string> CommandAsync(params string[] arguments) => AgoraAsync([.. arguments, "--data", Data]);

    internal async Task<ClusterStatus> StatusAsync()
    {
        var output = await UntilAsync(
            "the supervisor answers",
            async () =>
                (await RunAsync("status", "--json", "--data", Data)).Output is { Length: > 0 } answer ? answer : null
        );
        return JsonSerializer.Deserialize(output, LauncherJson.Default.ClusterStatus)!;
    }

    /// <summary>Waits until every process runs and every function is served.</summary>
    internal Task<ClusterStatus> AllRunningAsync() =>
        UntilAsync(
            "every process runs and every function is served",
            async () =>
            {
                var status = await StatusAsync();
                return status.NotReadyReason is null ? status : null;
            }
        );

    /// <summary>Checks that all replicas of each database have applied and hold the same.</summary>
    public Task ReplicasAgreeAsync() => ReplicaDigests.AgreeAsync(Cluster, Channel);

    /// <summary>A gRPC channel to a replica, with the operator's identity.</summary>
    public GrpcChannel Channel(string component, int replica)
    {
        var address = (component == Components.Customers ? Cluster.Customers : Cluster.Products).Replicas[replica];
        return ReplicaChannel.Open(address, _operator!.ClientOptions(component, replica), (_, _) => { });
    }

    /// <summary>Waits for a condition, never for a time.</summary>
    public static async Task<T> UntilAsync<T>(string what, Func<Task<T?>> condition)
        where T : class
    {
        Evaluation.PollDeadline deadline = new(Timeout);
        while (true)
        {
            if (await condition() is { } result)
            {
                return result;
            }

            if (deadline.HasPassed())
            {
                throw new TimeoutException($"still not so: {what}");
            }

            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    private async Task<string> AgoraAsync(params string[] arguments)
    {
        (var code, var output, var error) = await RunAsync(arguments);
        Assert.True(
            code == 0,
            $"agora {string.Join(' ', arguments)} ended with {code}:\n{output}{error}\n{(code == 0 ? "" : Tails())}"
        );
        return output;
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        ProcessStartInfo start = new(Path.Combine(Root, "agora"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach ((var name, var value) in _environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(5));
        return (process.ExitCode, await output, await error);
    }

    private string Tails() =>
        string.Join(
            '\n',
            Directory.Exists(Path.Combine(Data, "logs"))
                ? Directory
                    .GetFiles(Path.Combine(Data, "logs"))
                    .Order()
                    .Select(f => $"--- {Path.GetFileName(f)}\n{string.Join('\n', File.ReadLines(f).TakeLast(5))}")
                : []
        );

    private void KeepLogs()
    {
        var kept = Path.Combine(Root, "artifacts", "cluster-logs", GetType().Name);
        Directory.CreateDirectory(kept);
        Array.ForEach(Directory.GetFiles(kept), File.Delete);
        foreach (var log in Directory.GetFiles(Path.Combine(Data, "logs")))
        {
            File.Copy(log, Path.Combine(kept, Path.GetFileName(log)));
        }
    }

    private static string FindRoot()
    {
        var directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Agora.slnx")))
        {
            directory = Path.GetDirectoryName(directory);
        }

        return directory ?? throw new InvalidOperationException("these tests run from a build inside the repository");
    }

    /// <summary>The same cluster on free ports, whose bank decides from a seed.</summary>
    public static ClusterFile OnFreePorts(ClusterFile all) =>
        (all with { Payments = all.Payments with { Seed = 1 } }).OnFreePorts();
}
