using System.Globalization;
using Agora.Contracts.Cluster;
using Agora.Contracts.Payments;
using Agora.Contracts.Security;
using Agora.Evaluation;
using Agora.Evaluation.Chaos;
using Agora.Lab;
using Agora.Launcher;
using Microsoft.AspNetCore.Builder;

namespace Agora.Commands;

/// <summary>
/// A marketplace of a command's own, under its own supervisor: on free ports, in a temporary directory that goes with it, or in one that stays. Its
/// processes end by themselves should this one be killed.
/// </summary>
internal sealed class OwnMarketplace : IAsyncDisposable
{
    // Below the ports that outgoing connections get by default, so that none takes one between looking and listening.
    private const int LowestPort = 12_000;
    private const int HighestPort = 32_000;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly ClusterFile _cluster;
    private readonly ClusterProcess[] _processes;
    private readonly ulong? _labSeed;
    private readonly Action<string> _say;
    private FileStream? _held;
    private Supervisor? _supervisor;
    private WebApplication? _control;
    private ComponentIdentity? _identity;
    private LabNetwork? _lab;

    /// <param name="shape">Engines, numbers of replicas and settings.</param>
    /// <param name="labSeed">The seed of the lab that it runs in; null for none.</param>
    /// <param name="directory">Where it keeps its data, which stays; null for a temporary one.</param>
    /// <param name="say">Told what happens to its processes; the console unless given.</param>
    public OwnMarketplace(ClusterFile shape, ulong? labSeed, string? directory = null, Action<string>? say = null)
    {
        _say = say ?? (line => Console.WriteLine(LogFiles.ComplaintPrefix + line));
        _labSeed = labSeed;
        _cluster = OnFreePorts(shape);
        _processes = [.. _cluster.Processes().Where(ComponentHost.CanRun)];
        Data = new DataDirectory(directory ?? Directory.CreateTempSubdirectory("agora-own-").FullName);
        Stays = directory is not null;
    }

    public DataDirectory Data { get; }

    /// <summary>Data and logs stay when it is disposed.</summary>
    public bool Stays { get; set; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _say($"starting {_processes.Length} processes, data in {Data.Root}");
        HostLimits.RefuseTooFewOpenFiles();
        HostLimits.RefuseMissingShell();
        Patience patience = new(s_patience);
        _held = await Data.TakeAsync(_cluster, fresh: false, cancellationToken);
        await Keys.EnsureAsync(Data.Secrets, Data, _cluster, forAll: true, cancellationToken);
        _identity = Keys.Operator(Data.Secrets);
        ChildCommand child = new(Data, Data.Secrets, Data.ClusterFile, JsonLogs: false);
        _lab = _labSeed is { } seed ? LabNetwork.Start(_cluster, _processes, Data, seed, namespaces: null) : null;
        _supervisor = new Supervisor(
            _processes, _processes, Data, _identity, process => _lab?.Place(child.For(process), process) ?? child.For(process), TimeProvider.System, _say);
        _control = await ControlServer.StartAsync(_supervisor, _lab, Data.ControlSocket!, cancellationToken);
        _supervisor.Start();
        while ((await _supervisor.StatusAsync(cancellationToken)).Lacks is { } lacks)
        {
            if (patience.IsOver())
            {
                throw new CommandFailedException(string.Create(CultureInfo.InvariantCulture, $"the marketplace is not ready after {patience.Elapsed.TotalSeconds:0} s: {lacks}"));
            }
            await Task.Delay(TimeSpan.FromMilliseconds(300), cancellationToken);
        }
        _say(string.Create(CultureInfo.InvariantCulture, $"ready after {patience.Elapsed.TotalSeconds:0.0} s"));
    }

    public async ValueTask DisposeAsync()
    {
        if (_supervisor is not null)
        {
            await _supervisor.StopAsync();
            await _supervisor.DisposeAsync();
        }
        if (_control is not null)
        {
            await _control.DisposeAsync();
        }
        if (_lab is not null)
        {
            await _lab.DisposeAsync();
        }
        _identity?.Dispose();
        if (_held is not null)
        {
            await _held.DisposeAsync();
        }
        if (!Stays)
        {
            Directory.Delete(Data.Root, recursive: true);
        }
    }

    internal static ClusterFile OnFreePorts(ClusterFile shape)
    {
        int count = 1 + shape.Processes().Sum(p => p.Endpoints.Count);
        for (int attempt = 0; attempt < 100; attempt++)
        {
            int port = Random.Shared.Next(LowestPort, HighestPort - count);
            ServerAddress[] Servers(ServerGroup group) => [.. group.Replicas.Select(_ => new ServerAddress { Port = port++ })];
            DatabaseAddress[] Databases(DatabaseGroup group) => [.. group.Replicas.Select(_ => new DatabaseAddress { GrpcPort = port++, PeerPort = port++ })];
            ClusterFile file = shape with
            {
                Web = shape.Web with { Replicas = Servers(shape.Web) },
                Payments = shape.Payments with { Replicas = Servers(shape.Payments) },
                SellerServers = shape.SellerServers with { Replicas = Servers(shape.SellerServers) },
                BuyerServers = shape.BuyerServers with { Replicas = Servers(shape.BuyerServers) },
                Customers = shape.Customers with { Replicas = Databases(shape.Customers) },
                Products = shape.Products with { Replicas = Databases(shape.Products) },
            };
            if (Ports.Taken(file.Processes().SelectMany(p => p.Endpoints)).Count == 0)
            {
                return file;
            }
        }
        throw new CommandFailedException(string.Create(CultureInfo.InvariantCulture, $"no {count} free ports in a row between {LowestPort} and {HighestPort}"));
    }
}

