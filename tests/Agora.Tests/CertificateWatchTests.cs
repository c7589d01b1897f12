using System.Security.Cryptography.X509Certificates;
using Agora.Cluster;
using Agora.Launcher;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Tests;

public sealed class CertificateWatchTests : IDisposable
{
    private static readonly DateTimeOffset s_now = DateTimeOffset.UtcNow;

    private readonly Scratch _scratch = new();
    private readonly ClusterSecrets _secrets;

    public CertificateWatchTests() => _secrets = new ClusterSecrets(_scratch["secrets"]);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_renewed_certificate_is_used_and_one_that_is_half_written_is_not()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now.AddDays(-1080), renew: false, CancellationToken);
        var process = ClusterFile.Default.Processes()[^1];
        string certificate = Path.Combine(_secrets.Directory, "products-4.crt"),
            key = Path.Combine(_secrets.Directory, "products-4.key");
        using var identity = _secrets.Of(process, s_now);
        var port = identity.ServerOptions(protocol: null, Components.Products);
        var towards = identity.ClientOptions(Components.Products, 0);
        X509Certificate2 Shown() =>
            (X509Certificate2)towards.LocalCertificateSelectionCallback!(this, "", [], null, [])!;
        var before = Shown().Thumbprint;
        List<string> said = [];
        FakeTimeProvider time = new(s_now);
        using CertificateWatch watch = new(identity, time, said.Add);
        Assert.Contains("expires on", Assert.Single(said), StringComparison.Ordinal);
        Assert.Equal(before, port.ServerCertificateContext!.TargetCertificate.Thumbprint);

        // The key is new too, but so far only the certificate has been copied.
        var oldKey = File.ReadAllText(key);
        File.Delete(key);
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: true, CancellationToken);
        var newKey = File.ReadAllText(key);
        File.WriteAllText(key, oldKey);
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Contains("is not used", said[^1], StringComparison.Ordinal);
        Assert.Equal(2, said.Count);
        Assert.Equal(before, Shown().Thumbprint);

        File.WriteAllText(key, newKey);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Contains("in use for new connections", said[^1], StringComparison.Ordinal);
        using var renewed = X509CertificateLoader.LoadCertificateFromFile(certificate);
        Assert.Equal(renewed.Thumbprint, Shown().Thumbprint);
        Assert.Equal(renewed.Thumbprint, port.ServerCertificateContext!.TargetCertificate.Thumbprint);
        Assert.Null(identity.Warning(s_now));
    }

    [Fact]
    public async Task A_certificate_that_expires_soon_causes_a_warning_every_day()
    {
        await _secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken);
        DateTimeOffset end = X509CertificateLoader
            .LoadCertificateFromFile(Path.Combine(_secrets.Directory, "products-4.crt"))
            .NotAfter;
        FakeTimeProvider time = new(end.AddDays(-32));
        using var identity = _secrets.Of(ClusterFile.Default.Processes()[^1], time.GetUtcNow());
        List<string> said = [];
        using CertificateWatch watch = new(identity, time, said.Add);

        Assert.Empty(said);
        for (var hour = 0; hour < 12 * 24; hour++)
        {
            time.Advance(TimeSpan.FromHours(1));
        }

        Assert.Equal(10, said.Count);
    }
}
