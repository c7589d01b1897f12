using System.Security.Cryptography.X509Certificates;
using Xunit;

namespace Agora.Cluster.Tests;

/// <summary>
/// The directory of keys: who may read them, that none is ever lost, and which host gets which.
/// </summary>
public sealed class ClusterSecretsTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly DateTimeOffset s_now = DateTimeOffset.UtcNow;

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-test-").FullName;
    private readonly ClusterSecrets _secrets;

    public ClusterSecretsTests() => _secrets = new ClusterSecrets(In("secrets"));

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task The_cluster_s_id_is_the_same_on_every_host_and_outlives_the_authority()
    {
        var cluster = ClusterFile.Default;
        var process = cluster.Processes()[0];
        await _secrets.MakeAsync(cluster, s_now, renew: false, CancellationToken);
        var id = _secrets.ClusterId(process);
        Assert.Equal(32, id.Length);

        // A host whose keys were copied by an earlier version finds the same.
        var file = Path.Combine(_secrets.Directory, "cluster.id");
        File.Move(file, In("cluster.id"));
        Assert.Equal(id, _secrets.ClusterId(process));

        // A new authority, as docs/security.md says.
        ClusterSecrets later = new(In("later"));
        Directory.CreateDirectory(later.Directory);
        File.Copy(In("cluster.id"), Path.Combine(later.Directory, "cluster.id"));
        await later.MakeAsync(cluster, s_now, renew: false, CancellationToken);
        Assert.Equal(id, later.ClusterId(process));

        // Another cluster.
        ClusterSecrets other = new(In("other"));
        await other.MakeAsync(cluster, s_now, renew: false, CancellationToken);
        Assert.NotEqual(id, other.ClusterId(process));

        File.WriteAllText(Path.Combine(other.Directory, "cluster.id"), "text");
        Assert.Contains(
            "holds no cluster's id",
            Assert.Throws<FixableException>(() => other.ClusterId(process)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Each_process_gets_a_certificate_and_only_the_owner_can_read_what_is_there()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken);

        string[] expected =
        [
            ".lock",
            "authority.crt",
            "authority.key",
            "cluster.id",
            "customers.key",
            "payments.secret",
            .. ClusterFile
                .Default.Processes()
                .Select(p => p.Name.Replace('/', '-'))
                .Append("operator")
                .Append("metrics")
                .SelectMany(n => new[] { n + ".crt", n + ".key" }),
        ];
        Assert.Equal(
            expected.Order(StringComparer.Ordinal),
            Directory
                .GetFileSystemEntries(_secrets.Directory)
                .Select(f => Path.GetFileName(f)!)
                .Order(StringComparer.Ordinal)
        );
        Assert.All(Directory.GetFiles(_secrets.Directory), file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file)));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(_secrets.Directory));
        Assert.Equal(32, new FileInfo(Path.Combine(_secrets.Directory, "customers.key")).Length);
        Assert.Matches("^[0-9a-f]{64}\n$", File.ReadAllText(_secrets.PaymentsSecret()));
        Assert.All(
            ClusterFile.Default.Processes(),
            process =>
            {
                using var identity = _secrets.Of(process, s_now);
                Assert.Equal(process.Name, identity.Name);
                Assert.Null(identity.Warning(s_now));
            }
        );
    }

    [Fact]
    public async Task A_process_that_has_its_own_keys_does_not_wait_for_others()
    {
        var process = ClusterFile.Default.Processes().First(p => p.Name == "customers/2");
        Assert.False(_secrets.SufficeFor(ClusterFile.Default, process));

        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken);
        File.Delete(Path.Combine(_secrets.Directory, "customers-3.crt"));
        Assert.All(
            ClusterFile.Default.Processes(),
            p => Assert.Equal(p.Name != "customers/3", _secrets.SufficeFor(ClusterFile.Default, p))
        );

        File.Delete(Path.Combine(_secrets.Directory, "customers.key"));
        Assert.False(_secrets.SufficeFor(ClusterFile.Default, process));

        File.Delete(_secrets.PaymentsSecret());
        Assert.Equal(
            ["buyer-server", "payments"],
            ClusterFile
                .Default.Processes()
                .Where(p => p.Component is not (Components.Customers or Components.Products))
                .Where(p => !_secrets.SufficeFor(ClusterFile.Default, p))
                .Select(p => p.Component)
                .Distinct()
                .Order()
        );

        // Over HTTPS their certificates are enough.
        var https = ClusterFile.Default with
        {
            Payments = ClusterFile.Default.Payments with { Https = true },
        };
        Assert.True(_secrets.SufficeFor(https, https.Processes().Single(p => p.Component == Components.Payments)));
    }

    [Fact]
    public async Task Existing_files_are_never_overwritten_and_missing_ones_are_made()
    {
        await _secrets.MakeAsync(ClusterFile.Unreplicated, s_now, renew: false, CancellationToken);
        var before = Contents();
        File.Delete(Path.Combine(_secrets.Directory, "payments-0.crt"));

        await _secrets.MakeAsync(ClusterFile.Default, s_now.AddDays(1), renew: false, CancellationToken);

        var after = Contents();
        Assert.All(before.Where(f => f.Key != "payments-0.crt"), file => Assert.Equal(file.Value, after[file.Key]));
        Assert.NotEqual(before["payments-0.crt"], after["payments-0.crt"]);
        Assert.Contains("products-4.key", after.Keys);
    }

    [Fact]
    public async Task Renewing_keeps_every_key_and_moves_the_dates()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now.AddDays(-1000), renew: false, CancellationToken);
        var before = Contents();

        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: true, CancellationToken);

        var after = Contents();
        Assert.Equal(
            before.Where(f => f.Key.EndsWith(".key", StringComparison.Ordinal)),
            after.Where(f => f.Key.EndsWith(".key", StringComparison.Ordinal))
        );
        Assert.Equal(before["authority.crt"], after["authority.crt"]);
        using var renewed = X509CertificateLoader.LoadCertificateFromFile(
            Path.Combine(_secrets.Directory, "products-3.crt")
        );
        Assert.True(renewed.NotAfter > s_now.AddDays(1000));
    }

    [Fact]
    public async Task Each_hosts_directory_is_enough_for_it_and_holds_no_other_keys()
    {
        var cluster = Spread("a", "b", "c");
        await _secrets.MakeAsync(cluster, s_now, renew: false, CancellationToken);

        foreach (var host in cluster.Processes().GroupBy(p => p.Host))
        {
            ClusterSecrets copied = new(Path.Combine(_secrets.Directory, host.Key));
            Assert.False(copied.CanMake);
            Assert.All(host, process => copied.Of(process, s_now).Dispose());
            Assert.All(
                host.Where(p => p.Component == Components.Customers),
                process =>
                    Assert.Equal(
                        File.ReadAllBytes(Path.Combine(_secrets.Directory, "customers.key")),
                        File.ReadAllBytes(copied.GroupKey(process))
                    )
            );
            Assert.Equal(
                host.Any(p => p.Component is Components.Payments or Components.BuyerServer),
                File.Exists(Path.Combine(copied.Directory, "payments.secret"))
            );
            Assert.All(
                host.Where(p => p.Component is Components.Payments or Components.BuyerServer),
                process =>
                    Assert.Equal(
                        File.ReadAllText(_secrets.PaymentsSecret()),
                        File.ReadAllText(copied.PaymentsSecret(process))
                    )
            );
            Assert.Null(copied.OfOperator(s_now));
            using var watcher = copied.OfWatcher(host, s_now)!;
            Assert.Contains(watcher.Name, host.Select(p => p.Name));
            string[] keys =
            [
                .. host.Select(p => p.Name.Replace('/', '-') + ".key"),
                .. host.Any(p => p.Component == Components.Customers) ? (string[])["customers.key"] : [],
            ];
            Assert.Equal(
                keys.Order(StringComparer.Ordinal),
                Directory
                    .GetFiles(copied.Directory, "*.key")
                    .Select(f => Path.GetFileName(f)!)
                    .Order(StringComparer.Ordinal)
            );
        }

        Assert.All(cluster.Processes(), process => _secrets.Of(process, s_now).Dispose());
        using var watching = _secrets.OfWatcher(cluster.Processes(), s_now)!;
        Assert.Equal(ClusterSecrets.Operator, watching.Name);
    }

    [Fact]
    public async Task Processes_that_start_at_once_agree_on_one_authority()
    {
        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(_ =>
                    Task.Run(
                        () => _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken),
                        CancellationToken
                    )
                )
        );

        Assert.All(ClusterFile.Default.Processes(), process => _secrets.Of(process, s_now).Dispose());
    }

    [Fact]
    public async Task A_host_without_a_process_that_may_ask_has_no_watcher()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken);
        File.Delete(Path.Combine(_secrets.Directory, "operator.crt"));

        Assert.Null(
            _secrets.OfWatcher(
                ClusterFile.Default.Processes().Where(p => p.Component is Components.Payments or Components.Web),
                s_now
            )
        );
        using var watcher = _secrets.OfWatcher(ClusterFile.Default.Processes(), s_now)!;
        Assert.Equal("buyer-server/0", watcher.Name);
    }

    [Fact]
    public async Task A_new_group_key_goes_to_every_host_with_a_replica_and_a_lost_one_is_copied_back()
    {
        var cluster = Spread("a", "b", "c");
        await _secrets.MakeAsync(cluster, s_now, renew: false, CancellationToken);
        var own = Path.Combine(_secrets.Directory, "customers.key");
        var first = File.ReadAllBytes(own);

        File.Delete(own);
        await _secrets.MakeAsync(cluster, s_now, renew: false, CancellationToken);
        Assert.Equal(first, File.ReadAllBytes(own));

        await _secrets.MakeAsync(cluster, s_now, renew: false, GroupKeyRule.Replace, CancellationToken);
        Assert.NotEqual(first, File.ReadAllBytes(own));
        Assert.All(
            cluster.Customers.Replicas,
            r =>
                Assert.Equal(
                    File.ReadAllBytes(own),
                    File.ReadAllBytes(Path.Combine(_secrets.Directory, r.Host, "customers.key"))
                )
        );
    }

    [Fact]
    public async Task The_command_line_goes_before_the_cluster_files_directory_and_that_before_the_data_directory()
    {
        var file = In("cluster.json");
        Assert.Equal(In("data/secrets"), ClusterSecrets.Find(null, file, In("data")).Directory);
        await _secrets.MakeAsync(ClusterFile.Unreplicated, s_now, renew: false, CancellationToken);
        Assert.Equal(_secrets.Directory, ClusterSecrets.Find(null, file, In("data")).Directory);
        Assert.Equal(In("data/secrets"), ClusterSecrets.Find(null, null, In("data")).Directory);
        Assert.Equal(In("given"), ClusterSecrets.Find(In("given"), file, In("data")).Directory);
    }

    /// <summary>The default cluster with its replicas on several hosts.</summary>
    private static ClusterFile Spread(params string[] hosts) =>
        ClusterFile.Default.WithAddresses(
            (_, replica, address) => address with { Host = hosts[replica % hosts.Length] },
            (_, replica, address) => address with { Host = hosts[replica % hosts.Length] }
        );

    private Dictionary<string, string> Contents() =>
        Directory
            .GetFiles(_secrets.Directory)
            .Where(f => Path.GetFileName(f) != ".lock")
            .Order(StringComparer.Ordinal)
            .ToDictionary(f => Path.GetFileName(f)!, f => Convert.ToHexString(File.ReadAllBytes(f)));

    private string In(string name) => Path.Combine(_directory, name);
}
