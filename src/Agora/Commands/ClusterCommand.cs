using System.CommandLine;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary><c>agora cluster init</c>.</summary>
internal static class ClusterCommand
{
    public static Command Create() => new("cluster", "Make a cluster file, and the keys of its processes") { CreateInit(), CreateKeys() };

    private static Command CreateInit()
    {
        Option<string[]> hosts = new("--hosts")
        {
            Description = "Names or addresses of the hosts, separated by commas",
            HelpName = "a,b,c,d",
            Required = true,
            CustomParser = result => [.. result.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))],
        };
        Option<string> output = new("--out", "-o", "--output") { Description = "Where to write it", HelpName = "FILE", DefaultValueFactory = _ => "cluster.json" };
        Option<bool> force = new("--force") { Description = "Replace a file that is there" };
        Command command = new("init",
            "Write a cluster file that spreads the replicas so that no host holds a majority of either database; and beside it, in 'secrets', the cluster's own "
            + "certificate authority, a certificate and key for each process, and the key of the customers group. Only their owner can read them. Copy the "
            + "cluster file and secrets/HOST to each host, as its 'secrets' beside the cluster file; authority.key stays where it is")
        {
            hosts, output, force,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            string path = Path.GetFullPath(parse.GetValue(output)!);
            ClusterFile file = Spread(parse.GetValue(hosts)!);
            if (File.Exists(path) && !parse.GetValue(force))
            {
                throw new CommandFailedException($"{path} is there already; '--force' replaces it, '--output' names another");
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
            foreach (IGrouping<string, ClusterProcess> host in file.Processes().GroupBy(p => p.Host))
            {
                Console.WriteLine($"  {host.Key,-16} {string.Join("  ", host.Select(p => p.Name))}");
            }
            Console.WriteLine($"Written to {path}.");
            await MakeKeysAsync(ClusterSecrets.BesideFile(path), file, path, renew: false, cancellationToken);
            return 0;
        });
        return command.WithExamples("agora cluster init --hosts shop-1,shop-2,shop-3,shop-4", "agora cluster init --hosts 10.0.0.1,10.0.0.2,10.0.0.3 --output /etc/agora/cluster.json");
    }

    private static Command CreateKeys()
    {
        Option<string?> cluster = SharedOptions.Cluster();
        Option<string> data = SharedOptions.Data();
        Option<string?> secrets = SharedOptions.Secrets();
        Option<bool> renew = new("--renew") { Description = "Make new certificates, good from today on, for the keys that are there" };
        Command command = new("keys",
            "Make the keys and certificates that a cluster file's processes need and do not have yet, where the authority's key is. No key that is there is overwritten")
        {
            cluster, data, secrets, renew,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            string? path = parse.GetValue(cluster) ?? Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable);
            ClusterFile file = ClusterFile.Resolve(path);
            DataDirectory directory = new(parse.GetValue(data)!);
            ClusterSecrets found = ClusterSecrets.Find(parse.GetValue(secrets), path, directory.Root);

            ClusterSecrets keys = path is not null && found.Directory == directory.Secrets.Directory && !(found.Exist && IsOf(directory, file))
                ? ClusterSecrets.BesideFile(path)
                : found;
            await MakeKeysAsync(keys, file, path, parse.GetValue(renew), cancellationToken);
            return 0;
        });
        return command.WithExamples(
            "agora cluster keys --cluster /etc/agora/cluster.json",
            "agora cluster keys --renew                            of the marketplace on ./.agora; then down and up");
    }

    // Keys belong beside the file that names their processes, and not to the data of whatever marketplace is in the way; unless that was started from
    // this same file, and the keys were made there.
    private static bool IsOf(DataDirectory directory, ClusterFile file) =>
        File.Exists(directory.ClusterFile) && ClusterFile.Load(directory.ClusterFile).ToJson() == file.ToJson();

    private static async Task MakeKeysAsync(ClusterSecrets secrets, ClusterFile file, string? path, bool renew, CancellationToken cancellationToken)
    {
        await Keys.MakeAsync(secrets, file, renew, cancellationToken);
        Console.WriteLine($"The keys are in {secrets.Directory}.");
        string[] hosts = [.. file.Processes().Select(p => p.Host).Distinct()];
        if (hosts.Length > 1 && path is not null)
        {
            string name = Path.GetFileName(path);
            Console.WriteLine($"""
                Copy to each host HOST of {string.Join(", ", hosts)}, over a channel that you trust and side by side:
                  {path} as {name}
                  {secrets.Directory}/HOST as {ClusterSecrets.DirectoryName}
                and there: agora up --cluster {name}
                {secrets.Directory}/authority.key stays here: whoever has it can join the cluster.
                """);
        }
    }

    /// <summary>The built-in default's ports, over several hosts.</summary>
    internal static ClusterFile Spread(IReadOnlyList<string> hosts)
    {
        if (hosts.Distinct(StringComparer.OrdinalIgnoreCase).Count() != hosts.Count)
        {
            throw new CommandFailedException("--hosts: a host is named twice; name each once");
        }
        ClusterFile all = ClusterFile.Default;
        int most = Math.Max(all.Customers.Replicas.Count, all.Products.Replicas.Count);
        if ((most + hosts.Count - 1) / hosts.Count > most / 2)
        {
            throw new CommandFailedException($"--hosts: with {hosts.Count} hosts one of them would hold a majority of a database's {most} replicas; name three or more");
        }

        // The two databases begin at different hosts, so that those with two replicas of one do not get two of the other as well.
        string Host(int replica, int shift) => hosts[(replica + shift) % hosts.Count];
        ServerAddress[] Servers(ServerGroup group, int shift) => [.. group.Replicas.Select((r, i) => r with { Host = Host(i, shift) })];
        DatabaseAddress[] Databases(DatabaseGroup group, int shift) => [.. group.Replicas.Select((r, i) => r with { Host = Host(i, shift) })];
        ClusterFile file = all with
        {
            Web = all.Web with { Replicas = Servers(all.Web, 0) },
            Payments = all.Payments with { Replicas = Servers(all.Payments, 1) },
            SellerServers = all.SellerServers with { Replicas = Servers(all.SellerServers, 0) },
            BuyerServers = all.BuyerServers with { Replicas = Servers(all.BuyerServers, 0) },
            Customers = all.Customers with { Replicas = Databases(all.Customers, 0) },
            Products = all.Products with { Replicas = Databases(all.Products, most % hosts.Count) },
        };
        return ClusterFile.Parse(file.ToJson(), "--hosts");
    }
}
