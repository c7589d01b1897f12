using System.Security.Cryptography.X509Certificates;
using Agora.Commands;
using Agora.Contracts.Cluster;
using Agora.Contracts.Payments;
using Agora.Contracts.Security;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

/// <summary>The cluster's keys: who may read them, that none is ever lost, what belongs on which host, and what is told about their dates.</summary>
public sealed class SecretsTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly DateTimeOffset s_now = DateTimeOffset.UtcNow;

    private readonly Scratch _scratch = new();
    private readonly ClusterSecrets _secrets;

    public SecretsTests() => _secrets = new ClusterSecrets(_scratch["secrets"]);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Each_process_gets_a_certificate_and_only_the_owner_can_read_what_is_there()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel);

        string[] expected =
        [
            ".lock", "authority.crt", "authority.key", "customers.key", "payments.secret",
            .. ClusterFile.Default.Processes().Select(p => p.Name.Replace('/', '-')).Append("operator").SelectMany(n => new[] { n + ".crt", n + ".key" }),
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), Directory.GetFileSystemEntries(_secrets.Directory).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        Assert.All(Directory.GetFiles(_secrets.Directory), file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file)));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(_secrets.Directory));
        Assert.Equal(32, new FileInfo(Path.Combine(_secrets.Directory, "customers.key")).Length);
        Assert.Matches("^[0-9a-f]{64}\n$", File.ReadAllText(_secrets.PaymentsSecret()));
        Assert.Empty(_secrets.ReadableByOthers());
        Assert.All(ClusterFile.Default.Processes(), process =>
        {
            using ComponentIdentity identity = _secrets.Of(process, s_now);
            Assert.Equal(process.Name, identity.Name);
            Assert.Null(identity.Warning(s_now));
        });
    }

    [Fact]
    public async Task A_process_that_has_its_own_waits_for_nobody_that_makes_others()
    {
        ClusterProcess process = ClusterFile.Default.Processes().First(p => p.Name == "customers/2");
        Assert.False(_secrets.SufficeFor(ClusterFile.Default, process));

        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel);
        File.Delete(Path.Combine(_secrets.Directory, "customers-3.crt"));
        Assert.All(ClusterFile.Default.Processes(), p => Assert.Equal(p.Name != "customers/3", _secrets.SufficeFor(ClusterFile.Default, p)));

        File.Delete(Path.Combine(_secrets.Directory, "customers.key"));
        Assert.False(_secrets.SufficeFor(ClusterFile.Default, process));

        File.Delete(_secrets.PaymentsSecret());
        Assert.Equal(
            ["buyer-server", "payments"],
            ClusterFile.Default.Processes().Where(p => p.Component is not (Components.Customers or Components.Products))
                .Where(p => !_secrets.SufficeFor(ClusterFile.Default, p)).Select(p => p.Component).Distinct().Order());
        // Over HTTPS their certificates do.
        ClusterFile https = ClusterFile.Default with { Payments = ClusterFile.Default.Payments with { Https = true } };
        Assert.True(_secrets.SufficeFor(https, https.Processes().Single(p => p.Component == Components.Payments)));
    }

    [Fact]
    public async Task Nothing_that_is_there_is_ever_overwritten_and_what_is_missing_is_made()
    {
        await _secrets.MakeAsync(ClusterFile.Unreplicated, s_now, renew: false, Cancel);
        Dictionary<string, string> before = Contents();
        File.Delete(Path.Combine(_secrets.Directory, "payments-0.crt"));

        await _secrets.MakeAsync(ClusterFile.Default, s_now.AddDays(1), renew: false, Cancel);

        Dictionary<string, string> after = Contents();
        Assert.All(before.Where(f => f.Key != "payments-0.crt"), file => Assert.Equal(file.Value, after[file.Key]));
        Assert.NotEqual(before["payments-0.crt"], after["payments-0.crt"]);
        Assert.Contains("products-4.key", after.Keys);
    }

    [Fact]
    public async Task Renewing_keeps_every_key_and_moves_the_dates()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now.AddDays(-1000), renew: false, Cancel);
        Dictionary<string, string> before = Contents();

        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: true, Cancel);

        Dictionary<string, string> after = Contents();
        Assert.Equal(before.Where(f => f.Key.EndsWith(".key", StringComparison.Ordinal)), after.Where(f => f.Key.EndsWith(".key", StringComparison.Ordinal)));
        Assert.Equal(before["authority.crt"], after["authority.crt"]);
        using X509Certificate2 renewed = X509CertificateLoader.LoadCertificateFromFile(Path.Combine(_secrets.Directory, "products-3.crt"));
        Assert.True(renewed.NotAfter > s_now.AddDays(1000));
    }

    [Fact]
    public async Task A_certificate_that_ends_soon_is_told_of_and_one_that_has_ended_is_refused_with_what_mends_it()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel);
        ClusterProcess process = ClusterFile.Default.Processes()[^1];
        DateTimeOffset end = X509CertificateLoader.LoadCertificateFromFile(Path.Combine(_secrets.Directory, "products-4.crt")).NotAfter;

        using ComponentIdentity identity = _secrets.Of(process, end.AddDays(-29));
        Assert.Contains("agora cluster keys --renew", identity.Warning(end.AddDays(-29)), StringComparison.Ordinal);
        string told = Assert.Throws<IOException>(() => _secrets.Of(process, end.AddDays(1))).Message;
        Assert.Contains("products-4.crt expired on ", told, StringComparison.Ordinal);
        Assert.Contains("agora cluster keys --renew", told, StringComparison.Ordinal);
        Assert.Contains("clock", Assert.Throws<IOException>(() => _secrets.Of(process, s_now.AddDays(-2))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_is_missing_broken_or_anothers_is_told_with_its_name()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel);
        ClusterSecrets other = new(_scratch["other"]);
        await other.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel);
        ClusterProcess process = ClusterFile.Default.Processes()[^1];
        string certificate = Path.Combine(_secrets.Directory, "products-4.crt"), key = Path.Combine(_secrets.Directory, "products-4.key");

        File.Copy(Path.Combine(other.Directory, "products-4.crt"), certificate, overwrite: true);
        Assert.Contains("do not match", Assert.Throws<IOException>(() => _secrets.Of(process, s_now)).Message, StringComparison.Ordinal);
        File.Copy(Path.Combine(other.Directory, "products-4.key"), key, overwrite: true);
        Assert.Contains("was not issued by", Assert.Throws<IOException>(() => _secrets.Of(process, s_now)).Message, StringComparison.Ordinal);
        File.WriteAllText(certificate, "no certificate");
        Assert.Contains(certificate, Assert.Throws<IOException>(() => _secrets.Of(process, s_now)).Message, StringComparison.Ordinal);
        File.Delete(certificate);
        Assert.Contains("'agora cluster keys' makes what is missing", Assert.Throws<IOException>(() => _secrets.Of(process, s_now)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_hosts_directory_is_enough_for_it_and_holds_neither_the_authoritys_key_nor_anothers()
    {
        ClusterFile cluster = ClusterCommand.Spread(["a", "b", "c"]);
        await _secrets.MakeAsync(cluster, s_now, renew: false, Cancel);

        foreach (IGrouping<string, ClusterProcess> host in cluster.Processes().GroupBy(p => p.Host))
        {
            ClusterSecrets copied = new(Path.Combine(_secrets.Directory, host.Key));
            Assert.False(copied.CanMake);
            Assert.All(host, process => copied.Of(process, s_now).Dispose());
            Assert.All(host.Where(p => p.Component == Components.Customers), process =>
                Assert.Equal(File.ReadAllBytes(Path.Combine(_secrets.Directory, "customers.key")), File.ReadAllBytes(copied.GroupKey(process))));
            Assert.Equal(
                host.Any(p => p.Component is Components.Payments or Components.BuyerServer), File.Exists(Path.Combine(copied.Directory, "payments.secret")));
            Assert.All(host.Where(p => p.Component is Components.Payments or Components.BuyerServer), process =>
                Assert.Equal(File.ReadAllText(_secrets.PaymentsSecret()), File.ReadAllText(copied.PaymentsSecret(process))));
            copied.OfOperator(s_now)!.Dispose();
            Assert.Equal(host.Count() + 2 + (host.Any(p => p.Component == Components.Customers) ? 0 : -1), Directory.GetFiles(copied.Directory, "*.key").Length);
        }
        Assert.All(cluster.Processes(), process => _secrets.Of(process, s_now).Dispose());
    }

    [Fact]
    public async Task Keys_of_several_hosts_are_not_made_by_each_of_them()
    {
        DataDirectory data = new(_scratch["data"]);

        CommandFailedException e = await Assert.ThrowsAsync<CommandFailedException>(
            () => Keys.EnsureAsync(data.Secrets, data, ClusterCommand.Spread(["127.0.0.1", "192.0.2.2", "192.0.2.3"]), Cancel));

        Assert.Contains("agora cluster keys --cluster FILE", e.Message, StringComparison.Ordinal);
        Assert.False(data.Secrets.Exist);
    }

    /// <summary>Also where a directory is from a version that made fewer.</summary>
    [Theory]
    [InlineData("data/secrets", true)]
    [InlineData("given", true)]
    [InlineData("given", false)]
    public async Task What_is_missing_is_made_at_a_start_where_the_authoritys_key_is(string directory, bool hasAuthority)
    {
        DataDirectory data = new(_scratch["data"]);
        ClusterSecrets secrets = new(_scratch[directory]);
        await secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel);
        File.Delete(secrets.PaymentsSecret());
        if (!hasAuthority)
        {
            File.Delete(Path.Combine(secrets.Directory, "authority.key"));
        }

        await Keys.EnsureAsync(secrets, data, ClusterFile.Default, Cancel);

        Assert.Equal(hasAuthority, File.Exists(secrets.PaymentsSecret()));
        if (!hasAuthority)
        {
            string told = Assert.Throws<IOException>(() => MerchantSecret.For(ClusterFile.Default.Payments, secrets.PaymentsSecret())).Message;
            Assert.Contains("'agora cluster keys' makes what is missing", told, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Several_processes_that_are_started_at_once_agree_on_one_authority()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel), Cancel)));

        Assert.All(ClusterFile.Default.Processes(), process => _secrets.Of(process, s_now).Dispose());
    }

    [Fact]
    public async Task Secrets_are_found_where_the_command_line_says_then_beside_the_cluster_file_then_in_the_data_directory()
    {
        string file = _scratch["cluster.json"];
        Assert.Equal(_scratch["data/secrets"], ClusterSecrets.Find(null, file, _scratch["data"]).Directory);
        await _secrets.MakeAsync(ClusterFile.Unreplicated, s_now, renew: false, Cancel);
        Assert.Equal(_secrets.Directory, ClusterSecrets.Find(null, file, _scratch["data"]).Directory);
        Assert.Equal(_scratch["data/secrets"], ClusterSecrets.Find(null, null, _scratch["data"]).Directory);
        Assert.Equal(_scratch["given"], ClusterSecrets.Find(_scratch["given"], file, _scratch["data"]).Directory);
    }

    private Dictionary<string, string> Contents() =>
        Directory.GetFiles(_secrets.Directory).Where(f => Path.GetFileName(f) != ".lock").Order(StringComparer.Ordinal).ToDictionary(f => Path.GetFileName(f)!, f => Convert.ToHexString(File.ReadAllBytes(f)));
}
