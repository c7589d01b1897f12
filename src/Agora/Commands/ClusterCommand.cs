using System.CommandLine;
using Agora.Cluster;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary><c>agora cluster</c>, with <c>init</c> and <c>keys</c>.</summary>
internal static class ClusterCommand
{
    public static Command Create() =>
        new("cluster", "Make a cluster file, the keys of its processes, and what watches them")
        {
            CreateInit(),
            CreateKeys(),
            PrometheusCommand.Create(),
        };

    private static Command CreateInit()
    {
        Option<string[]> hosts = new("--hosts")
        {
            Description = "Names or addresses of the hosts, separated by commas",
            HelpName = "a,b,c,d",
            Required = true,
            CustomParser = result =>
                [
                    .. result.Tokens.SelectMany(t =>
                        t.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                    ),
                ],
        };
        Option<string> output = new("--out", "-o", "--output")
        {
            Description = "The file to write",
            HelpName = "FILE",
            DefaultValueFactory = _ => "cluster.json",
        };
        Option<bool> force = new("--force") { Description = "Replace an existing file" };
        Option<string[]> https = new("--https")
        {
            Description =
                "Serve users over HTTPS with this certificate and key, as files in PEM; "
                + "relative paths start at the cluster file's directory",
            HelpName = "CERTIFICATE KEY",
            Arity = new ArgumentArity(2, 2),
            AllowMultipleArgumentsPerToken = true,
        };
        Option<bool> plain = new("--plain-http")
        {
            Description =
                "Serve users over plain HTTP, because something else protects their passwords and cards, "
                + "such as a proxy in front of the servers",
        };
        Command command = new(
            "init",
            "Write a cluster file that spreads the replicas so that no host holds a majority of either database. "
                + "Write beside it, in 'secrets', the cluster's own certificate authority, a certificate and key for "
                + "each process, and the key of the customers group. Only their owner can read them. Copy the cluster "
                + "file and secrets/HOST to each host, as its 'secrets' beside the cluster file; authority.key stays "
                + "where it is"
        )
        {
            hosts,
            output,
            force,
            https,
            plain,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(https) is not null && result.GetValue(plain))
            {
                result.AddError("Either --https or --plain-http, not both.");
            }
        });
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var file = Spread(parse.GetValue(hosts)!) with
                {
                    Https = parse.GetValue(https) is [string certificate, string key]
                        ? new() { Certificate = certificate, Key = key }
                        : null,
                    PlainHttp = parse.GetValue(plain),
                };
                await WriteAsync(
                    file,
                    Path.GetFullPath(parse.GetValue(output)!),
                    parse.GetValue(force),
                    cancellationToken
                );
                return 0;
            }
        );
        return command.WithExamples(
            "agora cluster init --hosts shop-1,shop-2,shop-3,shop-4",
            "agora cluster init --hosts shop-1,shop-2,shop-3 --https shop.pem shop.key",
            "agora cluster init --hosts 10.0.0.1,10.0.0.2,10.0.0.3 --output /etc/agora/cluster.json"
        );
    }

    private static async Task WriteAsync(ClusterFile file, string path, bool force, CancellationToken cancellationToken)
    {
        if (File.Exists(path) && !force)
        {
            throw new CommandFailedException($"{path} exists; '--force' replaces it, '--output' names another");
        }

        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, file.ToJson());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"{path} cannot be written: {e.Message}", e);
        }

        ClusterProcess[] processes = [.. file.Processes().Where(ComponentHost.CanRun)];
        foreach (var host in processes.GroupBy(p => p.Host))
        {
            Console.WriteLine($"  {host.Key, -16} {string.Join("  ", host.Select(p => p.Name))}");
        }

        Console.WriteLine($"Written to {path}.");
        await MakeKeysAsync(
            ClusterSecrets.BesideFile(path),
            file,
            path,
            renew: false,
            newGroupKey: false,
            cancellationToken
        );
        if (file.RefusalToStart(processes, path) is not null)
        {
            Console.WriteLine(
                $"""
                Before it starts, {path} must say how users reach the servers. Put into it one of
                  {HttpsSettings.Example},
                  {HttpsSettings.Refused}, if something else protects passwords and cards.
                """
            );
        }
    }

    private static Command CreateKeys()
    {
        var cluster = SharedOptions.Cluster();
        var data = SharedOptions.Data();
        var secrets = SharedOptions.Secrets();
        Option<bool> renew = new("--renew")
        {
            Description = "Make new certificates, valid from today on, for the existing keys",
        };
        Option<bool> newGroupKey = new("--new-group-key")
        {
            Description =
                "Make another key for the customers group, in place of one that was lost or is known to others; "
                + "all its replicas must get it while none of them runs",
        };
        Command command = new(
            "keys",
            "Make the keys and certificates that a cluster file's processes need and do not have yet, "
                + "where the authority's key is. Existing keys are never overwritten"
        )
        {
            cluster,
            data,
            secrets,
            renew,
            newGroupKey,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var path =
                    parse.GetValue(cluster) ?? Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable);
                var file = ClusterFile.Resolve(path);
                DataDirectory directory = new(parse.GetValue(data)!);
                var found = ClusterSecrets.Find(parse.GetValue(secrets), path, directory.Root);

                // The keys of several hosts belong beside the cluster file, not in one host's data directory, which may
                // hold another cluster's.
                var isNamed =
                    (
                        parse.GetValue(secrets)
                        ?? Environment.GetEnvironmentVariable(ClusterSecrets.EnvironmentVariable)
                    ) is
                    { Length: > 0 };
                var isSpread = file.Processes().Where(ComponentHost.CanRun).Select(p => p.Host).Distinct().Count() > 1;
                var isBeside =
                    isSpread
                    || !found.Exist
                    || (found.Directory == directory.Secrets.Directory && !IsOf(directory, file));
                var keys = path is not null && !isNamed && isBeside ? ClusterSecrets.BesideFile(path) : found;
                await MakeKeysAsync(
                    keys,
                    file,
                    path,
                    parse.GetValue(renew),
                    parse.GetValue(newGroupKey),
                    cancellationToken
                );
                return 0;
            }
        );
        return command.WithExamples(
            "agora cluster keys --cluster /etc/agora/cluster.json",
            "agora cluster keys --renew                            for the marketplace on ./.agora, while it runs"
        );
    }

    // The marketplace in the data directory was started from this file.
    private static bool IsOf(DataDirectory directory, ClusterFile file) =>
        File.Exists(directory.ClusterFile) && ClusterFile.Load(directory.ClusterFile).ToJson() == file.ToJson();

    private static async Task MakeKeysAsync(
        ClusterSecrets secrets,
        ClusterFile file,
        string? path,
        bool renew,
        bool newGroupKey,
        CancellationToken cancellationToken
    )
    {
        await CommandSecrets.MakeAsync(
            secrets,
            file,
            renew,
            newGroupKey ? GroupKeyRule.Replace : GroupKeyRule.Keep,
            cancellationToken
        );
        Console.WriteLine($"The keys are in {secrets.Directory}.");
        string[] hosts = [.. file.Processes().Where(ComponentHost.CanRun).Select(p => p.Host).Distinct()];
        if (hosts.Length > 1 && path is not null)
        {
            var name = Path.GetFileName(path);
            Console.WriteLine(
                $"""
                Copy to each host HOST of {string.Join(", ", hosts)}, over a channel that you trust and side by side:
                  {path} as {name}
                  {secrets.Directory}/HOST as {ClusterSecrets.DirectoryName}
                and there: agora up --cluster {name}
                These stay here:
                  {secrets.Directory}/authority.key, whose owner can add processes to the cluster,
                  {secrets.Directory}/operator.key, whose owner can read all books.
                To operate the cluster from elsewhere, copy authority.crt, operator.crt and operator.key there,
                and name their directory with --secrets.
                """
            );
        }
    }

    /// <summary>The built-in default, with its replicas spread over several hosts.</summary>
    internal static ClusterFile Spread(IReadOnlyList<string> hosts)
    {
        if (hosts.Distinct(StringComparer.OrdinalIgnoreCase).Count() != hosts.Count)
        {
            throw new CommandFailedException("--hosts: a host is named twice; name each once");
        }

        var all = ClusterFile.Default;
        var replicas = Math.Max(all.Customers.Replicas.Count, all.Products.Replicas.Count);
        if ((replicas + hosts.Count - 1) / hosts.Count > replicas / 2)
        {
            throw new CommandFailedException(
                $"--hosts: with {hosts.Count} hosts one of them would hold a majority of a database's "
                    + $"{replicas} replicas; name three or more"
            );
        }

        // Payments and the two databases begin at different hosts, so that a host with two replicas of one database
        // does not also get two of the other.
        int First(string component) =>
            component switch
            {
                Components.Payments => 1,
                Components.Products => replicas,
                _ => 0,
            };
        string Host(string component, int replica) => hosts[(replica + First(component)) % hosts.Count];
        var file = all.WithAddresses(
            (component, replica, address) => address with { Host = Host(component, replica) },
            (component, replica, address) => address with { Host = Host(component, replica) }
        ) with
        {
            // The built-in default has no limits, for load tests from the same machine.
            Limits = hosts.All(Loopback.Is)
                ? all.Limits
                : all.Limits with
                {
                    RequestsPerSecond = 50,
                    RequestBurst = 100,
                    LoginsPerMinute = 30,
                },
        };
        return ClusterFile.Parse(file.ToJson(), "--hosts");
    }
}
