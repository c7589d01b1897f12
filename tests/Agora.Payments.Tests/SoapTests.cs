using System.Net;
using System.ServiceModel;
using System.Text;
using System.Xml.Linq;
using Agora.Contracts.Cluster;
using Agora.Contracts.Payments;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Payments.Tests;

public sealed class SoapTests : IAsyncLifetime
{
    private const string Number = "4111111111111111";
    private static readonly XNamespace _soap = "http://schemas.xmlsoap.org/soap/envelope/";
    private static readonly XNamespace _ours = Namespaces.FinancialTransactions;

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-payments-").FullName;
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 7, 2, 0, 0, 0, TimeSpan.Zero));
    private readonly HttpClient _http = new();
    private WebApplication _app = null!;
    private Uri _address = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(_clock);
        var cluster = new ClusterFile { Payments = new() { Replicas = [new() { Port = 0 }], Seed = 1, ApprovalProbability = 1 } };
        _app = PaymentsHost.Build(builder, cluster, 0, _directory);
        await _app.StartAsync(TestContext.Current.CancellationToken);
        _address = new Uri(_app.Urls.Single() + "/FinancialTransactions");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_client_of_System_ServiceModel_charges_finds_and_voids()
    {
        var service = Connect();
        Assert.Equal(TransactionState.Unknown, await service.FindAsync("t"));
        Assert.Equal(TransactionState.Approved, await service.ChargeAsync("t", "Ann Ödegård <a&b>", Number, "12/30", "123", 1250));
        Assert.Equal(TransactionState.Approved, await service.FindAsync("t"));
        Assert.Equal(TransactionState.Voided, await service.VoidAsync("t"));
        Assert.Equal(TransactionState.Declined, await service.ChargeAsync("t", "Ann", Number, "12/30", "123", 1250));
    }

    /// <summary>Buyer servers let a hundred characters pass, and what they let pass is not to be malformed here.</summary>
    [Fact]
    public async Task A_name_of_a_hundred_characters_of_any_script_is_good() =>
        Assert.Equal(TransactionState.Approved, await Connect().ChargeAsync("t", string.Concat(Enumerable.Repeat("🙂", 100)), Number, "12/30", "123", 1));

    [Theory]
    [InlineData("", "Ann", Number, "12/30", "123", 1, "transactionId")]
    [InlineData("t", " ", Number, "12/30", "123", 1, "cardholderName")]
    [InlineData("t", "Ann", "4111111111111112", "12/30", "123", 1, "cardNumber")]
    [InlineData("t", "Ann", "41111111111", "12/30", "123", 1, "cardNumber")]
    [InlineData("t", "Ann", "4111 1111 1111 1111", "12/30", "123", 1, "cardNumber")]
    [InlineData("t", "Ann", null, "12/30", "123", 1, "cardNumber")]
    [InlineData("t", "Ann", Number, "06/26", "123", 1, "expirationDate")]
    [InlineData("t", "Ann", Number, "12/30", "12", 1, "securityCode")]
    [InlineData("t", "Ann", Number, "12/30", "12a", 1, "securityCode")]
    [InlineData("t", "Ann", Number, "12/30", "123", 0, "amountInCents")]
    public async Task What_is_malformed_is_a_fault_that_names_the_field_and_decides_nothing(
        string id, string name, string? number, string expiration, string code, long cents, string field)
    {
        var service = Connect();
        var fault = await Assert.ThrowsAsync<FaultException<CardFault>>(() => service.ChargeAsync(id, name, number!, expiration, code, cents));
        Assert.Equal(field, fault.Detail.Field);
        Assert.Contains(fault.Detail.Reason, fault.Message, StringComparison.Ordinal);
        if (id.Length > 0)
        {
            Assert.Equal(TransactionState.Unknown, await service.FindAsync(id));
        }
    }

    [Fact]
    public async Task A_repeat_gets_its_first_answer_though_the_card_has_expired_meanwhile()
    {
        var service = Connect();
        Assert.Equal(TransactionState.Approved, await service.ChargeAsync("t", "Ann", Number, "07/26", "123", 1));
        _clock.Advance(TimeSpan.FromDays(40));
        Assert.Equal(TransactionState.Approved, await service.ChargeAsync("t", "Ann", Number, "07/26", "123", 1));
        await Assert.ThrowsAsync<FaultException<CardFault>>(() => service.ChargeAsync("u", "Ann", Number, "07/26", "123", 1));
    }

    [Fact]
    public async Task No_detail_of_a_card_is_kept()
    {
        await Connect().ChargeAsync("the-transaction", "Annabella", Number, "12/30", "1234", 1);
        var kept = string.Concat(Directory.GetFiles(_directory).Select(file => Encoding.Latin1.GetString(ReadShared(file))));
        Assert.Contains("the-transaction", kept, StringComparison.Ordinal);
        Assert.DoesNotContain("Annabella", kept, StringComparison.Ordinal);
        Assert.DoesNotContain(Number, kept, StringComparison.Ordinal);
        Assert.DoesNotContain("12/30", kept, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text/xml", "utf-8")]
    [InlineData("text/xml; charset=\"utf-8\"", "utf-8")]
    [InlineData("text/xml; charset=utf-16", "utf-16")]
    [InlineData("text/xml; charset=iso-8859-1", "iso-8859-1")]
    public async Task A_hand_written_envelope_is_answered_in_kind(string contentType, string encoding)
    {
        var body = """
            <?xml version="1.0"?>
            <soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:f="urn:agora:financial-transactions">
              <soapenv:Header/>
              <soapenv:Body>
                <f:Charge>
                  <f:transactionId>raw</f:transactionId>
                  <f:cardholderName>Åse</f:cardholderName>
                  <f:cardNumber>4111111111111111</f:cardNumber>
                  <f:expirationDate>12/30</f:expirationDate>
                  <f:securityCode>123</f:securityCode>
                  <f:amountInCents>1250</f:amountInCents>
                </f:Charge>
              </soapenv:Body>
            </soapenv:Envelope>
            """;
        var (status, answer) = await PostAsync(body, contentType, Encoding.GetEncoding(encoding));
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("Approved", answer.Root!.Element(_soap + "Body")!.Element(_ours + "ChargeResponse")!.Element(_ours + "ChargeResult")!.Value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not xml")]
    [InlineData("<a>")]
    [InlineData("""<!DOCTYPE a [<!ENTITY x "t">]><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Find xmlns="urn:agora:financial-transactions"><transactionId>&x;</transactionId></Find></s:Body></s:Envelope>""")]
    [InlineData("""<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>""")]
    [InlineData("""<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Refund xmlns="urn:agora:financial-transactions"/></s:Body></s:Envelope>""")]
    [InlineData("""<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Charge xmlns="urn:agora:financial-transactions"><transactionId>t</transactionId><amountInCents>x</amountInCents></Charge></s:Body></s:Envelope>""")]
    [InlineData("""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><Find xmlns="urn:agora:financial-transactions"><transactionId>t</transactionId></Find></s:Body></s:Envelope>""")]
    public async Task What_is_not_an_operation_in_SOAP_is_the_clients_fault_and_shows_nothing_from_inside(string body)
    {
        var (status, answer) = await PostAsync(body, "text/xml", Encoding.UTF8);
        Assert.Contains(status, new[] { HttpStatusCode.BadRequest, HttpStatusCode.InternalServerError });
        var fault = answer.Root!.Element(_soap + "Body")!.Element(_soap + "Fault")!;
        Assert.Equal("s:Client", fault.Element("faultcode")!.Value);
        Assert.StartsWith("The request is not", fault.Element("faultstring")!.Value, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", answer.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/Find?transactionId=t", null, HttpStatusCode.NotFound)]
    [InlineData("POST", "/Find", "application/x-www-form-urlencoded", HttpStatusCode.NotFound)]
    [InlineData("GET", "", null, HttpStatusCode.NotFound)]
    [InlineData("PUT", "", "text/xml", HttpStatusCode.MethodNotAllowed)]
    [InlineData("POST", "", "application/json", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "", "text/xml; charset=nonsense", HttpStatusCode.UnsupportedMediaType)]
    public async Task Nothing_but_SOAP_and_its_description_is_served(string method, string rest, string? contentType, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), _address + rest);
        if (contentType is not null)
        {
            request.Content = new StringContent("transactionId=t");
            request.Content.Headers.Remove("Content-Type");
            request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }
        using var answer = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(expected, answer.StatusCode);
    }

    // An auditor needs the charges that stand, under whatever id; this caller is on the same host.
    [Fact]
    public async Task An_auditor_on_this_host_is_shown_what_is_charged_since_a_time()
    {
        var service = Connect();
        await service.ChargeAsync("early", "Ann", Number, "12/30", "123", 100);
        _clock.Advance(TimeSpan.FromMinutes(1));
        var since = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        await service.ChargeAsync("stands", "Ann", Number, "12/30", "123", 1250);
        await service.ChargeAsync("undone", "Ann", Number, "12/30", "123", 700);
        await service.VoidAsync("undone");

        async Task<string> ShownAsync(string query) =>
            await _http.GetStringAsync(new Uri(_address, "/audit/approved" + query), TestContext.Current.CancellationToken);
        Assert.Equal("""[{"id":"stands","amountInCents":1250}]""", await ShownAsync($"?since={since}"));
        Assert.Equal("""[{"id":"early","amountInCents":100},{"id":"stands","amountInCents":1250}]""", await ShownAsync(""));
        Assert.Equal("[]", await ShownAsync($"?since={long.MaxValue}"));
    }

    [Fact]
    public async Task A_request_that_is_too_large_is_refused()
    {
        var (status, _) = await PostAsync(new string(' ', SoapAdmission.LargestRequest + 1), "text/xml", Encoding.UTF8, readAnswer: false);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
    }

    [Fact]
    public async Task The_description_names_operations_types_fault_and_this_address()
    {
        XNamespace wsdl = "http://schemas.xmlsoap.org/wsdl/", http = "http://schemas.xmlsoap.org/wsdl/soap/", xsd = "http://www.w3.org/2001/XMLSchema";
        var description = XDocument.Parse(await _http.GetStringAsync(_address + "?wsdl", TestContext.Current.CancellationToken));

        Assert.Equal(["Charge", "Find", "Void"], description.Descendants(wsdl + "portType").Elements(wsdl + "operation").Select(o => o.Attribute("name")!.Value));
        Assert.Equal(_address.ToString(), description.Descendants(http + "address").Single().Attribute("location")!.Value);
        Assert.Equal("document", description.Descendants(http + "operation").Select(o => o.Attribute("style")!.Value).Distinct().Single());
        Assert.Equal(
            ["transactionId", "cardholderName", "cardNumber", "expirationDate", "securityCode", "amountInCents"],
            description.Descendants(xsd + "element").Single(e => e.Attribute("name")!.Value == "Charge").Descendants(xsd + "element").Select(e => e.Attribute("name")!.Value));
        // Every type that is referred to is defined in the one schema.
        var defined = description.Descendants(xsd + "schema").Single().Elements().Select(e => "tns:" + e.Attribute("name")!.Value).ToHashSet();
        Assert.All(
            description.Descendants(xsd + "element").Select(e => e.Attribute("type")?.Value).Where(t => t is not null && !t.StartsWith("xsd:", StringComparison.Ordinal)),
            type => Assert.Contains(type!, defined));
        Assert.Equal("tns:CardFault", description.Descendants(wsdl + "part").Single(p => p.Attribute("name")!.Value == "detail").Attribute("element")!.Value);
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task It_says_that_it_is_well(string path) =>
        Assert.Equal(HttpStatusCode.OK, (await _http.GetAsync(new Uri(_address, path), TestContext.Current.CancellationToken)).StatusCode);

    private IFinancialTransactions Connect() =>
        new ChannelFactory<IFinancialTransactions>(new BasicHttpBinding(), new EndpointAddress(_address)).CreateChannel();

    private async Task<(HttpStatusCode, XDocument)> PostAsync(string body, string contentType, Encoding encoding, bool readAnswer = true)
    {
        using var content = new ByteArrayContent(encoding.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        content.Headers.TryAddWithoutValidation("SOAPAction", "\"\"");
        using var answer = await _http.PostAsync(_address, content, TestContext.Current.CancellationToken);
        return (answer.StatusCode, readAnswer ? XDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)) : new XDocument());
    }

    private static byte[] ReadShared(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
