using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Agora.Cluster;

/// <summary>
/// The directory of a cluster's keys. Only its owner can read it.
/// <code>
/// authority.crt, authority.key        the cluster's own authority; the key stays where it was made
/// products-3.crt, products-3.key, …   certificate and key of each process
/// operator.crt, operator.key          for status and audits; they stay beside the authority too
/// metrics.crt, metrics.key            for a program that collects metrics
/// customers.key                       authenticates the datagrams of the rotating sequencer
/// payments.secret                     the merchant shows it to the payment service
/// cluster.id                          no secret: the databases' files name it, so that another cluster's are noticed
/// HOST/…                              in a cluster of several hosts: what belongs on each host, and nothing else
/// </code>
/// Missing files are made. Existing files are never overwritten, except that a certificate can be renewed for its key.
/// </summary>
public sealed class ClusterSecrets
{
    /// <summary>Its usual name: beside the cluster file, or in the data directory.</summary>
    public const string DirectoryName = "secrets";

    /// <summary>The environment variable that names the directory if the command line does not.</summary>
    public const string EnvironmentVariable = "AGORA_SECRETS";

    /// <summary>The name of the person or program that operates the marketplace.</summary>
    public const string Operator = "operator";

    /// <summary>A program that collects metrics: its key opens the operators' ports and nothing else.</summary>
    public const string Metrics = "metrics";

    internal const string HowToCopy = "Copy it from another host of the cluster, or from where the keys were made";
    internal const string HowToRenew =
        "'agora cluster keys --renew' makes new certificates, where the authority's key is; "
        + "running processes use them within a minute";

    private const string HowToRestore = "Put it back from a copy of this directory";

    private const string ClusterIdName = "cluster.id";
    private const int ClusterIdDigits = 32;
    private const int GroupKeyBytes = 32;
    private const string MerchantSecretName = "payments.secret";
    private const int MerchantSecretBytes = 32;

    /// <summary>
    /// The fix for a certificate or key that cannot be used. Both are replaced together, because a new one alone would
    /// not fit the other.
    /// </summary>
    internal static string HowToReplace(string certificate, string key) =>
        $"Put it back from a copy; or remove {certificate} and {key}, "
        + "and 'agora cluster keys' makes what is missing, where the authority's key is";

    /// <summary>The secrets in a directory, which need not exist yet.</summary>
    public ClusterSecrets(string directory) => Directory = Path.GetFullPath(directory);

    /// <summary>The directory's full path.</summary>
    public string Directory { get; }

    /// <summary>
    /// The file of the authority's certificate. A directory without it holds no secrets of a cluster.
    /// </summary>
    public string Authority => Path.Combine(Directory, "authority.crt");

    private string AuthorityKey => Path.Combine(Directory, "authority.key");

    private string OwnGroupKey => Path.Combine(Directory, "customers.key");

    private string OwnMerchantSecret => Path.Combine(Directory, MerchantSecretName);

    /// <summary>The directory holds a cluster's secrets.</summary>
    public bool Exist => File.Exists(Authority);

    /// <summary>Missing keys can be made here: either no key exists yet, or the authority's key is here.</summary>
    public bool CanMake => !Exist || File.Exists(AuthorityKey);

    /// <summary>
    /// The secrets that a command works with. The command line or <c>AGORA_SECRETS</c> may name their directory.
    /// Otherwise they are beside the cluster file, and if there are none, in the data directory.
    /// </summary>
    public static ClusterSecrets Find(string? explicitDirectory, string? clusterPath, string dataDirectory)
    {
        if ((explicitDirectory ?? Environment.GetEnvironmentVariable(EnvironmentVariable)) is { Length: > 0 } named)
        {
            return new ClusterSecrets(named);
        }

        if (
            (clusterPath ?? Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable)) is { Length: > 0 } file
            && BesideFile(file) is { Exist: true } beside
        )
        {
            return beside;
        }

