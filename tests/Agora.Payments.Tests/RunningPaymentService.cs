using System.Net;
using System.Net.Sockets;
using System.ServiceModel;
using System.Text;
using System.Xml.Linq;
using Agora.Cluster;
using Agora.Contracts.Payments;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Payments.Tests;

/// <summary>A running payment service that approves every charge, and ways to call it.</summary>
public abstract class RunningPaymentService : IAsyncLifetime
{
    protected const string Number = "4111111111111111";
    protected const string Soap = "http://schemas.xmlsoap.org/soap/envelope/";
    protected const string EnvelopeStart = $"<s:Envelope xmlns:s='{Soap}'>";

    protected static XNamespace SoapNamespace { get; } = Soap;

    protected static XNamespace OurNamespace { get; } = SoapNamespaces.FinancialTransactions;

    protected string DataDirectory { get; } = Directory.CreateTempSubdirectory("agora-payments-").FullName;

    protected FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 7, 2, 0, 0, 0, TimeSpan.Zero));

    protected HttpClient Http { get; } = new();

    protected MerchantSecret Merchant { get; private set; } = null!;

    protected WebApplication App { get; private set; } = null!;

    protected Uri Address { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(Clock);
        var secret = Path.Combine(DataDirectory, "payments.secret");
        await File.WriteAllTextAsync(
            secret,
            "0123456789abcdef0123456789abcdef\n",
            TestContext.Current.CancellationToken
        );
        builder.Configuration[MerchantSecret.FileSetting] = secret;
        var cluster = new ClusterFile
        {
            Payments = new()
            {
                Replicas = [new() { Port = 0 }],
                Seed = 1,
                ApprovalProbability = 1,
            },
        };
        App = PaymentsHost.Build(builder, cluster, 0, DataDirectory);
        Merchant = MerchantSecret.For(cluster.Payments, secret)!;
        await App.StartAsync(TestContext.Current.CancellationToken);
        Address = new Uri(App.Urls.Single() + "/FinancialTransactions");
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await App.DisposeAsync();
        Directory.Delete(DataDirectory, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected const string FindT =
        EnvelopeStart
        + "<s:Body><Find xmlns='urn:agora:financial-transactions'><transactionId>t</transactionId></Find></s:Body>"
        + "</s:Envelope>";

    protected async Task<string> RawAsync(string request)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, Address.Port, TestContext.Current.CancellationToken);
        await using var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    protected static string Envelope(string body) => $"{EnvelopeStart}<s:Body>{body}</s:Body></s:Envelope>";

    protected static string Operation(string name) =>
        $"<{name} xmlns='urn:agora:financial-transactions'><transactionId>t</transactionId></{name}>";

    protected static string Charge(string id) =>
        $"""
            <Charge xmlns='urn:agora:financial-transactions'>
            <transactionId>{id}</transactionId><cardholderName>Ann</cardholderName>
            <cardNumber>{Number}</cardNumber><expirationDate>12/30</expirationDate><securityCode>123</securityCode>
            <amountInCents>100</amountInCents></Charge>
            """;

    protected static byte[] Wrapped(string begin, string hex) =>
        [
            .. Encoding.ASCII.GetBytes($"<s:Envelope xmlns:s='{Soap}'><s:Body>{begin}"),
            .. Convert.FromHexString(hex),
            .. "</transactionId></Find></s:Body></s:Envelope>"u8,
        ];

    /// <summary>The fault's code, which must be of SOAP 1.1's namespace; null if there is no fault.</summary>
    protected static string? Code(XDocument answer)
    {
        if (
            answer.Root!.Element(SoapNamespace + "Body")!.Element(SoapNamespace + "Fault")?.Element("faultcode")
            is not { } code
        )
        {
            return null;
        }

        Assert.Equal(SoapNamespace, code.GetNamespaceOfPrefix(code.Value.Split(':')[0]));
        return code.Value.Split(':')[1];
    }

    protected async Task<HttpResponseMessage> AuditAsync(string? authorization, string query = "")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Address, "/audit/approved" + query));
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        return await Http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    protected async Task<TransactionState> CancelAsync(string id)
    {
        var (_, answer) = await PostAsync(
            Encoding.UTF8.GetBytes(Envelope(Operation("Cancel").Replace(">t<", $">{id}<", StringComparison.Ordinal))),
            "text/xml",
            authorization: Merchant.Header.ToString()
        );
        return Enum.Parse<TransactionState>(answer.Descendants(OurNamespace + "CancelResult").Single().Value);
    }

    protected IFinancialTransactions Connect() =>
        new ChannelFactory<IFinancialTransactions>(
            new BasicHttpBinding(),
            new EndpointAddress(Address)
        ).CreateChannel();

    protected Task<(HttpStatusCode, XDocument)> PostAsync(
        string body,
        string contentType,
        Encoding encoding,
        bool readAnswer = true
    ) => PostAsync(encoding.GetBytes(body), contentType, "\"\"", readAnswer: readAnswer);

    protected async Task<(HttpStatusCode, XDocument)> PostAsync(
        byte[] body,
        string contentType,
        string? action = null,
        string? authorization = null,
        bool readAnswer = true
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Address) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        request.Headers.TryAddWithoutValidation("SOAPAction", action);
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await Http.SendAsync(request, TestContext.Current.CancellationToken);
        return (
            answer.StatusCode,
            readAnswer
                ? XDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))
                : new XDocument()
        );
    }
}
