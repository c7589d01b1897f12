using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Agora.Backups;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// <c>agora backup</c>: a copy of both databases and payments while they run; or the check of one.
/// </summary>
internal static class BackupCommand
{
    public static Command Create()
    {
        Argument<string> target = new("DIR")
        {
            Description = "The back-up's own directory: a new one, or with --verify one that was made",
        };
        Option<bool> verify = new("--verify")
        {
            Description = "Make nothing; check every file, digest and book of the back-up",
        };
        Option<int?> keep = new("--keep")
        {
            Description = "Afterwards remove all but the newest N back-ups of this cluster in the same directory",
            HelpName = "N",
        };
        var data = SharedOptions.Data();
        var cluster = SharedOptions.Cluster();
        var secrets = SharedOptions.Secrets();
        Option<bool> json = new("--json") { Description = "Print what was made or found as JSON" };
        keep.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() < 1)
            {
                result.AddError("--keep: at least 1, which is the one that is made");
            }
        });
        Command command = new(
            "backup",
            "Copy both databases and payments while they run, so that 'agora restore' can make a marketplace of them"
        )
        {
            target,
            verify,
            keep,
            data,
            cluster,
            secrets,
            json,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var directory = parse.GetValue(target)!;
                var isJson = parse.GetValue(json);
                if (parse.GetValue(verify))
                {
                    return Verify(directory, isJson);
                }

                using var operated = OperatedCluster.Find(
                    parse.GetValue(data)!,
                    parse.GetValue(cluster),
                    parse.GetValue(secrets)
                );
                BackupRun run = new(operated.File, operated.Identity, operated.Merchant, Say, TimeProvider.System);
                var manifest = await run.TakeAsync(directory, parse.GetValue(keep), cancellationToken);
                Console.WriteLine(isJson ? manifest.ToJson() : Summary(directory, manifest));
                return ExitStatus.Done;
            }
        );
        return command.WithExamples(
            "agora backup /var/backups/agora/$(date +%Y%m%dT%H%M%S) --keep 14",
            "agora backup --verify /var/backups/agora/20261130T040000"
        );
    }

    private static int Verify(string directory, bool isJson)
    {
        var verdict = BackupCheck.Run(directory);
        if (isJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(verdict, BackupJson.Default.BackupVerdict));
        }
        else
        {
            foreach (var fault in verdict.Faults)
            {
                Say(fault);
            }

            foreach (var problem in verdict.Problems)
            {
                Say($"warning: the books do not balance: {problem}");
            }

            if (verdict.Good)
            {
                Console.WriteLine(Summary(directory, verdict.Manifest));
            }
        }

        return verdict.Good ? ExitStatus.Done : ExitStatus.Refused;
    }

    private static string Summary(string directory, BackupManifest manifest)
    {
        var size = manifest.Parts.Sum(p => p.Bytes) / (1024.0 * 1024);
        var (customers, products) = (manifest.Customers.Position, manifest.Products.Position);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            agora: {Path.GetFullPath(directory)} is a back-up of cluster {manifest.Cluster} at {manifest.Time:u}:
              customers at {customers}, products at {products}, payments; {size:0.0} MiB
            """
        );
    }

    // Standard output is for the result.
    private static void Say(string line) => Console.Error.WriteLine(LogFiles.ErrorPrefix + line);
}