        return new ClusterSecrets(Path.Combine(dataDirectory, DirectoryName));
    }

    /// <summary>The secrets beside a cluster file.</summary>
    public static ClusterSecrets BesideFile(string clusterPath) =>
        new(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(clusterPath))!, DirectoryName));

    /// <summary>
    /// Makes the keys and certificates that the cluster does not have yet. A lost group key is not replaced.
    /// </summary>
    /// <inheritdoc cref="MakeAsync(ClusterFile, DateTimeOffset, bool, GroupKeyRule, CancellationToken)"/>
    public Task MakeAsync(ClusterFile cluster, DateTimeOffset now, bool renew, CancellationToken cancellationToken) =>
        MakeAsync(cluster, now, renew, GroupKeyRule.Keep, cancellationToken);

    /// <summary>Makes the keys and certificates that the cluster does not have yet.</summary>
    /// <param name="cluster">Names the processes and their hosts.</param>
    /// <param name="now">The time at which the certificates begin.</param>
    /// <param name="renew">Also makes new certificates, with new dates, for the existing keys.</param>
    /// <param name="groupKey">What happens to the group's key.</param>
    /// <param name="cancellationToken">Ends the wait for another process that makes keys.</param>
    /// <exception cref="IOException">The directory cannot be used; the message says which and why.</exception>
    public async Task MakeAsync(
        ClusterFile cluster,
        DateTimeOffset now,
        bool renew,
        GroupKeyRule groupKey,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(cluster);
        try
        {
            SecretFiles.MakeDirectory(Directory);
            await using var held = await SecretFiles.LockAsync(Path.Combine(Directory, ".lock"), cancellationToken);

            var processes = cluster.Processes();
            string[] hosts = [.. processes.Select(p => p.Host).Distinct()];
            MakeGroupKey(groupKey, hosts);
            using var authority = MakeAuthority(now);

            // As hexadecimal digits, so that every client of the payment service can send it.
            SecretFiles.WriteIfMissing(
                OwnMerchantSecret,
                () =>
                    Encoding.ASCII.GetBytes(
                        Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(MerchantSecretBytes)) + "\n"
                    )
            );
            var clusterId = Path.Combine(Directory, ClusterIdName);
            SecretFiles.WriteIfMissing(clusterId, () => Encoding.ASCII.GetBytes(FirstClusterId() + "\n"));
            Issue(authority, Directory, Operator, host: null, now, renew);
            Issue(authority, Directory, Metrics, host: null, now, renew);
            foreach (var host in hosts)
            {
                var directory = hosts.Length == 1 ? Directory : Path.Combine(Directory, host);
                if (hosts.Length > 1)
                {
                    SecretFiles.MakeDirectory(directory);
                    CopyIfMissing(Authority, directory);
                    CopyIfMissing(clusterId, directory);
                }

                foreach (var process in processes.Where(p => p.Host == host))
                {
                    Issue(authority, directory, process.Name, process.Host, now, renew);
                    if (NeedsGroupKey(cluster, process))
                    {
                        CopyIfMissing(OwnGroupKey, directory);
                    }

                    if (ShowsMerchantSecret(process))
                    {
                        CopyIfMissing(OwnMerchantSecret, directory);
                    }
                }
            }
        }
        catch (Exception e)
            when (e is (IOException and not FixableException) or UnauthorizedAccessException or CryptographicException)
        {
            throw new FixableException(
                Directory,
                $"the keys cannot be made: {e.Message.TrimEnd('.')}",
                FileFault.Fix(e),
                e
            );
        }
    }

    /// <summary>Everything that one process needs is here, so it can start without making keys.</summary>
    public bool SufficeFor(ClusterFile cluster, ClusterProcess process)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(process);
        // A certificate is written after its key, so its presence implies the key's.
        return Exist
            && File.Exists(CertificateFile(DirectoryOf(process.Name, process.Host), process.Name))
            && (!NeedsGroupKey(cluster, process) || File.Exists(GroupKey(process)))
            && (cluster.Payments.UsesHttps || !ShowsMerchantSecret(process) || File.Exists(PaymentsSecret(process)));
    }

    /// <summary>The identity of one process.</summary>
    /// <exception cref="IOException">Its files cannot be used; the message says which, why, and how to fix
    /// it.</exception>
    public ComponentIdentity Of(ClusterProcess process, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(process);
        return Load(process.Name, process.Host, now);
    }

    /// <summary>The file of a process's certificate.</summary>
    public string CertificateOf(ClusterProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return CertificateFile(DirectoryOf(process.Name, process.Host), process.Name);
    }

    /// <summary>Whether this directory holds a process's key.</summary>
    public bool HasKeyOf(ClusterProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return File.Exists(KeyFile(DirectoryOf(process.Name, process.Host), process.Name));
    }

    /// <summary>The operator's identity; null if this directory does not hold it.</summary>
    /// <exception cref="IOException">Its files cannot be used; the message says which, why, and how to fix
    /// it.</exception>
    public ComponentIdentity? OfOperator(DateTimeOffset now) =>
        File.Exists(CertificateFile(Directory, Operator)) ? Load(Operator, host: null, now) : null;

    /// <summary>
    /// The identity under which a host's supervisor asks processes for their status. It is the operator's if the
    /// directory holds that key, else that of a process of this host that may ask; null if there is none.
    /// </summary>
    /// <exception cref="IOException">Its files cannot be used; the message says which, why, and how to fix
    /// it.</exception>
    public ComponentIdentity? OfWatcher(IEnumerable<ClusterProcess> processes, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(processes);
        // Ordered by how many other components each of them may ask.
        string[] byReach = [Components.BuyerServer, Components.SellerServer, Components.Customers, Components.Products];
        return OfOperator(now)
            ?? processes
                .Where(p => byReach.Contains(p.Component))
                .OrderBy(p => byReach.IndexOf(p.Component))
                .Where(p => File.Exists(CertificateFile(DirectoryOf(p.Name, p.Host), p.Name)))
                .Select(p => Of(p, now))
                .FirstOrDefault();
    }

    /// <summary>
    /// The cluster's id. It is made with the authority, and outlives it: data belong to the cluster, whatever authority
    /// signs its certificates.
    /// </summary>
    /// <exception cref="IOException">Its file cannot be used; the message says which, why, and how to fix
    /// it.</exception>
    public string ClusterId(ClusterProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        string[] files = [Path.Combine(Directory, ClusterIdName), Path.Combine(Directory, process.Host, ClusterIdName)];
        if (files.FirstOrDefault(File.Exists) is not { } file)
        {
            return FirstClusterId();
        }

        var id = File.ReadAllText(file).Trim();
        return id.Length == ClusterIdDigits && id.All(char.IsAsciiHexDigitLower)
            ? id
            : throw new FixableException(file, "holds no cluster's id", HowToCopy);
    }

    /// <summary>The file of the key that authenticates a process's datagrams.</summary>
    public string GroupKey(ClusterProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        var own = Path.Combine(Directory, process.Host, "customers.key");
        return File.Exists(OwnGroupKey) || !File.Exists(own) ? OwnGroupKey : own;
    }

    /// <summary>
    /// The file of the secret that callers show to a payment service on plain HTTP; for a process, or for the operator.
    /// </summary>
    public string PaymentsSecret(ClusterProcess? process = null)
    {
        var own = Path.Combine(Directory, process?.Host ?? "", MerchantSecretName);
        return File.Exists(OwnMerchantSecret) || !File.Exists(own) ? OwnMerchantSecret : own;
    }

    // All replicas of a group need the same key. A replica with another key hears no other replica, so a replica must
    // never make one for itself.
    private void MakeGroupKey(GroupKeyRule rule, IEnumerable<string> hosts)
    {
        string[] copies = [.. hosts.Select(host => Path.Combine(Directory, host, "customers.key"))];
        if (rule == GroupKeyRule.Replace)
        {
            var key = RandomNumberGenerator.GetBytes(GroupKeyBytes);
            foreach (var copy in copies.Where(File.Exists).Append(OwnGroupKey))
            {
                SecretFiles.Replace(copy, key);
            }
        }
        else if (!File.Exists(OwnGroupKey) && copies.FirstOrDefault(File.Exists) is { } copy)
        {
            SecretFiles.Replace(OwnGroupKey, File.ReadAllBytes(copy));
        }
        else if (!File.Exists(OwnGroupKey) && Exist && rule == GroupKeyRule.Keep)
        {
            throw new FixableException(
                OwnGroupKey,
                "is missing, and the other replicas have it",
                "Copy it from the secrets of a host with a replica of the group. If it is lost, stop all replicas of "
                    + "the group, and 'agora cluster keys --new-group-key' makes another one for all of them"
            );
        }
        else
        {
            SecretFiles.WriteIfMissing(OwnGroupKey, () => RandomNumberGenerator.GetBytes(GroupKeyBytes));
        }
    }

    // From the authority, so that every host which has that finds the same.
    private string FirstClusterId()
    {
        using var authority = X509CertificateLoader.LoadCertificateFromFile(Authority);
        return Convert.ToHexStringLower(authority.GetCertHash(HashAlgorithmName.SHA256))[..ClusterIdDigits];
    }

    private static bool NeedsGroupKey(ClusterFile cluster, ClusterProcess process) =>
        process.Component switch
        {
            Components.Customers => cluster.Customers.Engine == ReplicationEngine.RotatingSequencer,
            Components.Products => cluster.Products.Engine == ReplicationEngine.RotatingSequencer,
            _ => false,
        };

    private static bool ShowsMerchantSecret(ClusterProcess process) =>
        process.Component is Components.Payments or Components.BuyerServer;

    private ComponentIdentity Load(string name, string? host, DateTimeOffset now)
    {
        var directory = DirectoryOf(name, host);
        return ComponentIdentity.Load(name, Authority, CertificateFile(directory, name), KeyFile(directory, name), now);
    }

    // On a host with a copy the files are in the directory itself. Where the keys were made they are in the directory's
    // subdirectory for that host.
    private string DirectoryOf(string name, string? host) =>
        host is not null
        && !File.Exists(CertificateFile(Directory, name))
        && File.Exists(CertificateFile(Path.Combine(Directory, host), name))
            ? Path.Combine(Directory, host)
            : Directory;

    private X509Certificate2 MakeAuthority(DateTimeOffset now)
    {
        if (Exist)
        {
            return File.Exists(AuthorityKey)
                ? CertificateIssuer.Usable(
                    AuthorityKey,
                    $"it or {Authority} is damaged, or they do not match",
                    HowToRestore,
                    () => X509Certificate2.CreateFromPemFile(Authority, AuthorityKey)
                )
                : throw new FixableException(
                    AuthorityKey,
                    "is not here",
                    "Make certificates where it is, and copy them here"
                );
        }

        return CertificateIssuer.MakeAuthority(Authority, AuthorityKey, now);
    }

    private static void Issue(
        X509Certificate2 authority,
        string directory,
        string name,
        string? host,
        DateTimeOffset now,
        bool renew
    )
    {
        var file = CertificateFile(directory, name);
        if (renew || !File.Exists(file))
        {
            CertificateIssuer.Issue(authority, file, KeyFile(directory, name), name, host, now);
        }
    }

    private static void CopyIfMissing(string file, string directory) =>
        SecretFiles.WriteIfMissing(Path.Combine(directory, Path.GetFileName(file)), () => File.ReadAllBytes(file));

    private static string CertificateFile(string directory, string name) =>
        Path.Combine(directory, name.Replace('/', '-') + ".crt");

    private static string KeyFile(string directory, string name) =>
        Path.Combine(directory, name.Replace('/', '-') + ".key");
}
