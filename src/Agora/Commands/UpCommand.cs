using System.CommandLine;
using System.Globalization;
using Agora.Cluster;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// <c>agora up</c>: runs the supervisor in the foreground, or with <c>--detach</c> starts one in the background and
/// waits until it is ready.
/// </summary>
internal static class UpCommand
{
    public static Command Create()
    {
        var data = SharedOptions.Data();
        var cluster = SharedOptions.Cluster();
        var secrets = SharedOptions.Secrets();
        Option<bool> fresh = new("--fresh") { Description = "Begin empty: remove what the data directory holds" };
        Option<int?> replicas = new("--replicas")
        {
            Description = "Run only the first N of each; 1 is the unreplicated system, for comparison",
            HelpName = "N",
        };
        Option<bool> detach = new("--detach", "-d")
        {
            Description = "Return once everything is ready, and continue in the background",
        };
        var jsonLogs = SharedOptions.JsonLogs();
        Option<LabKind?> lab = new("--lab")
        {
            Description =
                "Put a network between the processes to which 'agora lab' adds faults. "
                + "With '=namespaces' (root, Linux) each process has its own network namespace",
            HelpName = "relays|namespaces",
            Arity = ArgumentArity.ZeroOrOne,
            CustomParser = result =>
                result.Tokens is [var word] && word.Value == WordOf(LabKind.Namespaces)
                    ? LabKind.Namespaces
                    : LabKind.Relays,
        };
        lab.AcceptOnlyFromAmong(WordOf(LabKind.Relays), WordOf(LabKind.Namespaces));
        Option<ulong> labSeed = new("--lab-seed")
        {
            Description = "Decides everything that is random in the lab; 1 by default",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        Option<bool> background = new("--background") { Hidden = true };
        Command command = new("up", "Start the marketplace: every process of the cluster file that runs on this host")
        {
            data,
            cluster,
            secrets,
            fresh,
            replicas,
            detach,
            jsonLogs,
            lab,
            labSeed,
            background,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                HostLimits.Check();
                var path = parse.GetValue(cluster);
                var count = parse.GetValue(replicas);
                DataDirectory directory = new(parse.GetValue(data)!);
                MarketplacePlan plan = new(
                    Limit(ClusterFile.Resolve(path), count),
                    directory,
                    ClusterSecrets.Find(parse.GetValue(secrets), path, directory.Root)
                )
                {
                    Fresh = parse.GetValue(fresh),
                    JsonLogs = parse.GetValue(jsonLogs),
                    Lab = parse.GetValue(lab),
                    LabSeed = parse.GetValue(labSeed),
                };
                RunCommand.RefusePlainHttp(plan.Cluster, plan.Local(), path);
                if (!parse.GetValue(detach))
                {
                    return await RunAsync(plan, parse.GetValue(background));
                }

                return await DetachedUp.RunAsync(
                    plan.Data,
                    new UpScreen(plan.Listening(), plan.Data) { Note = Note(plan), ShowsTroubles = true },
                    Arguments(plan, path, count),
                    cancellationToken
                );
            }
        );
        return command.WithExamples(
            "agora up                            everything on this machine, data in ./.agora, until Ctrl-C",
            "agora up --detach                   the same in the background; 'agora down' ends it",
            "agora up --fresh --data /tmp/shop   begin empty, elsewhere",
            "agora up --replicas 1 --data one    the unreplicated system, for comparison",
            "agora up --lab --detach             with a network to which 'agora lab' adds faults"
        );
    }

    /// <summary>The options with which the supervisor in the background starts the same plan.</summary>
    private static string[] Arguments(MarketplacePlan plan, string? clusterPath, int? replicas) =>
        [
            "--data",
            plan.Data.Root,
            .. clusterPath is null ? (string[])[] : ["--cluster", Path.GetFullPath(clusterPath)],
            "--secrets",
            plan.Secrets.Directory,
            .. replicas is null ? (string[])[] : ["--replicas", replicas.Value.ToString(CultureInfo.InvariantCulture)],
            .. plan.Fresh ? (string[])["--fresh"] : [],
            .. plan.JsonLogs ? (string[])["--json-logs"] : [],
            .. plan.Lab is { } kind
                ? (string[])[$"--lab={WordOf(kind)}", "--lab-seed", plan.LabSeed.ToString(CultureInfo.InvariantCulture)]
                : [],
        ];

    private static async Task<int> RunAsync(MarketplacePlan plan, bool background)
    {
        if (background)
        {
            Posix.LeaveTerminal();
        }

        UpScreen screen = new(plan.Listening(), plan.Data, background) { Note = Note(plan) };
        using StopSignals signals = new();
        await using var marketplace = await LocalMarketplace.StartAsync(plan, screen.Say, signals.Token);
        var supervisor = marketplace.Supervisor;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(signals.Token);
        var start = screen.ShowStartAsync(
            async cancellationToken => await supervisor.StatusAsync(cancellationToken),
            ending.Token
        );
        var broken = marketplace.BrokenAsync();
        await Task.WhenAny(signals.First, supervisor.DownRequested.Task, broken, FailedAsync(start));
        await ending.CancelAsync();

        screen.Say("stopping");
        var stopping = supervisor.StopAsync();
        if (await Task.WhenAny(stopping, signals.Second) != stopping)
        {
            screen.Say("killing what has not stopped yet");
            supervisor.KillAll();
        }

        await stopping;
        screen.Say("stopped");

        // Both throw the failure that was the cause, if there was one.
        await start;
        return broken.IsFaulted ? throw broken.Exception.GetBaseException() : 0;
    }

    // The screen shows it once everything is ready.
    private static string? Note(MarketplacePlan plan) =>
        plan.Lab is null
            ? null
            : "'agora lab' adds faults to the network between them; "
                + $"clients go through it with --cluster {plan.Data.LabFileOf(LabNetwork.Clients)}.";

    private static string WordOf(LabKind kind) => kind == LabKind.Namespaces ? "namespaces" : "relays";

    // Never completes if the task succeeds, because success is no reason to stop.
    private static async Task FailedAsync(Task task)
    {
        await task;
        await Task.Delay(Timeout.Infinite);
    }

    /// <summary>The cluster with at most so many replicas of each; null for all.</summary>
    internal static ClusterFile Limit(ClusterFile file, int? replicas)
    {
        if (replicas is not { } count)
        {
            return file;
        }

        if (count < 1)
        {
            throw new CommandFailedException($"--replicas {count}: at least 1");
        }

        return ClusterFile.Parse(file.WithReplicas(count).ToJson(), $"--replicas {count}");
    }
}
