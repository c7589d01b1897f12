using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Agora.Backups;
using Agora.Cluster;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// <c>agora restore</c>: puts a back-up into the empty data directory of this host, as the data of another cluster.
/// </summary>
internal static class RestoreCommand
{
    public static Command Create()
    {
        Argument<string> backup = new("DIR") { Description = "A back-up that 'agora backup' made" };
        Argument<string[]> names = new("PROCESS")
        {
            Description = "Database replicas or payments, e.g. customers/2; without any, all that belong on this host",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var data = SharedOptions.Data();
        var cluster = SharedOptions.Cluster();
        var secretsOption = SharedOptions.Secrets();
        Option<bool> json = new("--json") { Description = "Print what was restored as JSON" };
        Command command = new(
            "restore",
            "Put a back-up into a new data directory, as the data of a cluster with other keys, of any size"
        )
        {
            backup,
            names,
            data,
            cluster,
            secretsOption,
            json,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var path = parse.GetValue(cluster);
                var file = ClusterFile.Resolve(path);
                DataDirectory directory = new(parse.GetValue(data)!);
                var secrets = ClusterSecrets.Find(parse.GetValue(secretsOption), path, directory.Root);
                var processes = Choose(new(file, directory, secrets), parse.GetValue(names) ?? []);
                RestoreRun run = new(file, directory, Say);
                run.RefuseData(processes);
                var verdict = await Task.Run(() => run.Check(parse.GetValue(backup)!), cancellationToken);
                if (!processes.All(p => secrets.SufficeFor(file, p)))
                {
                    await CommandSecrets.EnsureAsync(secrets, directory, file, forAll: true, cancellationToken);
                }

                var restored = await run.RunAsync(
                    verdict,
                    processes,
                    secrets.ClusterId(processes[0]),
                    cancellationToken
                );
                Console.WriteLine(
                    parse.GetValue(json)
                        ? JsonSerializer.Serialize(restored, BackupJson.Default.RestoredProcesses)
                        : WhatNext(file, directory, path, processes)
                );
                return ExitStatus.Done;
            }
        );
        return command.WithExamples(
            "agora restore /var/backups/agora/20261130T040000 --data /var/lib/agora-restored",
            "agora restore BACKUP customers/2 products/2 --cluster /etc/agora/cluster.json --data /var/lib/agora"
        );
    }

    private static ClusterProcess[] Choose(MarketplacePlan plan, string[] names)
    {
        ClusterProcess[] all = [.. plan.Cluster.Processes().Where(RestoreRun.HasData)];
        if (names.Length == 0)
        {
            ClusterProcess[] local = [.. plan.Local().Where(RestoreRun.HasData)];
            return local.Length > 0
                ? local
                : throw new CommandFailedException(
                    "no database replica and no payments belong on this host: there is nothing to restore here"
                );
        }

        return
        [
            .. names
                .Distinct()
                .Select(name =>
                    all.FirstOrDefault(p => p.Name == name)
                    ?? throw new CommandFailedException(
                        $"the cluster file has no data of {name}; it has {string.Join(", ", all.Select(p => p.Name))}"
                    )
                ),
        ];
    }

    private static string WhatNext(ClusterFile file, DataDirectory directory, string? path, ClusterProcess[] processes)
    {
        var options = path is null ? $"--data {directory.Root}" : $"--cluster {path} --data {directory.Root}";
        var others = file.Processes()
            .Where(RestoreRun.HasData)
            .Select(p => p.Name)
            .Except(processes.Select(p => p.Name));
        var elsewhere = string.Join(", ", others);
        var have = processes.Length == 1 ? "process has" : "processes have";
        return string.Create(CultureInfo.InvariantCulture, $"agora: {processes.Length} {have} their data. Next:\n")
            + (
                elsewhere.Length == 0
                    ? ""
                    : $"  1. restore from the same back-up on the other hosts: {elsewhere}\n"
                        + "     One that is not restored starts with nothing and copies the state from the others.\n"
                        + "     More than half of each database must be restored, and payments.\n"
            )
            + $"  {(elsewhere.Length == 0 ? "1" : "2")}. start it:  agora up --detach {options}\n"
            + "     Purchases that were under way are settled within about a minute.\n"
            + "Never start a process of the old cluster together with these: clients would meet both.";
    }

    // Standard output is for the result.
    private static void Say(string line) => Console.Error.WriteLine(LogFiles.ErrorPrefix + line);
}
