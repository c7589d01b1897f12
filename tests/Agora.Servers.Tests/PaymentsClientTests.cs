using System.Net.Sockets;
using System.ServiceModel;
using Agora.Cluster;
using Agora.Contracts.Payments;
using Agora.Payments;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

/// <summary>The servers' side of SOAP, against the real payment service.</summary>
public sealed class PaymentsClientTests : IAsyncLifetime
{
    private static readonly Card s_card = new("Bea", FakePayments.GoodCard, "12/99", "123");

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("agora-servers-tests-");
    private WebApplication? _service;
    private int _port;
    private PaymentsClient _payments = null!;
    private PaymentsClient _stranger = null!;

    private string SecretFile => Path.Combine(_directory.FullName, "payments.secret");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(SecretFile, "known-to-payments-and-buyer-servers", Cancellation);
        await StartAsync();
        var settings = new ServerSettings();
        var group = new PaymentsGroup { Replicas = [new ServerAddress { Port = _port }] };
        _payments = new PaymentsClient(
            PaymentsClient.Connect(group, settings, identity: null, MerchantSecret.For(group, SecretFile)),
            TimeProvider.System
        );
        _stranger = new PaymentsClient(
            PaymentsClient.Connect(group, settings, identity: null, merchant: null),
            TimeProvider.System
        );
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task A_charge_is_found_and_cancelled_and_then_refused_for_ever()
    {
        Assert.Equal(TransactionState.Unknown, await _payments.FindAsync("t", Cancellation));
        Assert.Equal(TransactionState.Approved, await _payments.ChargeAsync("t", s_card, 100, Cancellation));
        Assert.Equal(TransactionState.Approved, await _payments.FindAsync("t", Cancellation));
        Assert.Equal(TransactionState.Cancelled, await _payments.CancelAsync("t", Cancellation));
        Assert.NotEqual(TransactionState.Approved, await _payments.ChargeAsync("t", s_card, 100, Cancellation));
    }

    [Fact]
    public async Task A_charge_is_cancelled_for_nobody_without_the_merchants_secret()
    {
        Assert.Equal(TransactionState.Approved, await _stranger.ChargeAsync("t", s_card, 100, Cancellation));
        await Assert.ThrowsAsync<UnavailableException>(() => _stranger.CancelAsync("t", Cancellation));
        Assert.Equal(TransactionState.Approved, await _stranger.FindAsync("t", Cancellation));
    }

    [Fact]
    public async Task A_malformed_card_is_a_fault_that_names_the_field()
    {
        var malformed = s_card with { SecurityCode = "1" };
        var fault = await Assert.ThrowsAsync<FaultException<CardFault>>(() =>
            _payments.ChargeAsync("t", malformed, 100, Cancellation)
        );
        Assert.Equal("securityCode", fault.Detail.Field);
        Assert.DoesNotContain(s_card.CardNumber, s_card.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_channel_outlives_the_service()
    {
        await _payments.ChargeAsync("t", s_card, 100, Cancellation);
        await StopAsync();
        await Assert.ThrowsAsync<UnavailableException>(() => _payments.FindAsync("t", Cancellation));
        await StartAsync();
        Assert.Equal(TransactionState.Approved, await _payments.FindAsync("t", Cancellation));
    }

    // Chaos runs showed it: the connection to a service that was just killed is reset between connecting and its first
    // use.
    [Fact]
    public async Task A_connection_that_is_reset_as_soon_as_it_is_made_is_made_again()
    {
        var payments = new PaymentsClient(new ResetOncePayments(), TimeProvider.System);
        Assert.Equal(TransactionState.Approved, await payments.FindAsync("t", Cancellation));
    }

    private sealed class ResetOncePayments : IFinancialTransactions
    {
        private int _calls;

        public Task<TransactionState> ChargeAsync(
            string transactionId,
            string cardholderName,
            string cardNumber,
            string expirationDate,
            string securityCode,
            long amountInCents
        ) => FindAsync(transactionId);

        public Task<TransactionState> FindAsync(string transactionId) =>
            _calls++ == 0
                ? Task.FromException<TransactionState>(new SocketException((int)SocketError.NotConnected))
                : Task.FromResult(TransactionState.Approved);

        public Task<TransactionState> CancelAsync(string transactionId) => FindAsync(transactionId);
    }

    [Fact]
    public async Task A_deadline_ends_the_waiting()
    {
        using var deadline = new CancellationTokenSource();
        await deadline.CancelAsync();
        await Assert.ThrowsAsync<UnavailableException>(() => _payments.FindAsync("t", deadline.Token));
    }

    /// <summary>The server checks a card as the service does, so that no purchase begins in vain.</summary>
    [Theory]
    [InlineData("2026-01-31T23:59:59Z", "01/26", true)]
    [InlineData("2026-02-01T11:00:00Z", "01/26", true)]
    [InlineData("2026-02-01T13:00:00Z", "01/26", false)]
    [InlineData("2026-02-01T13:00:00Z", "02/26", true)]
    public async Task A_card_is_good_to_the_end_of_its_month_everywhere(string now, string expirationDate, bool good)
    {
        var http = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        http.Request.ContentType = "application/json";
        http.Request.Body = new MemoryStream(
            System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(
                new
                {
                    cardholderName = "Bea",
                    cardNumber = FakePayments.GoodCard,
                    expirationDate,
                    securityCode = "123",
                }
            )
        );
        var fields = await RequestFields.OfBodyAsync(http.Request, Cancellation);
        Card.Read(
            fields,
            new FakeTimeProvider(DateTimeOffset.Parse(now, System.Globalization.CultureInfo.InvariantCulture))
        );
        Assert.Equal(good, fields.Refusal is null);
    }

    private async Task StartAsync()
    {
        var cluster = new ClusterFile
        {
            Payments = new() { Replicas = [new() { Port = _port }], ApprovalProbability = 1 },
        };
        var builder = InProcessMarketplace.Builder();
        builder.Configuration[MerchantSecret.FileSetting] = SecretFile;
        _service = PaymentsHost.Build(builder, cluster, 0, _directory.FullName);
        await _service.StartAsync(Cancellation);
        _port = new Uri(_service.Urls.Single()).Port;
    }

    private async Task StopAsync()
    {
        await _service!.StopAsync(CancellationToken.None);
        await _service.DisposeAsync();
    }
}
