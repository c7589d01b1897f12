using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Agora.Commands;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;
using Agora.Contracts.Payments;
using Agora.Contracts.Security;
using Agora.Launcher;
using Microsoft.Extensions.Time.Testing;
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
            .. Runnable(ClusterFile.Default).Select(p => p.Name.Replace('/', '-')).Append("operator").SelectMany(n => new[] { n + ".crt", n + ".key" }),
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), Directory.GetFileSystemEntries(_secrets.Directory).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        Assert.All(Directory.GetFiles(_secrets.Directory), file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file)));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(_secrets.Directory));
        Assert.Equal(32, new FileInfo(Path.Combine(_secrets.Directory, "customers.key")).Length);
        Assert.Matches("^[0-9a-f]{64}\n$", File.ReadAllText(_secrets.PaymentsSecret()));
        Assert.Empty(_secrets.ReadableByOthers());
        Assert.All(Runnable(ClusterFile.Default), process =>
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
        Assert.All(Runnable(ClusterFile.Default), p => Assert.Equal(p.Name != "customers/3", _secrets.SufficeFor(ClusterFile.Default, p)));

        File.Delete(Path.Combine(_secrets.Directory, "customers.key"));
        Assert.False(_secrets.SufficeFor(ClusterFile.Default, process));

        File.Delete(_secrets.PaymentsSecret());
        Assert.Equal(
            ["buyer-server", "payments"],
            Runnable(ClusterFile.Default).Where(p => p.Component is not (Components.Customers or Components.Products))
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
        string told = Assert.Throws<FixableException>(() => _secrets.Of(process, end.AddDays(1))).Message;
        Assert.Contains("products-4.crt: expired on ", told, StringComparison.Ordinal);
        Assert.Contains("agora cluster keys --renew", told, StringComparison.Ordinal);
        Assert.Contains("clock", Assert.Throws<FixableException>(() => _secrets.Of(process, s_now.AddDays(-2))).Message, StringComparison.Ordinal);
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
        Assert.Contains("do not match", Assert.Throws<FixableException>(() => _secrets.Of(process, s_now)).Message, StringComparison.Ordinal);
        File.Copy(Path.Combine(other.Directory, "products-4.key"), key, overwrite: true);
        Assert.Contains("was not issued by", Assert.Throws<FixableException>(() => _secrets.Of(process, s_now)).Message, StringComparison.Ordinal);
        File.WriteAllText(certificate, "no certificate");
        Assert.Contains(certificate, Assert.Throws<FixableException>(() => _secrets.Of(process, s_now)).Message, StringComparison.Ordinal);
        File.Delete(certificate);
        Assert.Contains("'agora cluster keys' makes what is missing", Assert.Throws<FixableException>(() => _secrets.Of(process, s_now)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("products-4.key", "garbled", "products-4.key: holds no key in PEM")]
    [InlineData("products-4.key", "another curve", "products-4.key: holds no key in PEM")]
    [InlineData("products-4.key", "empty", "products-4.key: holds no key in PEM")]
    [InlineData("products-4.key", "missing", "products-4.key: is missing")]
    [InlineData("products-4.key", "a directory", "products-4.key: is a directory, where a file belongs")]
    [InlineData("products-4.crt", "garbled", "products-4.crt: holds no certificate in PEM")]
    [InlineData("products-4.crt", "empty", "products-4.crt: holds no certificate in PEM")]
    [InlineData("authority.crt", "garbled", "authority.crt: holds no certificate in PEM")]
    [InlineData("authority.crt", "empty", "authority.crt: holds no certificate in PEM")]
    [InlineData("authority.crt", "missing", "authority.crt: is missing")]
    public async Task A_file_of_no_use_is_named_itself_with_what_is_wrong_and_what_helps(string name, string how, string told)
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel);
        string file = Path.Combine(_secrets.Directory, name);
        string before = File.ReadAllText(file);
        File.Delete(file);
        switch (how)
        {
            case "garbled":
                // Inside the base64, so that it still looks like PEM.
                File.WriteAllText(file, before.Replace(before.Split('\n')[1][20..40], "AAAAAAAAAAAAAAAAAAAA", StringComparison.Ordinal));
                break;
            case "another curve":
                // What stands for the curve is its object identifier, 1.2.840.10045.3.1.7; this one does not exist.
                byte[] key = Convert.FromBase64String(string.Concat(before.Split('\n').Where(line => !line.StartsWith('-'))));
                byte[] curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
                key[key.AsSpan().IndexOf(curve) + 5] = 0x43;
                File.WriteAllText(file, $"-----BEGIN PRIVATE KEY-----\n{Convert.ToBase64String(key)}\n-----END PRIVATE KEY-----\n");
                break;
            case "empty":
                File.WriteAllText(file, "");
                break;
            case "a directory":
                Directory.CreateDirectory(file);
                break;
        }

        string message = Assert.Throws<FixableException>(() => _secrets.Of(ClusterFile.Default.Processes()[^1], s_now)).Message;

        Assert.StartsWith(Path.Combine(_secrets.Directory, told), message, StringComparison.Ordinal);
        Assert.Matches(name == "authority.crt" ? "Copy it from another host" : "Put it back from a copy; or remove .*products-4.crt and .*products-4.key", message);
    }

    [Fact]
    public async Task A_lost_group_key_is_made_anew_for_all_its_users_and_never_for_one_alone()
    {
        DataDirectory data = new(_scratch["data"]);
        await Keys.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: false, Cancel);
        string key = Path.Combine(data.Secrets.Directory, "customers.key");
        File.Delete(key);

        string message = (await Assert.ThrowsAsync<CommandFailedException>(
            () => Keys.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: false, Cancel))).Message;

        Assert.StartsWith($"{key}: is missing, and the other replicas have it. Copy it", message, StringComparison.Ordinal);
        Assert.False(File.Exists(key));
        await Keys.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: true, Cancel);
        Assert.Equal(32, new FileInfo(key).Length);
    }

    [Fact]
    public async Task Each_hosts_directory_is_enough_for_it_and_holds_neither_the_authoritys_key_nor_anothers()
    {
        ClusterFile cluster = ClusterCommand.Spread(["a", "b", "c"]);
        await _secrets.MakeAsync(cluster, s_now, renew: false, Cancel);

        foreach (IGrouping<string, ClusterProcess> host in Runnable(cluster).GroupBy(p => p.Host))
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
            Assert.Null(copied.OfOperator(s_now));
            using ComponentIdentity watcher = copied.OfWatcher(host, s_now)!;
            Assert.Contains(watcher.Name, host.Select(p => p.Name));
            string[] keys = [.. host.Select(p => p.Name.Replace('/', '-') + ".key"), .. host.Any(p => p.Component == Components.Customers) ? (string[])["customers.key"] : []];
            Assert.Equal(keys.Order(StringComparer.Ordinal), Directory.GetFiles(copied.Directory, "*.key").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        }
        Assert.All(Runnable(cluster), process => _secrets.Of(process, s_now).Dispose());
        using ComponentIdentity whoeverLooksAfterIt = _secrets.OfWatcher(Runnable(cluster), s_now)!;
        Assert.Equal(ClusterSecrets.Operator, whoeverLooksAfterIt.Name);
    }

    [Fact]
    public async Task Keys_of_several_hosts_are_not_made_by_each_of_them()
    {
        DataDirectory data = new(_scratch["data"]);

        CommandFailedException e = await Assert.ThrowsAsync<CommandFailedException>(
            () => Keys.EnsureAsync(
                data.Secrets, data, ClusterCommand.Spread(["127.0.0.1", "192.0.2.2", "192.0.2.3"]), forAll: true, Cancel));

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

        await Keys.EnsureAsync(secrets, data, ClusterFile.Default, forAll: true, Cancel);

        Assert.Equal(hasAuthority, File.Exists(secrets.PaymentsSecret()));
        if (!hasAuthority)
        {
            string told = Assert.ThrowsAny<IOException>(() => MerchantSecret.For(ClusterFile.Default.Payments, secrets.PaymentsSecret())).Message;
            Assert.Contains("'agora cluster keys' makes it", told, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Several_processes_that_are_started_at_once_agree_on_one_authority()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel), Cancel)));

        Assert.All(Runnable(ClusterFile.Default), process => _secrets.Of(process, s_now).Dispose());
    }

    [Fact]
    public async Task A_host_without_a_process_that_may_ask_has_nobody_who_asks()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel);
        File.Delete(Path.Combine(_secrets.Directory, "operator.crt"));

        Assert.Null(_secrets.OfWatcher(ClusterFile.Default.Processes().Where(p => p.Component is Components.Payments or Components.Web), s_now));
        using ComponentIdentity watcher = _secrets.OfWatcher(ClusterFile.Default.Processes(), s_now)!;
        Assert.Equal("buyer-server/0", watcher.Name);
    }

    [Fact]
    public async Task A_groups_key_that_was_lost_is_not_made_anew_while_the_group_has_data()
    {
        DataDirectory data = new(_scratch["data"]);
        await Keys.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: true, Cancel);
        string key = Path.Combine(data.Secrets.Directory, "customers.key");
        byte[] first = File.ReadAllBytes(key);

        // Nothing has been said under it.
        File.Delete(key);
        await Keys.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: true, Cancel);
        Assert.NotEqual(first, File.ReadAllBytes(key));

        File.Delete(key);
        File.WriteAllText(Path.Combine(data.Prepare(Scratch.Process(Components.Customers, 3)), "state.db"), "accounts");
        CommandFailedException e = await Assert.ThrowsAsync<CommandFailedException>(() => Keys.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: true, Cancel));
        Assert.Contains(key, e.Message, StringComparison.Ordinal);
        Assert.Contains("--new-group-key", e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(key));

        await data.Secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, GroupKeyRule.Replace, Cancel);
        Assert.Equal(32, File.ReadAllBytes(key).Length);
    }

    [Fact]
    public async Task A_new_group_key_goes_to_every_host_with_a_replica_and_a_lost_one_comes_back_from_there()
    {
        ClusterFile cluster = ClusterCommand.Spread(["a", "b", "c"]);
        await _secrets.MakeAsync(cluster, s_now, renew: false, Cancel);
        string own = Path.Combine(_secrets.Directory, "customers.key");
        byte[] first = File.ReadAllBytes(own);

        File.Delete(own);
        await _secrets.MakeAsync(cluster, s_now, renew: false, Cancel);
        Assert.Equal(first, File.ReadAllBytes(own));

        await _secrets.MakeAsync(cluster, s_now, renew: false, GroupKeyRule.Replace, Cancel);
        Assert.NotEqual(first, File.ReadAllBytes(own));
        Assert.All(cluster.Customers.Replicas, r => Assert.Equal(File.ReadAllBytes(own), File.ReadAllBytes(Path.Combine(_secrets.Directory, r.Host, "customers.key"))));
    }

    [Fact]
    public async Task A_renewed_certificate_is_taken_up_and_what_is_half_written_is_not()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now.AddDays(-1080), renew: false, Cancel);
        ClusterProcess process = ClusterFile.Default.Processes()[^1];
        string certificate = Path.Combine(_secrets.Directory, "products-4.crt"), key = Path.Combine(_secrets.Directory, "products-4.key");
        using ComponentIdentity identity = _secrets.Of(process, s_now);
        SslServerAuthenticationOptions port = identity.ForCallers(protocol: null, Components.Products);
        SslClientAuthenticationOptions towards = identity.Towards(Components.Products, 0);
        X509Certificate2 Shown() => (X509Certificate2)towards.LocalCertificateSelectionCallback!(this, "", [], null, [])!;
        string before = Shown().Thumbprint;
        List<string> said = [];
        FakeTimeProvider time = new(s_now);
        using CertificateWatch watch = new(identity, time, said.Add);
        Assert.Contains("expires on", Assert.Single(said), StringComparison.Ordinal);
        Assert.Equal(before, port.ServerCertificateContext!.TargetCertificate.Thumbprint);

        // A new key too, of which only the certificate is there yet.
        string oldKey = File.ReadAllText(key);
        File.Delete(key);
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: true, Cancel);
        string newKey = File.ReadAllText(key);
        File.WriteAllText(key, oldKey);
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Contains("is not used", said[^1], StringComparison.Ordinal);
        Assert.Equal(2, said.Count);
        Assert.Equal(before, Shown().Thumbprint);

        File.WriteAllText(key, newKey);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Contains("in use for new connections", said[^1], StringComparison.Ordinal);
        using X509Certificate2 renewed = X509CertificateLoader.LoadCertificateFromFile(certificate);
        Assert.Equal(renewed.Thumbprint, Shown().Thumbprint);
        Assert.Equal(renewed.Thumbprint, port.ServerCertificateContext!.TargetCertificate.Thumbprint);
        Assert.Null(identity.Warning(s_now));
    }

    [Fact]
    public async Task A_certificate_that_ends_soon_is_warned_of_every_day()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, Cancel);
        DateTimeOffset end = X509CertificateLoader.LoadCertificateFromFile(Path.Combine(_secrets.Directory, "products-4.crt")).NotAfter;
        FakeTimeProvider time = new(end.AddDays(-32));
        using ComponentIdentity identity = _secrets.Of(ClusterFile.Default.Processes()[^1], time.GetUtcNow());
        List<string> said = [];
        using CertificateWatch watch = new(identity, time, said.Add);

        Assert.Empty(said);
        for (int hour = 0; hour < 12 * 24; hour++)
        {
            time.Advance(TimeSpan.FromHours(1));
        }
        Assert.Equal(10, said.Count);
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

    /// <summary>Those that this version runs, and that therefore have keys.</summary>
    private static ClusterProcess[] Runnable(ClusterFile cluster) => [.. cluster.Processes().Where(ComponentHost.CanRun)];

    private Dictionary<string, string> Contents() =>
        Directory.GetFiles(_secrets.Directory).Where(f => Path.GetFileName(f) != ".lock").Order(StringComparer.Ordinal).ToDictionary(f => Path.GetFileName(f)!, f => Convert.ToHexString(File.ReadAllBytes(f)));
}
