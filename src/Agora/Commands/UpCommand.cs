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
        Option<bool> background = new("--background") { Hidden = true };
        Command command = new("up", "Start the marketplace: every process of the cluster file that belongs on this host")
        {
            data, cluster, secrets, fresh, replicas, detach, jsonLogs, background,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            string? path = parse.GetValue(cluster);
            ClusterFile file = ClusterFile.Resolve(path);
            int? count = parse.GetValue(replicas);
            DataDirectory directory = new(parse.GetValue(data)!);
            ClusterSecrets keys = ClusterSecrets.Find(parse.GetValue(secrets), path, directory.Root);
            Plan plan = new(Limit(file, count), directory, keys, parse.GetValue(fresh), parse.GetValue(jsonLogs));
            if (!parse.GetValue(detach))
            {
                return await RunAsync(plan, parse.GetValue(background));
            }
            return await DetachedUp.RunAsync(plan.Data, new UpScreen(Local(plan.Cluster), plan.Data),
            [
                "--data", plan.Data.Root,
                .. path is null ? (string[])[] : ["--cluster", Path.GetFullPath(path)],
                "--secrets", plan.Secrets.Directory,
                .. count is null ? (string[])[] : ["--replicas", count.Value.ToString(CultureInfo.InvariantCulture)],
                .. plan.Fresh ? (string[])["--fresh"] : [],
                .. plan.JsonLogs ? (string[])["--json-logs"] : [],
            ], cancellationToken);
        });
        return command.WithExamples(
            "agora up                            everything on this machine, data in ./.agora, until Ctrl-C",
            "agora up --detach                   the same in the background; 'agora down' ends it",
            "agora up --fresh --data /tmp/shop   begin empty, elsewhere",
            "agora up --replicas 1 --data one    the unreplicated system, to compare with");
    }

    private sealed record Plan(ClusterFile Cluster, DataDirectory Data, ClusterSecrets Secrets, bool Fresh, bool JsonLogs);

    private static async Task<int> RunAsync(Plan plan, bool background)
    {
        if (background)
        {
            Posix.LeaveTerminal();
        }
        IReadOnlyList<ClusterProcess> local = Local(plan.Cluster);
        UpScreen screen = new(local, plan.Data, background);
        using StopSignals signals = new();
        await using FileStream held = await plan.Data.TakeAsync(plan.Cluster, plan.Fresh, signals.Token);
        await Keys.EnsureAsync(plan.Secrets, plan.Data, plan.Cluster, signals.Token);
        plan.Data.SecretsInUse = plan.Secrets;
        using ComponentIdentity? identity = Keys.Operator(plan.Secrets);
        ChildCommand child = new(plan.Data, plan.Secrets, ReferenceEquals(plan.Cluster, ClusterFile.Default) ? null : plan.Data.ClusterFile, plan.JsonLogs);
        await using Supervisor supervisor = new(
            [.. plan.Cluster.Processes().Where(ComponentHost.CanRun)], local, plan.Data, identity, child.For, TimeProvider.System, screen.Say);
        if (await supervisor.EndLeftoversAsync(signals.Token) is > 0 and int leftovers)
        {
            screen.Say(string.Create(CultureInfo.InvariantCulture, $"ended {leftovers} processes that a killed supervisor had left"));
        }
        RefuseTakenPorts(local);

        await using WebApplication control = await ControlServer.StartAsync(supervisor, plan.Data.ControlSocket, signals.Token);
        supervisor.Start();
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(signals.Token);
        Task<bool> start = screen.ShowStartAsync(async token => await supervisor.StatusAsync(token), ending.Token);
        Task broken = supervisor.BrokenAsync();
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
