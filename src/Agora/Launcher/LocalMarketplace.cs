using System.Globalization;
using Agora.Cluster;
using Agora.Telemetry;

namespace Agora.Launcher;

/// <summary>
/// The part of a marketplace that runs on this host: its data directory, its keys, the lab where there is one, the
/// supervisor and the supervisor's control channel. <c>agora up</c>, <c>agora evaluate</c> and <c>agora chaos</c> start
/// the same thing. Its processes end in order if this process is killed.
/// </summary>
internal sealed class LocalMarketplace : IAsyncDisposable
{
    // In the order in which they were made; they are disposed of in the opposite order.
    private readonly Stack<object> _owned = [];

    private LocalMarketplace() { }

    /// <summary>Keeps the processes up.</summary>
    public Supervisor Supervisor { get; private set; } = null!;

    /// <summary>The lab; null for none.</summary>
    public LabNetwork? Lab { get; private set; }

    /// <summary>Takes the data directory, makes what is missing, and starts every process of this host.</summary>
    /// <param name="plan">What to start.</param>
    /// <param name="announce">Receives a line for each event of the processes.</param>
    /// <param name="cancellationToken">Ends the start and undoes its first steps.</param>
    /// <exception cref="CommandFailedException">It cannot start; the message says why, and how to fix it.</exception>
    public static async Task<LocalMarketplace> StartAsync(
        MarketplacePlan plan,
        Action<string> announce,
        CancellationToken cancellationToken
    )
    {
        LocalMarketplace marketplace = new();
        try
        {
            await marketplace.BeginAsync(plan, announce, cancellationToken);
            return marketplace;
        }
        catch
        {
            await marketplace.DisposeAsync();
            throw;
        }
    }

    /// <summary>Completes only if the supervisor or the lab fails, with the reason as its exception.</summary>
    public async Task BrokenAsync() =>
        await (
            Lab is null ? Supervisor.BrokenAsync() : await Task.WhenAny(Supervisor.BrokenAsync(), Lab.BrokenAsync())
        );

    public async ValueTask DisposeAsync()
    {
        while (_owned.TryPop(out var owned))
        {
            if (owned is IAsyncDisposable asynchronous)
            {
                await asynchronous.DisposeAsync();
            }
            else
            {
                ((IDisposable)owned).Dispose();
            }
        }
    }

    private async Task BeginAsync(MarketplacePlan plan, Action<string> announce, CancellationToken cancellationToken)
    {
        HostLimits.Check();
        var local = plan.Listening();
        var namespaces = plan.PlanNamespaces();
        var cluster = namespaces?.WithAddresses(plan.Cluster) ?? plan.Cluster;
        Own(await plan.Data.TakeAsync(cluster, plan.Fresh, cancellationToken));
        await CommandSecrets.EnsureAsync(plan.Secrets, plan.Data, plan.Cluster, forAll: true, cancellationToken);
        plan.Data.SecretsInUse = plan.Secrets;
        var identity = CommandSecrets.LoadWatcher(plan.Secrets, local);
        if (identity is not null)
        {
            Own(identity);
            Own(new CertificateWatch(identity, TimeProvider.System, announce));
        }

        await EndLeftoversAsync(plan.Data, cluster, announce, cancellationToken);
        RefuseTakenPorts(local, OperatorsOf(plan.Cluster, plan.Local()[0].Host));
        if (namespaces is not null)
        {
            Own(namespaces);
            await namespaces.MakeAsync(cancellationToken);
        }

        Lab = StartLab(plan, cluster, local, namespaces);
        ChildCommand child = new(plan.Data, plan.Secrets, plan.Data.ClusterFile, plan.JsonLogs);
        Supervisor = Own(
            new Supervisor(
                [.. cluster.Processes().Where(ComponentHost.CanRun)],
                local,
                plan.Data,
                identity,
                process => Lab?.Adapt(child.For(process), process) ?? child.For(process),
                TimeProvider.System,
                announce
            )
        );
        var control = await ControlServer.StartAsync(Supervisor, Lab, plan.Data.ControlSocket!, cancellationToken);
        Own(control);
        await OpenOperatorsPortAsync(plan, identity);
        Supervisor.Start();
    }

    private async Task OpenOperatorsPortAsync(MarketplacePlan plan, ComponentIdentity? identity)
    {
        var host = plan.Local()[0].Host;
        var telemetry = Own(new ProcessTelemetry(ProcessTelemetry.Supervisor, host));
        Own(new ProcessMetrics(plan.Data.Root, identity, TimeProvider.System));
        Own(new SupervisorMetrics(Supervisor.Views));
        if (
            await OperatorsListener.StartAsync(OperatorsOf(plan.Cluster, host), identity, telemetry, () => null) is
            { } operators
        )
        {
            Own(operators);
        }
    }

    private static ClusterEndpoint? OperatorsOf(ClusterFile cluster, string host) =>
        ClusterEndpoint.OfOperators(host, cluster.Supervisor.OperatorsPort);

    private T Own<T>(T value)
        where T : notnull
    {
        _owned.Push(value);
        return value;
    }

    private LabNetwork? StartLab(
        MarketplacePlan plan,
        ClusterFile cluster,
        IReadOnlyList<ClusterProcess> local,
        LabNamespaces? namespaces
    )
    {
        if (plan.Lab is null)
        {
            // The lab files of an earlier run name relays that no longer exist.
            plan.Data.WriteLabFiles(new Dictionary<string, string>());
            return null;
        }

        return cluster.Processes().Where(ComponentHost.CanRun).Count() == local.Count
            ? Own(LabNetwork.Start(cluster, local, plan.Data, plan.LabSeed, namespaces))
            : throw new CommandFailedException(
                "the lab is for a marketplace on one machine, and this cluster file names others; "
                    + "use '--lab' without --cluster"
            );
    }

    // A supervisor that was killed may have left processes and network namespaces behind.
    private static async Task EndLeftoversAsync(
        DataDirectory data,
        ClusterFile cluster,
        Action<string> announce,
        CancellationToken cancellationToken
    )
    {
        var ended = await PidFile.EndLeftoversAsync(
            cluster.Processes().Where(ComponentHost.CanRun).Select(data.PidFileOf),
            SupervisedProcess.DefaultStopBound,
            cancellationToken
        );
        if (ended > 0)
        {
            announce(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"ended {ended} processes that a killed supervisor had left behind"
                )
            );
        }

        await LabNamespaces.RemoveLeftoversAsync(data, cancellationToken);
    }

    // Checked here it is one clear message. If each process found it, there would be many, again and again.
    private static void RefuseTakenPorts(IEnumerable<ClusterProcess> local, ClusterEndpoint? own)
    {
        string[] taken =
        [
            .. Ports.Taken(own is null ? [] : [own]).Select(e => $"{Ports.Describe(e)} (the supervisor)"),
            .. local.SelectMany(p => Ports.Taken(p.Listening).Select(e => $"{Ports.Describe(e)} ({p.Name})")),
        ];
        if (taken.Length > 0)
        {
            throw new CommandFailedException(
                $"taken by another program: {Ports.Some(taken)}. If another marketplace is up, on another data "
                    + "directory, 'agora down --data DIR' ends it; if not, end that program, or give other ports "
                    + "with --cluster FILE"
            );
        }
    }
}
