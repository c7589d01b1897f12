using System.CommandLine;
using System.Globalization;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;
using Agora.Launcher;
using Microsoft.AspNetCore.Builder;

namespace Agora.Commands;

/// <summary><c>agora up</c>: the supervisor in the foreground, or, with <c>--detach</c>, one in the background that this command waits for.</summary>
internal static class UpCommand
{
    public static Command Create()
    {
        Option<string> data = SharedOptions.Data();
        Option<string?> cluster = SharedOptions.Cluster();
        Option<string?> secrets = SharedOptions.Secrets();
        Option<bool> fresh = new("--fresh") { Description = "Begin empty: remove what the data directory holds" };
        Option<int?> replicas = new("--replicas") { Description = "Run only the first N of each; 1 is the unreplicated system, to compare with", HelpName = "N" };
        Option<bool> detach = new("--detach", "-d") { Description = "Go on in the background once everything is ready" };
        Option<bool> jsonLogs = SharedOptions.JsonLogs();
        Option<string?> lab = new("--lab")
        {
            Description = "Put a network between the processes that 'agora lab' makes bad. With '=namespaces' (root, Linux) each has a network namespace of its own",
            HelpName = "relays|namespaces",
            Arity = ArgumentArity.ZeroOrOne,
            CustomParser = result => result.Tokens.Count == 0 ? Relays : result.Tokens[0].Value,
        };
        lab.AcceptOnlyFromAmong(Relays, Namespaces);
        Option<ulong> labSeed = new("--lab-seed") { Description = "Decides what the lab leaves to chance; 1 unless given", HelpName = "N", DefaultValueFactory = _ => 1 };
        Option<bool> background = new("--background") { Hidden = true };
        Command command = new("up", "Start the marketplace: every process of the cluster file that belongs on this host")
        {
            data, cluster, secrets, fresh, replicas, detach, jsonLogs, lab, labSeed, background,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            HostLimits.RefuseTooFewOpenFiles();
            HostLimits.RefuseMissingShell();
            string? path = parse.GetValue(cluster);
            ClusterFile file = ClusterFile.Resolve(path);
            int? count = parse.GetValue(replicas);
            DataDirectory directory = new(parse.GetValue(data)!);
            ClusterSecrets keys = ClusterSecrets.Find(parse.GetValue(secrets), path, directory.Root);
            Plan plan = new(
                Limit(file, count), directory, keys, parse.GetValue(fresh), parse.GetValue(jsonLogs), parse.GetValue(lab), parse.GetValue(labSeed));
            RunCommand.RefuseInTheClear(plan.Cluster, Local(plan.Cluster), path);
            if (!parse.GetValue(detach))
            {
                return await RunAsync(plan, parse.GetValue(background));
            }
            return await DetachedUp.RunAsync(plan.Data, new UpScreen(plan.Shown(), plan.Data) { Note = plan.Note, ShowsTroubles = true },
            [
                "--data", plan.Data.Root,
                .. path is null ? (string[])[] : ["--cluster", Path.GetFullPath(path)],
                "--secrets", plan.Secrets.Directory,
                .. count is null ? (string[])[] : ["--replicas", count.Value.ToString(CultureInfo.InvariantCulture)],
                .. plan.Fresh ? (string[])["--fresh"] : [],
                .. plan.JsonLogs ? (string[])["--json-logs"] : [],
                .. plan.Lab is null ? (string[])[] : [$"--lab={plan.Lab}", "--lab-seed", plan.LabSeed.ToString(CultureInfo.InvariantCulture)],
            ], cancellationToken);
        });
        return command.WithExamples(
            "agora up                            everything on this machine, data in ./.agora, until Ctrl-C",
            "agora up --detach                   the same in the background; 'agora down' ends it",
            "agora up --fresh --data /tmp/shop   begin empty, elsewhere",
            "agora up --replicas 1 --data one    the unreplicated system, to compare with",
            "agora up --lab --detach             with a network that 'agora lab' makes bad");
    }

    private const string Relays = "relays";
    private const string Namespaces = "namespaces";

    private sealed record Plan(ClusterFile Cluster, DataDirectory Data, ClusterSecrets Secrets, bool Fresh, bool JsonLogs, string? Lab, ulong LabSeed)
    {
        /// <summary>What is said once everything is ready.</summary>
        public string? Note => Lab is null ? null : $"The network between them obeys 'agora lab'; clients pass it with --cluster {Data.LabFileOf(LabNetwork.Clients)}.";

        public LabNamespaces? PlanNamespaces() => Lab == Namespaces ? new LabNamespaces(Data, Local(Cluster)) : null;

        /// <summary>What runs here, where it will listen.</summary>
        public IReadOnlyList<ClusterProcess> Shown() => PlanNamespaces() is { } namespaces
            ? [.. namespaces.Move(Cluster).Processes().Where(ComponentHost.CanRun)]
            : Local(Cluster);
    }

    private static async Task<int> RunAsync(Plan plan, bool background)
    {
        if (background)
        {
            Posix.LeaveTerminal();
        }
        await using LabNamespaces? namespaces = plan.PlanNamespaces();
        IReadOnlyList<ClusterProcess> local = plan.Shown();
        UpScreen screen = new(local, plan.Data, background) { Note = plan.Note };
        using StopSignals signals = new();
        ClusterFile cluster = namespaces?.Move(plan.Cluster) ?? plan.Cluster;
        await using FileStream held = await plan.Data.TakeAsync(cluster, plan.Fresh, signals.Token);
        await Keys.EnsureAsync(plan.Secrets, plan.Data, plan.Cluster, forAll: true, signals.Token);
        plan.Data.SecretsInUse = plan.Secrets;
        using ComponentIdentity? identity = Keys.Watcher(plan.Secrets, local);
        using CertificateWatch? watch = identity is null ? null : new(identity, TimeProvider.System, screen.Say);
        ChildCommand child = new(plan.Data, plan.Secrets, ReferenceEquals(cluster, ClusterFile.Default) ? null : plan.Data.ClusterFile, plan.JsonLogs);
        LabNetwork? lab = null;
        await using Supervisor supervisor = new(
            [.. cluster.Processes().Where(ComponentHost.CanRun)], local, plan.Data, identity,
            process => lab?.Place(child.For(process), process) ?? child.For(process), TimeProvider.System, screen.Say);
        if (await supervisor.EndLeftoversAsync(signals.Token) is > 0 and int leftovers)
        {
            screen.Say(string.Create(CultureInfo.InvariantCulture, $"ended {leftovers} processes that a killed supervisor had left"));
        }
        await LabNamespaces.RemoveLeftoversAsync(plan.Data, signals.Token);
        RefuseTakenPorts(local);
        if (namespaces is not null)
        {
            await namespaces.MakeAsync(signals.Token);
        }
        await using LabNetwork? network = lab = StartLab(plan, cluster, local, namespaces);

        await using WebApplication control = await ControlServer.StartAsync(supervisor, lab, plan.Data.ControlSocket!, signals.Token);
        supervisor.Start();
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(signals.Token);
        Task<bool> start = screen.ShowStartAsync(async token => await supervisor.StatusAsync(token), ending.Token);
        Task broken = lab is null ? supervisor.BrokenAsync() : FirstAsync(supervisor.BrokenAsync(), lab.BrokenAsync());
        await Task.WhenAny(signals.First, supervisor.DownRequested.Task, broken, FailedAsync(start));
        await ending.CancelAsync();

        screen.Say("stopping");
        Task stopping = supervisor.StopAsync();
        if (await Task.WhenAny(stopping, signals.Second) != stopping)
        {
            screen.Say("killing what has not stopped yet");
            supervisor.KillAll();
        }
        await stopping;
        screen.Say("stopped");

        // Both throw what went wrong, if that was the cause.
        await start;
        return broken.IsFaulted ? throw broken.Exception.GetBaseException() : 0;
    }

    private static LabNetwork? StartLab(Plan plan, ClusterFile cluster, IReadOnlyList<ClusterProcess> local, LabNamespaces? namespaces)
    {
        if (plan.Lab is null)
        {
            // Those of an earlier run name relays that are gone.
            plan.Data.WriteLabFiles(new Dictionary<string, string>());
            return null;
        }
        return cluster.Processes().Where(ComponentHost.CanRun).Count() == local.Count
            ? LabNetwork.Start(cluster, local, plan.Data, plan.LabSeed, namespaces)
            : throw new CommandFailedException("the lab is for a marketplace on one machine, and this cluster file names others; '--lab' alone, without --cluster, makes one");
    }

    private static async Task FirstAsync(params Task[] tasks) => await await Task.WhenAny(tasks);

    // Never completes where the task succeeds: that is no reason to stop.
    private static async Task FailedAsync(Task task)
    {
        await task;
        await Task.Delay(Timeout.Infinite);
    }

    private static IReadOnlyList<ClusterProcess> Local(ClusterFile cluster)
    {
        ClusterProcess[] all = [.. cluster.Processes().Where(ComponentHost.CanRun)];
        string[] hosts = [.. all.Select(p => p.Host).Distinct()];
        HashSet<string> own = [.. hosts.Where(Ports.IsLocal)];
        return own.Count > 0
            ? [.. all.Where(p => own.Contains(p.Host))]
            : throw new CommandFailedException($"none of the cluster file's hosts is this one: {string.Join(", ", hosts)}");
    }

    /// <summary>Only the first so many replicas of each; all without a number.</summary>
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
        ClusterFile limited = file with
        {
            SellerServers = file.SellerServers with { Replicas = [.. file.SellerServers.Replicas.Take(count)] },
            BuyerServers = file.BuyerServers with { Replicas = [.. file.BuyerServers.Replicas.Take(count)] },
            Customers = file.Customers with { Replicas = [.. file.Customers.Replicas.Take(count)] },
            Products = file.Products with { Replicas = [.. file.Products.Replicas.Take(count)] },
        };
        return ClusterFile.Parse(limited.ToJson(), $"--replicas {count}");
    }

    // Found here it is one clear message; found by the processes it would be many, again and again.
    private static void RefuseTakenPorts(IEnumerable<ClusterProcess> local)
    {
        string[] taken = [.. local.SelectMany(p => Ports.Taken(p.Endpoints).Select(e => $"{Ports.Describe(e)} ({p.Name})"))];
        if (taken.Length > 0)
        {
            throw new CommandFailedException(
                $"taken by another program: {string.Join(", ", taken)}; is another marketplace up, on another data directory? If not, give other ports with --cluster");
        }
    }
}
