using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;

namespace Agora.Contracts.Security;

/// <summary>
/// The directory of a cluster's keys, for its owner only:
/// <code>
/// authority.crt, authority.key        the cluster's own authority; the key stays where it was made
/// products-3.crt, products-3.key, …   a process's certificate and key, one pair for each
/// operator.crt, operator.key          for status and audits; they stay beside the authority too
/// customers.key                       what the datagrams of the rotating sequencer are authenticated with
/// payments.secret                     what the merchant shows to the payment service
/// HOST/…                              where a cluster has several hosts: what belongs on each, and nothing else
/// </code>
/// Whatever is missing is made; what is there is never overwritten, save that a certificate can be renewed for the key that it has.
/// </summary>
public sealed class ClusterSecrets
{
    /// <summary>Its usual name: beside the cluster file, or in the data directory.</summary>
    public const string DirectoryName = "secrets";

    /// <summary>Name of the environment variable that names the directory where the command line does not.</summary>
    public const string EnvironmentVariable = "AGORA_SECRETS";

    /// <summary>Whoever looks after the marketplace.</summary>
    public const string Operator = "operator";

    internal const string HowToCopy = "Copy it from another host of the cluster, or from where the keys were made";
    internal const string HowToRenew = "'agora cluster keys --renew' makes new certificates, where the authority's key is; running processes take them up within a minute";

    private const string HowToRestore = "Put it back from a copy of this directory";

    private const UnixFileMode OwnerOnlyDirectory = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OwnerOnlyFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int GroupKeyBytes = 32;
    private const string MerchantSecretName = "payments.secret";
    private const int MerchantSecretBytes = 32;

    private static readonly TimeSpan s_skew = TimeSpan.FromDays(1);
    private static readonly TimeSpan s_authorityLife = TimeSpan.FromDays(20 * 365);
    private static readonly TimeSpan s_certificateLife = TimeSpan.FromDays(3 * 365);

    /// <summary>What helps where a certificate or its key is of no use: one that is missing alone is not made again, as the other would not fit.</summary>
    internal static string HowToReplace(string certificate, string key) =>
        $"Put it back from a copy; or remove {certificate} and {key}, and 'agora cluster keys' makes what is missing, where the authority's key is";

    /// <summary>The secrets in a directory, which need not exist yet.</summary>
    public ClusterSecrets(string directory) => Directory = Path.GetFullPath(directory);

    /// <summary>The directory's full path.</summary>
    public string Directory { get; }

    /// <summary>The authority's certificate: with it the directory holds a cluster's secrets, without it none.</summary>
    public string Authority => Path.Combine(Directory, "authority.crt");

    private string AuthorityKey => Path.Combine(Directory, "authority.key");

    private string OwnGroupKey => Path.Combine(Directory, "customers.key");

    private string OwnMerchantSecret => Path.Combine(Directory, MerchantSecretName);

    /// <summary>There are secrets in it.</summary>
    public bool Exist => File.Exists(Authority);

    /// <summary>Nothing is there yet, or the authority's key is: so what is missing can be made here.</summary>
    public bool CanMake => !Exist || File.Exists(AuthorityKey);

