using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Agora.Cluster;
using Agora.Launcher;
using Agora.Replication.Hosting;

namespace Agora.Commands;

/// <summary>
/// <c>agora replace</c>: brings a database replica back as a new one whose disk or host is lost. What is left of it is
/// set aside, and it copies the state from the others.
/// </summary>
internal static class ReplaceCommand
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_maxWait = TimeSpan.FromMinutes(10);

    public static Command Create()
    {
        Argument<string> process = new("PROCESS")
        {
            Description = "A database replica, e.g. customers/2",
            HelpName = "PROCESS",
        };
        Option<string?> host = new("--host")
        {
            Description = "It moves there, because its host is gone: writes the new host into the cluster file",
            HelpName = "HOST",
        };
        var data = SharedOptions.Data();
        var cluster = SharedOptions.Cluster();
        process.CompletionSources.Add(context =>
            ProcessCommands.Names(context.ParseResult.GetValue(data)).Where(IsReplica)
        );
        Command command = new(
            "replace",
            "Bring a database replica back as a new one: set aside what is left of it, copy the state from the others"
        )
        {
            process,
            host,
            data,
            cluster,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var name = parse.GetValue(process)!;
                DataDirectory directory = new(parse.GetValue(data)!);
                using ControlClient control = new(directory);
                if (parse.GetValue(host) is { } moved)
                {
                    await MoveAsync(control, name, moved, parse.GetValue(cluster), cancellationToken);
                    return 0;
                }

                var answer = await control.CommandAsync("replace", name, restart: false, cancellationToken);
                if (answer is null)
                {
                    SetAsideHere(directory, name, parse.GetValue(cluster));
                    return 0;
                }

                if (!answer.Done)
                {
                    throw new CommandFailedException(answer.Message);
                }

                Console.WriteLine($"agora: {answer.Message}");
                await WatchAsync(control, name, cancellationToken);
                return 0;
            }
        );
        return command.WithExamples(
            "agora replace customers/2",
            "agora replace products/1 --host 10.0.0.9 --cluster /etc/agora/cluster.json"
        );
    }

    private static bool IsReplica(string name) =>
        name.Split('/') is [Components.Customers or Components.Products, var number]
        && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    // Shows each step once, until it serves.
    private static async Task WatchAsync(ControlClient control, string name, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        for (string? shown = null; ; )
        {
            var status = await control.StatusAsync(brief: true, cancellationToken);
            var process = status?.Processes.FirstOrDefault(p => p.Name == name);
            var now = process switch
            {
                null => throw new CommandFailedException($"the supervisor that started {name} is gone"),
                { Database.Joining: { } joining } => $"{name} {joining}",
                { State: not ProcessState.Running } => $"{name} is {process.State}{Why(process)}",
                { Database.Ready: true } => null,
                _ => $"{name} takes part, and waits until it hears the others",
            };
            if (now is null)
            {
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"agora: {name} serves, {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s after its start"
                    )
                );
                return;
            }

            if (Stopwatch.GetElapsedTime(begun) > s_maxWait)
            {
                throw new CommandFailedException(
                    $"{now}. It goes on, and this command waits no longer; 'agora status' shows how far it is"
                );
            }

            if (now != shown)
            {
                Console.WriteLine($"agora: {now}");
                shown = now;
            }

            await Task.Delay(s_interval, cancellationToken);
        }
    }

    private static string Why(ProcessStatus process) =>
        process.Trouble(TimeProvider.System.GetUtcNow()) is { } exit ? $": it {exit}" : "";

    // Without a supervisor, a service manager or a container engine starts the replica.
    private static void SetAsideHere(DataDirectory directory, string name, string? cluster)
    {
        var process = Find(ClusterFile.Resolve(cluster), name);
        if (!Directory.Exists(directory.Of(process)))
        {
            throw new CommandFailedException(
                $"nothing is up on {directory.Root}, and it holds nothing of {name}; "
                    + "run this command on its own host, and name its data directory with --data"
            );
        }

        var place = ReplicaHosting.SetAside(directory.Of(process), "'agora replace' asked for it");
        Console.WriteLine(
            $"agora: {(place is null ? $"{name} holds nothing" : $"what {name} held is in {place}")}; start it, and it "
                + "copies the state from the others. 'agora status' shows how far it is"
        );
    }

    private static async Task MoveAsync(
        ControlClient control,
        string name,
        string host,
        string? cluster,
        CancellationToken cancellationToken
    )
    {
        var path =
            cluster
            ?? (
                Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable) is { Length: > 0 } named
                    ? named
                    : throw new CommandFailedException(
                        "--host changes the cluster file: name it with --cluster, or with AGORA_CLUSTER"
                    )
            );
        var process = Find(ClusterFile.Load(path), name);
        var json = await File.ReadAllTextAsync(path, cancellationToken);
        var changed = ClusterFileEdit.WithHost(json, process.Component, process.Replica, host);
        _ = ClusterFile.Parse(changed, path);

        // The old one must not come back beside the new one.
        if (await control.CommandAsync("stop", name, restart: false, cancellationToken) is { Done: true } stopped)
        {
            Console.WriteLine($"agora: {stopped.Message}");
        }

        // Whole or not at all: every process reads it at its start.
        await File.WriteAllTextAsync(path + ".new", changed, cancellationToken);
        File.Move(path + ".new", path, overwrite: true);
        Console.WriteLine(
            $"""
            agora: in {path}, {name} is on {host} now, and no longer on {process.Host}. Next:
              1. where the authority's key is:  agora cluster keys --cluster {path}
              2. copy the cluster file and the keys in {ClusterSecrets.DirectoryName}/{host} to {host}
              3. on {host}:  agora run {process.Component} {process.Replica} --cluster FILE --data DIR
                 It begins with nothing and copies the state from the others; 'agora status' shows how far it is.
              4. copy the cluster file to the other hosts, and restart the other replicas of {process.Component}, one
                 after the other, then the servers: they use the new address from their next start.
            Never start {name} on {process.Host} again.
            """
        );
    }

    private static ClusterProcess Find(ClusterFile file, string name) =>
        file.Processes().FirstOrDefault(p => p.Name == name && IsReplica(name))
        ?? throw new CommandFailedException(
            $"{name} is no database replica of the cluster file; it has "
                + string.Join(", ", file.Processes().Select(p => p.Name).Where(IsReplica))
        );
}
