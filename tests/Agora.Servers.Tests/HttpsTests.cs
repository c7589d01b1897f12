using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Agora.Client;
using Agora.Cluster;
using Agora.Contracts.Payments;
using Agora.Rest;
using Agora.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

/// <summary>
/// HTTPS for users, if the cluster file names a certificate; and for the payment service, if card numbers cross a
/// network.
/// </summary>
public sealed class HttpsTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("agora-https-tests-");
    private ClusterSecrets _secrets = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _secrets = new ClusterSecrets(Path.Combine(_directory.FullName, "secrets"));
        await _secrets.MakeAsync(ClusterFile.Default, TimeProvider.System.GetUtcNow(), renew: false, Cancellation);
    }

    public ValueTask DisposeAsync()
    {
        _directory.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task The_payment_service_over_https_serves_buyer_servers_and_operators_and_nobody_else()
    {
        var cluster = new ClusterFile
        {
            Payments = new()
            {
                Replicas = [new()],
                ApprovalProbability = 1,
                Https = true,
            },
        };
        await using var app = Agora.Payments.PaymentsHost.Build(
            InProcessMarketplace.Builder(),
            cluster,
            0,
            Path.Combine(_directory.FullName, "payments"),
            Identity("payments/0")
        );
        await app.StartAsync(Cancellation);
        cluster = cluster with
        {
            Payments = cluster.Payments with { Replicas = [new() { Port = new Uri(app.Urls.Single()).Port }] },
        };

        var service = PaymentsClient.Connect(
            cluster.Payments,
            new ServerSettings { PaymentTimeout = TimeSpan.FromMinutes(1) },
            Identity("buyer-server/2"),
            merchant: null
        );
        Assert.Equal(
            TransactionState.Approved,
            await service.ChargeAsync("t", "Bea", FakePayments.GoodCard, "12/39", "123", 100)
        );
        Assert.Null(
            await ReadinessPart
                .AnswerOf(cluster.Payments, Identity("buyer-server/2"))
                .MissingAsync(TimeSpan.FromMinutes(1))
        );
        Assert.NotNull(
            await ReadinessPart
                .AnswerOf(cluster.Payments, Identity("seller-server/2"))
                .MissingAsync(TimeSpan.FromMinutes(1))
        );
        using var stranger = new HttpClient(
            new SocketsHttpHandler
            {
                UseProxy = false,
                SslOptions = new SslClientAuthenticationOptions
                {
                    RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
                },
            }
        );
        await Assert.ThrowsAsync<HttpRequestException>(() =>
            stranger.GetAsync(PaymentsClient.Endpoint(cluster.Payments), Cancellation)
        );
        using var operators = new HttpClient(
            new SocketsHttpHandler
            {
                UseProxy = false,
                SslOptions = Identity(ClusterSecrets.Operator).ClientOptions(Components.Payments, 0),
            }
        );
        // The certificate allows what needs the secret over plain HTTP.
        Assert.Equal(TransactionState.Cancelled, await service.CancelAsync("t"));
        Assert.Equal(
            "[]",
            await operators.GetStringAsync(
                new Uri(PaymentsClient.Endpoint(cluster.Payments), "/audit/approved"),
                Cancellation
            )
        );
        Assert.Contains(
            "https://",
            await operators.GetStringAsync(new Uri(PaymentsClient.Endpoint(cluster.Payments), "?wsdl"), Cancellation),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("127.0.0.1", null, false)]
    [InlineData("localhost", null, false)]
    [InlineData("::1", null, false)]
    [InlineData("10.0.0.7", null, true)]
    [InlineData("shop-2", null, true)]
    [InlineData("10.0.0.7", false, false)]
    [InlineData("127.0.0.1", true, true)]
    public void Card_numbers_cross_a_network_only_over_https_unless_the_cluster_file_says_otherwise(
        string host,
        bool? said,
        bool https
    ) => Assert.Equal(https, new PaymentsGroup { Replicas = [new() { Host = host }], Https = said }.UsesHttps);

    [Fact]
    public async Task Users_are_served_over_https_and_trust_only_the_authority_that_they_know()
    {
        var authority = Certificate("a private authority", issuer: null, "authority");
        Certificate("shop", authority, "shop");
        Certificate("somebody else", issuer: null, "stranger");
        var cluster = ClusterFile.Default with
        {
            SellerServers = new() { Replicas = [new()] },
            Https = new() { Certificate = InDirectory("shop.crt"), Key = InDirectory("shop.key") },
        };
        await using var app = SellerServer.Build(
            InProcessMarketplace.Builder(),
            cluster,
            0,
            new ServerSettings { CallDeadline = TimeSpan.FromMilliseconds(100) }
        );
        await app.StartAsync(Cancellation);
        Uri address = new(app.Urls.Single());
        Assert.Equal(Uri.UriSchemeHttps, address.Scheme);

        using SellerClient knows = new(
            [address],
            new ReplicaOptions
            {
                Authority = InDirectory("authority.crt"),
                Deadline = TimeSpan.FromMinutes(1),
                AttemptTimeout = TimeSpan.FromMinutes(1),
            }
        );
        using SellerClient knowsNobody = new([address], new ReplicaOptions { Deadline = TimeSpan.FromSeconds(1) });
        using SellerClient knowsAnother = new(
            [address],
            new ReplicaOptions { Authority = InDirectory("stranger.crt"), Deadline = TimeSpan.FromSeconds(1) }
        );
        Assert.Equal((401, ErrorCodes.NotLoggedIn), await RefusalAsync(knows));
        Assert.Equal((0, ErrorCodes.Unavailable), await RefusalAsync(knowsNobody));
        Assert.Equal((0, ErrorCodes.Unavailable), await RefusalAsync(knowsAnother));
    }

    [Fact]
    public void A_renewed_certificate_for_users_is_taken_up_and_one_that_ends_soon_is_warned_of_every_day()
    {
        var authority = Certificate("a private authority", issuer: null, "authority");
        Certificate("shop", authority, "shop");
        // It is valid for ten days from yesterday on, and its last third begins in less than six days.
        FakeTimeProvider time = new(TimeProvider.System.GetUtcNow());
        RecordedLog log = new();
        UsersCertificate users = new(
            new() { Certificate = InDirectory("shop.crt"), Key = InDirectory("shop.key") },
            time
        );
        var first = users.Options(log).ServerCertificateContext!.TargetCertificate.Thumbprint;
        users.WarnIfItEndsSoon(log);
        Assert.Empty(log.Texts);

        time.Advance(TimeSpan.FromDays(6.5));
        users.Options(log);
        Assert.Contains("expires on", Assert.Single(log.Texts), StringComparison.Ordinal);
        time.Advance(TimeSpan.FromHours(2));
        users.Options(log);
        Assert.Single(log.Texts);
        time.Advance(TimeSpan.FromHours(23));
        users.Options(log);
        Assert.Equal(2, log.Texts.Count);

        // First only the certificate is new, then the key too.
        var oldKey = File.ReadAllText(InDirectory("shop.key"));
        Certificate("shop", authority, "shop");
        var newKey = File.ReadAllText(InDirectory("shop.key"));
        File.WriteAllText(InDirectory("shop.key"), oldKey);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(first, users.Options(log).ServerCertificateContext!.TargetCertificate.Thumbprint);
        File.WriteAllText(InDirectory("shop.key"), newKey);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.NotEqual(first, users.Options(log).ServerCertificateContext!.TargetCertificate.Thumbprint);
    }

    [Fact]
    public void A_certificate_for_users_that_cannot_be_used_is_told_with_its_file()
    {
        var cluster = ClusterFile.Default with
        {
            Https = new() { Certificate = InDirectory("no.crt"), Key = InDirectory("no.key") },
        };

        var e = Assert.Throws<FixableException>(() =>
            SellerServer.Build(InProcessMarketplace.Builder(), cluster, 0, new ServerSettings())
        );

        Assert.Contains(InDirectory("no.crt"), e.Message, StringComparison.Ordinal);
    }

    private static async Task<(int, string)> RefusalAsync(SellerClient client)
    {
        var refusal = await Assert.ThrowsAsync<AgoraException>(() =>
            client.DisplayItemsForSaleAsync(cancellationToken: Cancellation)
        );
        return (refusal.Status, refusal.Code);
    }

    private string InDirectory(string file) => Path.Combine(_directory.FullName, file);

    private ComponentIdentity Identity(string name)
    {
        var now = TimeProvider.System.GetUtcNow();
        return name == ClusterSecrets.Operator
            ? _secrets.OfOperator(now)!
            : _secrets.Of(ClusterFile.Default.Processes().Single(p => p.Name == name), now);
    }

    /// <summary>Writes a certificate for 127.0.0.1 to files; self-signed without an issuer.</summary>
    private X509Certificate2 Certificate(string name, X509Certificate2? issuer, string file)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(issuer is null, false, 0, true));
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset from = DateTimeOffset.UtcNow.AddDays(-1),
            to = issuer?.NotAfter ?? from.AddDays(10);
        var certificate = issuer is null
            ? request.CreateSelfSigned(from, to)
            : request.Create(issuer, from, to, [1, 2, 3]);
        File.WriteAllText(InDirectory(file + ".crt"), certificate.ExportCertificatePem());
        File.WriteAllText(InDirectory(file + ".key"), key.ExportPkcs8PrivateKeyPem());
        return certificate;
    }
}