/// <summary>A marketplace with a supervisor, seen through its control channel.</summary>
internal sealed class ControlledMarketplace(DataDirectory data) : IBreakableMarketplace, IDisposable
{
    private readonly ControlClient _control = new(data);

    public ClusterFile File { get; } = data.Holder() is null
        ? throw new CommandFailedException($"nothing is up on {data.Root}; 'agora up' starts it, or leave --data out")
        : ClusterFile.Load(System.IO.File.Exists(data.LabFileOf(LabNetwork.Clients)) ? data.LabFileOf(LabNetwork.Clients) : data.ClusterFile);

    public bool HasLab { get; } = System.IO.File.Exists(data.LabFileOf(LabNetwork.Clients));

    public Task SetNetworkAsync(double loss, TimeSpan delay, CancellationToken cancel) => SetAsync(new(loss, delay, null, null, null, null, null, null, null, null), cancel);

    public async Task SetNetworkAsync(LinkConditions conditions, IReadOnlyList<string> on, CancellationToken cancel)
    {
        await SetAsync(Change(LinkConditions.Perfect, null), cancel);
        if (!conditions.IsPerfect)
        {
            await SetAsync(Change(conditions, on.Count == 0 ? null : [.. on]), cancel);
        }

        static LabChange Change(LinkConditions c, string[]? on) =>
            new(c.Loss, c.Delay, c.Jitter, c.Duplication, c.Reordering, c.HoldBack, c.Resets, c.Stalls, c.StallLength, on);
    }

    // That there is no such link is no failure: some who might be cut off from each other never speak.
    public async Task CutAsync(IReadOnlyList<string> who, IReadOnlyList<string>? from, bool oneWay, CancellationToken cancel) =>
        Up(await _control.CutLabAsync(new([.. who], from is null ? null : [.. from], oneWay, All: false), cancel));

    public async Task MendAsync(IReadOnlyList<string>? who, CancellationToken cancel) =>
        Up(await _control.HealLabAsync(new(who is null ? null : [.. who], From: null, OneWay: false, All: false), cancel));

    public ComponentIdentity Identity { get; } = Keys.Operator(data.SecretsInUse)
        ?? throw new CommandFailedException(Keys.NoOperator(data.SecretsInUse));

    public MerchantSecret? Merchant => Keys.Merchant(data.SecretsInUse, File);

    public async Task<string?> LacksAsync(CancellationToken cancel) => Up(await _control.StatusAsync(cancel)).Lacks;

    public async Task<IReadOnlyList<ProcessView>> ProcessesAsync(CancellationToken cancel) =>
        [.. Up(await _control.StatusAsync(brief: true, cancel)).Processes.Select(p => new ProcessView(p.Name, p.Component, p.State == ProcessState.Running, p.Role, p.Lag, p.MemoryBytes))];

    public async Task<bool> TryKillAsync(string process, bool restart, CancellationToken cancel) => Up(await _control.CommandAsync("kill", process, restart, cancel)).Done;

    public async Task<bool> TryStartAsync(string process, CancellationToken cancel) => Up(await _control.CommandAsync("start", process, restart: false, cancel)).Done;

    public async Task<bool> FreezeAsync(string process, bool frozen, CancellationToken cancel) =>
        Up(await _control.CommandAsync(frozen ? "freeze" : "thaw", process, restart: false, cancel)).Done;

    public Task KillAsync(string process, bool restart, CancellationToken cancel) => CommandAsync("kill", process, restart, cancel);

    public Task StartAsync(string process, CancellationToken cancel) => CommandAsync("start", process, restart: false, cancel);

    private async Task CommandAsync(string command, string process, bool restart, CancellationToken cancel) =>
        Done(Up(await _control.CommandAsync(command, process, restart, cancel)));

    private async Task SetAsync(LabChange change, CancellationToken cancel) => Done(Up(await _control.SetLabAsync(change, cancel)));

    private T Up<T>(T? answer)
        where T : class => answer ?? throw new CommandFailedException($"the marketplace on {data.Root} is no longer up");

    private static void Done(ControlAnswer answer)
    {
        if (!answer.Done)
        {
            throw new CommandFailedException(answer.Message);
        }
    }

    public void Dispose()
    {
        Identity.Dispose();
        _control.Dispose();
    }
}
