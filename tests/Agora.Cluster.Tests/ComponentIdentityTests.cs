using System.Security.Cryptography.X509Certificates;
using Xunit;

namespace Agora.Cluster.Tests;

/// <summary>
/// Certificates that cannot be used are refused, with the file, the problem and the fix.
/// </summary>
public sealed class ComponentIdentityTests : IDisposable
{
    private static readonly DateTimeOffset s_now = DateTimeOffset.UtcNow;

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-test-").FullName;
    private readonly ClusterSecrets _secrets;

    public ComponentIdentityTests() => _secrets = new ClusterSecrets(In("secrets"));

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_certificate_that_expires_soon_causes_a_warning_and_an_expired_one_is_refused_with_the_fix()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken);
        var process = ClusterFile.Default.Processes()[^1];
        DateTimeOffset end = X509CertificateLoader
            .LoadCertificateFromFile(Path.Combine(_secrets.Directory, "products-4.crt"))
            .NotAfter;

        using var identity = _secrets.Of(process, end.AddDays(-29));
        Assert.Contains("agora cluster keys --renew", identity.Warning(end.AddDays(-29)), StringComparison.Ordinal);
        var refusal = Assert.Throws<FixableException>(() => _secrets.Of(process, end.AddDays(1))).Message;
        Assert.Contains("products-4.crt: expired on ", refusal, StringComparison.Ordinal);
        Assert.Contains("agora cluster keys --renew", refusal, StringComparison.Ordinal);
        Assert.Contains(
            "clock",
            Assert.Throws<FixableException>(() => _secrets.Of(process, s_now.AddDays(-2))).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_certificate_that_is_missing_or_broken_or_of_another_cluster_is_refused_by_name()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken);
        ClusterSecrets other = new(In("other"));
        await other.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken);
        var process = ClusterFile.Default.Processes()[^1];
        string certificate = Path.Combine(_secrets.Directory, "products-4.crt"),
            key = Path.Combine(_secrets.Directory, "products-4.key");

        File.Copy(Path.Combine(other.Directory, "products-4.crt"), certificate, overwrite: true);
        Assert.Contains(
            "do not match",
            Assert.Throws<FixableException>(() => _secrets.Of(process, s_now)).Message,
            StringComparison.Ordinal
        );
        File.Copy(Path.Combine(other.Directory, "products-4.key"), key, overwrite: true);
        Assert.Contains(
            "was not issued by",
            Assert.Throws<FixableException>(() => _secrets.Of(process, s_now)).Message,
            StringComparison.Ordinal
        );
        File.WriteAllText(certificate, "no certificate");
        Assert.Contains(
            certificate,
            Assert.Throws<FixableException>(() => _secrets.Of(process, s_now)).Message,
            StringComparison.Ordinal
        );
        File.Delete(certificate);
        Assert.Contains(
            "'agora cluster keys' makes what is missing",
            Assert.Throws<FixableException>(() => _secrets.Of(process, s_now)).Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("products-4.key", "garbled", "products-4.key: holds no key in PEM")]
    [InlineData("products-4.key", "another curve", "products-4.key: holds no key in PEM")]
    [InlineData("products-4.key", "empty", "products-4.key: holds no key in PEM")]
    [InlineData("products-4.key", "missing", "products-4.key: is missing")]
    [InlineData("products-4.key", "a directory", "products-4.key: is a directory where a file belongs")]
    [InlineData("products-4.crt", "garbled", "products-4.crt: holds no certificate in PEM")]
    [InlineData("products-4.crt", "empty", "products-4.crt: holds no certificate in PEM")]
    [InlineData("authority.crt", "garbled", "authority.crt: holds no certificate in PEM")]
    [InlineData("authority.crt", "empty", "authority.crt: holds no certificate in PEM")]
    [InlineData("authority.crt", "missing", "authority.crt: is missing")]
    public async Task A_file_that_cannot_be_used_is_named_with_the_problem_and_the_fix(
        string name,
        string how,
        string problem
    )
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken);
        var file = Path.Combine(_secrets.Directory, name);
        var before = File.ReadAllText(file);
        File.Delete(file);
        switch (how)
        {
            case "garbled":
                // The change is inside the base64, so that the file still looks like PEM.
                File.WriteAllText(
                    file,
                    before.Replace(before.Split('\n')[1][20..40], "AAAAAAAAAAAAAAAAAAAA", StringComparison.Ordinal)
                );
                break;
            case "another curve":
                // The curve is encoded as its object identifier, 1.2.840.10045.3.1.7; the new one does not exist.
                var key = Convert.FromBase64String(
                    string.Concat(before.Split('\n').Where(line => !line.StartsWith('-')))
                );
                byte[] curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
                key[key.AsSpan().IndexOf(curve) + 5] = 0x43;
                File.WriteAllText(
                    file,
                    $"-----BEGIN PRIVATE KEY-----\n{Convert.ToBase64String(key)}\n-----END PRIVATE KEY-----\n"
                );
                break;
            case "empty":
                File.WriteAllText(file, "");
                break;
            case "a directory":
                Directory.CreateDirectory(file);
                break;
        }

        var message = Assert
            .Throws<FixableException>(() => _secrets.Of(ClusterFile.Default.Processes()[^1], s_now))
            .Message;

        Assert.StartsWith(Path.Combine(_secrets.Directory, problem), message, StringComparison.Ordinal);
        Assert.Matches(
            name == "authority.crt"
                ? "Copy it from another host"
                : "Put it back from a copy; or remove .*products-4.crt and .*products-4.key",
            message
        );
    }

    private string In(string name) => Path.Combine(_directory, name);
}