    /// <summary>
    /// The secrets that a command works with: those in the directory that it was given or that <c>AGORA_SECRETS</c> names, else those beside the
    /// cluster file where there are any, else those of the data directory.
    /// </summary>
    public static ClusterSecrets Find(string? explicitDirectory, string? clusterPath, string dataDirectory)
    {
        if ((explicitDirectory ?? Environment.GetEnvironmentVariable(EnvironmentVariable)) is { Length: > 0 } named)
        {
            return new ClusterSecrets(named);
        }
        if ((clusterPath ?? Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable)) is { Length: > 0 } file && BesideFile(file) is { Exist: true } beside)
        {
            return beside;
        }
        return new ClusterSecrets(Path.Combine(dataDirectory, DirectoryName));
    }

    /// <summary>Those beside a cluster file.</summary>
    public static ClusterSecrets BesideFile(string clusterPath) => new(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(clusterPath))!, DirectoryName));

    /// <summary>Makes whatever the cluster needs and is not there; a key of the group that was lost is not replaced.</summary>
    /// <inheritdoc cref="MakeAsync(ClusterFile, DateTimeOffset, bool, GroupKeyRule, CancellationToken)"/>
    public Task MakeAsync(ClusterFile cluster, DateTimeOffset now, bool renew, CancellationToken cancellationToken) =>
        MakeAsync(cluster, now, renew, GroupKeyRule.Keep, cancellationToken);

    /// <summary>Makes whatever the cluster needs and is not there.</summary>
    /// <param name="cluster">Names the processes and their hosts.</param>
    /// <param name="now">When the certificates begin.</param>
    /// <param name="renew">Also make new certificates, with new dates, for the keys that are there.</param>
    /// <param name="groupKey">What becomes of the group's key.</param>
    /// <param name="cancellationToken">Ends the wait for another process that makes them.</param>
    /// <exception cref="IOException">The directory cannot be used; the message says which and why.</exception>
    public async Task MakeAsync(ClusterFile cluster, DateTimeOffset now, bool renew, GroupKeyRule groupKey, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        try
        {
            MakeDirectory(Directory);
            await using FileStream held = await LockAsync(cancellationToken);

            // Nothing runs as web in this version: it gets no key that somebody could steal for nothing.
            ClusterProcess[] processes = [.. cluster.Processes().Where(p => p.Component != Components.Web)];
            string[] hosts = [.. processes.Select(p => p.Host).Distinct()];
            MakeGroupKey(groupKey, hosts);
            using X509Certificate2 authority = MakeAuthority(now);

            // In digits, so that any client of the payment service can show it.
            Write(OwnMerchantSecret, () => Encoding.ASCII.GetBytes(
                Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(MerchantSecretBytes)) + "\n"));
            Issue(authority, Directory, Operator, host: null, now, renew);
            foreach (string host in hosts)
            {
                string directory = hosts.Length == 1 ? Directory : Path.Combine(Directory, host);
                if (hosts.Length > 1)
                {
                    MakeDirectory(directory);
                    Write(Path.Combine(directory, "authority.crt"), () => File.ReadAllBytes(Authority));
                }
                foreach (ClusterProcess process in processes.Where(p => p.Host == host))
                {
                    Issue(authority, directory, process.Name, process.Host, now, renew);
                    if (NeedsGroupKey(cluster, process))
                    {
                        Write(Path.Combine(directory, "customers.key"), () => File.ReadAllBytes(OwnGroupKey));
                    }
                    if (ShowsMerchantSecret(process))
                    {
                        Write(Path.Combine(directory, MerchantSecretName), () => File.ReadAllBytes(OwnMerchantSecret));
                    }
                }
            }
        }
        catch (Exception e) when (e is (IOException and not FixableException) or UnauthorizedAccessException or CryptographicException)
        {
            throw new FixableException(Directory, $"the keys cannot be made: {e.Message.TrimEnd('.')}", FileFault.Fix(e), e);
        }
    }

    /// <summary>All that one process needs is there: nothing has to be made for it, and nobody waited for.</summary>
    public bool SufficeFor(ClusterFile cluster, ClusterProcess process)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(process);
        // A certificate is written behind its key.
        return Exist && File.Exists(CertificateFile(DirectoryOf(process.Name, process.Host), process.Name))
            && (!NeedsGroupKey(cluster, process) || File.Exists(GroupKey(process)))
            && (cluster.Payments.UsesHttps || !ShowsMerchantSecret(process) || File.Exists(PaymentsSecret(process)));
    }

    /// <summary>The identity of one process.</summary>
    /// <exception cref="IOException">Its files cannot be used; the message says which, why, and what mends it.</exception>
    public ComponentIdentity Of(ClusterProcess process, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(process);
        return Load(process.Name, process.Host, now);
    }

    /// <summary>The identity of whoever looks after the marketplace; null where this directory holds none.</summary>
    /// <exception cref="IOException">Its files cannot be used; the message says which, why, and what mends it.</exception>
    public ComponentIdentity? OfOperator(DateTimeOffset now) => File.Exists(CertificateFile(Directory, Operator)) ? Load(Operator, host: null, now) : null;

    /// <summary>
    /// As whom the supervisor of a host asks the processes how they are: the operator where the directory holds that key, else one of the host's own
    /// processes that may ask; null where there is none.
    /// </summary>
    /// <exception cref="IOException">Its files cannot be used; the message says which, why, and what mends it.</exception>
    public ComponentIdentity? OfWatcher(IEnumerable<ClusterProcess> processes, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(processes);
        string[] byReach = [Components.BuyerServer, Components.SellerServer, Components.Customers, Components.Products];
        return OfOperator(now) ?? processes.Where(p => byReach.Contains(p.Component)).OrderBy(p => byReach.IndexOf(p.Component))
            .Where(p => File.Exists(CertificateFile(DirectoryOf(p.Name, p.Host), p.Name))).Select(p => Of(p, now)).FirstOrDefault();
    }

    /// <summary>The file of the key for a process's datagrams.</summary>
    public string GroupKey(ClusterProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        string own = Path.Combine(Directory, process.Host, "customers.key");
        return File.Exists(OwnGroupKey) || !File.Exists(own) ? OwnGroupKey : own;
    }

    /// <summary>
    /// The file of the secret that the payment service is shown where it speaks plain HTTP; for a process, or for the
    /// operator.
    /// </summary>
    public string PaymentsSecret(ClusterProcess? process = null)
    {
        string own = Path.Combine(Directory, process?.Host ?? "", MerchantSecretName);
        return File.Exists(OwnMerchantSecret) || !File.Exists(own) ? OwnMerchantSecret : own;
    }

    /// <summary>Those of the directory's files that others than their owner can read: their keys may be known.</summary>
    public IEnumerable<string> ReadableByOthers() => !System.IO.Directory.Exists(Directory) ? [] : System.IO.Directory
        .EnumerateFiles(Directory, "*", SearchOption.AllDirectories)
        .Where(file => Path.GetExtension(file) is ".key" or ".secret")
        .Where(file => (File.GetUnixFileMode(file) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead)) != 0);

    // The group's datagrams have the key. A replica with another one hears nobody, and one that made itself a new one would be alone without a word.
    private void MakeGroupKey(GroupKeyRule rule, IEnumerable<string> hosts)
    {
        string[] copies = [.. hosts.Select(host => Path.Combine(Directory, host, "customers.key"))];
        if (rule == GroupKeyRule.Replace)
        {
            byte[] key = RandomNumberGenerator.GetBytes(GroupKeyBytes);
            foreach (string copy in copies.Where(File.Exists).Append(OwnGroupKey))
            {
                Replace(copy, key);
            }
        }
        else if (!File.Exists(OwnGroupKey) && copies.FirstOrDefault(File.Exists) is { } copy)
        {
            Replace(OwnGroupKey, File.ReadAllBytes(copy));
        }
        else if (!File.Exists(OwnGroupKey) && Exist && rule == GroupKeyRule.Keep)
        {
            throw new FixableException(OwnGroupKey, "is missing, and the other replicas have it",
                "Copy it from the secrets of a host with a replica of the group. Where it is lost, stop all replicas of the group, and "
                + "'agora cluster keys --new-group-key' makes another one for all of them");
        }
        else
        {
            Write(OwnGroupKey, () => RandomNumberGenerator.GetBytes(GroupKeyBytes));
        }
    }

    private static bool NeedsGroupKey(ClusterFile cluster, ClusterProcess process) => process.Component switch
    {
        Components.Customers => cluster.Customers.Engine == ReplicationEngine.RotatingSequencer,
        Components.Products => cluster.Products.Engine == ReplicationEngine.RotatingSequencer,
        _ => false,
    };

    private static bool ShowsMerchantSecret(ClusterProcess process) =>
        process.Component is Components.Payments or Components.BuyerServer;

    private ComponentIdentity Load(string name, string? host, DateTimeOffset now)
    {
        string directory = DirectoryOf(name, host);
        return ComponentIdentity.Load(name, Authority, CertificateFile(directory, name), KeyFile(directory, name), now);
    }

    // The directory itself, as on the host that it was copied to; or the host's own, where all were made.
    private string DirectoryOf(string name, string? host) =>
        host is not null && !File.Exists(CertificateFile(Directory, name)) && File.Exists(CertificateFile(Path.Combine(Directory, host), name))
            ? Path.Combine(Directory, host)
            : Directory;

    private X509Certificate2 MakeAuthority(DateTimeOffset now)
    {
        if (Exist)
        {
            return File.Exists(AuthorityKey)
                ? Usable(AuthorityKey, $"it or {Authority} is damaged, or they do not match", HowToRestore, () => X509Certificate2.CreateFromPemFile(Authority, AuthorityKey))
                : throw new FixableException(AuthorityKey, "is not here", "Make certificates where it is, and copy them here");
        }
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string name = $"Agora cluster authority {Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
        CertificateRequest request = new(new X500DistinguishedName($"CN={name}"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        X509Certificate2 authority = request.CreateSelfSigned(now - s_skew, now + s_authorityLife);

        // The key first: a certificate without its key would look like a host's copy, of which nothing can be made.
        Replace(AuthorityKey, Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
        Replace(Authority, Encoding.ASCII.GetBytes(authority.ExportCertificatePem() + "\n"));
        return authority;
    }

    private static void Issue(X509Certificate2 authority, string directory, string name, string? host, DateTimeOffset now, bool renew)
    {
        string file = CertificateFile(directory, name), keyFile = KeyFile(directory, name);
        if (File.Exists(file) && !renew)
        {
            return;
        }
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(keyFile))
        {
            _ = Usable(keyFile, "holds no key in PEM", HowToReplace(file, keyFile), () =>
            {
                key.ImportFromPem(File.ReadAllText(keyFile));
                return keyFile;
            });
        }
        else
        {
            Replace(keyFile, Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
        }
        CertificateRequest request = new(new X500DistinguishedName($"CN={name}"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        SubjectAlternativeNameBuilder names = new();
        foreach (string dnsName in ComponentIdentity.DnsNames(name))
        {
            names.AddDnsName(dnsName);
        }

        // For clients that are not ours, which know a server by its address.
        if (IPAddress.TryParse(host, out IPAddress? ip))
        {
            names.AddIpAddress(ip);
        }
        else if (host is not null)
        {
            names.AddDnsName(host);
        }
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset end = now + s_certificateLife, last = authority.NotAfter;
        using X509Certificate2 certificate = request.Create(authority, now - s_skew, end < last ? end : last, RandomNumberGenerator.GetBytes(16));
        Replace(file, Encoding.ASCII.GetBytes(certificate.ExportCertificatePem() + "\n"));
    }

    private static T Usable<T>(string file, string whatIfUseless, string fix, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException or FormatException)
        {
            throw new FixableException(file, whatIfUseless, fix, e);
        }
    }

    private static string CertificateFile(string directory, string name) => Path.Combine(directory, name.Replace('/', '-') + ".crt");

    private static string KeyFile(string directory, string name) => Path.Combine(directory, name.Replace('/', '-') + ".key");

    private static void MakeDirectory(string directory)
    {
        System.IO.Directory.CreateDirectory(directory, OwnerOnlyDirectory);

        // One that was there before keeps its mode.
        File.SetUnixFileMode(directory, OwnerOnlyDirectory);
    }

    private static void Write(string file, Func<byte[]> content)
    {
        if (!File.Exists(file))
        {
            Replace(file, content());
        }
    }

    // Written aside and renamed, so that a death between two steps leaves no half key.
    private static void Replace(string file, byte[] content)
    {
        string aside = file + ".new";
        File.Delete(aside);
        using (FileStream stream = new(aside, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnlyFile }))
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }
        File.Move(aside, file, overwrite: true);
    }

    // Several replicas may be started at once, each by itself: one makes the keys, the others wait for them.
    private async Task<FileStream> LockAsync(CancellationToken cancellationToken)
    {
        string file = Path.Combine(Directory, ".lock");
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(file, new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                    UnixCreateMode = OwnerOnlyFile,
                });
            }
            catch (IOException) when (attempt < 200)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
            }
            catch (IOException e)
            {
                throw FileFault.Of(file, e);
            }
        }
    }
}

/// <summary>What becomes of a group's key when a cluster's keys are made.</summary>
public enum GroupKeyRule
{
    /// <summary>It is made with the authority; where it has been lost since, that is refused.</summary>
    Keep,

    /// <summary>One that has been lost is made anew: there is no data of the group yet.</summary>
    Make,

    /// <summary>Another one takes its place.</summary>
    Replace,
}
