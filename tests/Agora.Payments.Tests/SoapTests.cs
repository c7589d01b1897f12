using System.Net;
using System.Net.Sockets;
using System.ServiceModel;
using System.Text;
using System.Xml.Linq;
using System.Xml.Schema;
using Agora.Contracts.Cluster;
using Agora.Contracts.Payments;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Payments.Tests;

public sealed class SoapTests : IAsyncLifetime
{
    private const string Number = "4111111111111111";
    private const string Soap = "http://schemas.xmlsoap.org/soap/envelope/";
    private static readonly XNamespace _soap = "http://schemas.xmlsoap.org/soap/envelope/";
    private static readonly XNamespace _ours = Namespaces.FinancialTransactions;

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-payments-").FullName;
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 7, 2, 0, 0, 0, TimeSpan.Zero));
    private readonly HttpClient _http = new();
    private MerchantSecret _merchant = null!;
    private WebApplication _app = null!;
    private Uri _address = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(_clock);
        var secret = Path.Combine(_directory, "payments.secret");
        await File.WriteAllTextAsync(secret, "0123456789abcdef0123456789abcdef\n", TestContext.Current.CancellationToken);
        builder.Configuration[MerchantSecret.FileSetting] = secret;
        var cluster = new ClusterFile { Payments = new() { Replicas = [new() { Port = 0 }], Seed = 1, ApprovalProbability = 1 } };
        _app = PaymentsHost.Build(builder, cluster, 0, _directory);
        _merchant = MerchantSecret.For(cluster.Payments, secret)!;
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
    public async Task A_client_of_System_ServiceModel_charges_finds_and_cancels()
    {
        var service = Connect();
        Assert.Equal(TransactionState.Unknown, await service.FindAsync("t"));
        Assert.Equal(TransactionState.Approved, await service.ChargeAsync("t", "Ann Ödegård <a&b>", Number, "12/30", "123", 1250));
        Assert.Equal(TransactionState.Approved, await service.FindAsync("t"));
        Assert.Equal(TransactionState.Cancelled, await CancelAsync("t"));
        Assert.Equal(TransactionState.Declined, await service.ChargeAsync("t", "Ann", Number, "12/30", "123", 1250));
    }

    [Fact]
    public async Task A_client_of_System_ServiceModel_may_speak_UTF_16()
    {
        var binding = new BasicHttpBinding { TextEncoding = Encoding.Unicode };
        var service = new ChannelFactory<IFinancialTransactions>(binding, new EndpointAddress(_address)).CreateChannel();
        Assert.Equal(TransactionState.Approved, await service.ChargeAsync("t", "Ann Ödegård", Number, "12/30", "123", 1250));
        Assert.Equal("transactionId", (await Assert.ThrowsAsync<FaultException<CardFault>>(() => service.FindAsync(" "))).Detail.Field);
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

    /// <summary>Of two different names none may become the other: what is not of the declared encoding is refused, never replaced.</summary>
    [Theory]
    [InlineData("text/xml; charset=utf-8", "", "FF")]
    [InlineData("text/xml", "", "FF")]
    [InlineData("text/xml", "", "C3")]
    [InlineData("text/xml", "<?xml version='1.0' encoding='us-ascii'?>", "EB")]
    [InlineData("text/xml", "<?xml version='1.0'\n\tencoding = \"us-ascii\" standalone='yes'?>", "C3AB")]
    [InlineData("text/xml; charset=us-ascii", "", "EB")]
    [InlineData("text/xml; charset=us-ascii", "<?xml version='1.0' encoding='utf-8'?>", "C3AB")]
    [InlineData("text/xml; charset=utf-8", "<?xml version='1.0' encoding='iso-8859-1'?>", "EB")]
    public async Task Bytes_that_are_not_of_the_declared_encoding_are_the_clients_fault(string contentType, string declaration, string hex)
    {
        byte[] body = [.. Encoding.ASCII.GetBytes(declaration), .. Wrapped("<Find xmlns=\"urn:agora:financial-transactions\"><transactionId>Zo", hex)];
        var (status, answer) = await PostAsync(body, contentType);
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
        Assert.Contains("encoding", answer.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text/xml; charset=utf-8", "FFFE", "utf-16", "")]
    [InlineData("text/xml; charset=iso-8859-1", "EFBBBF", "utf-8", "")]
    [InlineData("text/xml; charset=utf-16le", "FEFF", "utf-16BE", "")]
    [InlineData("text/xml", "EFBBBF", "utf-8", "<?xml version='1.0' encoding='iso-8859-1'?>")]
    [InlineData("text/xml", "FFFE", "utf-16", "<?xml version='1.0' encoding='utf-8'?>")]
    public async Task A_byte_order_mark_of_another_encoding_is_the_clients_fault(string contentType, string mark, string encoding, string declaration)
    {
        var (status, answer) = await PostAsync(
            [.. Convert.FromHexString(mark), .. Encoding.GetEncoding(encoding).GetBytes(declaration + FindT)], contentType);
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
    }

    [Theory]
    [InlineData("text/xml", "EFBBBF", "utf-8", "")]
    [InlineData("text/xml; charset=utf-8", "EFBBBF", "utf-8", "<?xml version='1.0' encoding='utf-8'?>")]
    [InlineData("text/xml", "FFFE", "utf-16", "")]
    [InlineData("text/xml; charset=utf-16", "FEFF", "utf-16BE", "<?xml version='1.0' encoding='utf-16'?>")]
    [InlineData("text/xml", "", "utf-16BE", "<?xml version='1.0' encoding='utf-16'?>")]
    [InlineData("text/xml", "", "utf-16", "<?xml version='1.0' encoding='UTF-16LE'?>")]
    [InlineData("text/xml; charset=utf-16be", "", "utf-16BE", "")]
    [InlineData("text/xml", "", "iso-8859-1", "<?xml version='1.0' encoding='ISO-8859-1'?>")]
    [InlineData("TEXT/XML; Charset=\"Latin1\"", "", "iso-8859-1", "<?xml version='1.0' encoding='utf-8'?>")]
    public async Task Every_encoding_that_is_read_means_the_same_name(string contentType, string mark, string encoding, string declaration)
    {
        await Connect().ChargeAsync("Zoë", "Ann", Number, "12/30", "123", 1);
        var body = Encoding.GetEncoding(encoding).GetBytes(declaration + FindT.Replace(">t<", ">Zoë<", StringComparison.Ordinal));
        var (status, answer) = await PostAsync([.. Convert.FromHexString(mark), .. body], contentType);
        Assert.Equal((HttpStatusCode.OK, "Approved"), (status, answer.Root!.Value));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not xml")]
    [InlineData("<a>")]
    [InlineData("<?xml version='1.1'?><a/>")]
    [InlineData("<a xmlns='http://schemas.xmlsoap.org/soap/envelope/'/>")]
    [InlineData("""<!DOCTYPE a [<!ENTITY x "t">]><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Find xmlns="urn:agora:financial-transactions"><transactionId>&x;</transactionId></Find></s:Body></s:Envelope>""")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'/>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header/></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{find}</s:Body><s:Header/></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header/><s:Header/><s:Body>{find}</s:Body></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{find}</s:Body><s:Body>{find}</s:Body></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{find}</s:Body><more xmlns='urn:x'/></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'>text<s:Body>{find}</s:Body></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>text{find}</s:Body></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><Body>{find}</Body></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{find}{find}</s:Body></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{find}</s:Body></s:Envelope><a/>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><Refund xmlns='urn:agora:financial-transactions'/></s:Body></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><Find xmlns='urn:agora'><transactionId>t</transactionId></Find></s:Body></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><Find><transactionId>t</transactionId></Find></s:Body></s:Envelope>")]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header><h s:mustUnderstand='2' xmlns='urn:x'/></s:Header><s:Body>{find}</s:Body></s:Envelope>")]
    public async Task What_is_not_an_operation_in_SOAP_is_the_clients_fault_and_shows_nothing_from_inside(string body)
    {
        var find = "<Find xmlns='urn:agora:financial-transactions'><transactionId>t</transactionId></Find>";
        var (status, answer) = await PostAsync(body.Replace("{find}", find, StringComparison.Ordinal), "text/xml", Encoding.UTF8);
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
        var fault = answer.Root!.Element(_soap + "Body")!.Element(_soap + "Fault")!;
        Assert.StartsWith("The request is not", fault.Element("faultstring")!.Value, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", answer.ToString(), StringComparison.Ordinal);
    }

    /// <summary>A field that is misspelt, given twice or in another namespace is never passed over.</summary>
    [Theory]
    [InlineData("<transactionID>t</transactionID>", null)]
    [InlineData("<transactionId xmlns=''>t</transactionId>", null)]
    [InlineData("<transactionId>t</transactionId><more/>", null)]
    [InlineData("t", null)]
    [InlineData("<transactionId>t</transactionId><transactionId>u</transactionId>", "transactionId")]
    [InlineData("<transactionId><b>t</b></transactionId>", "transactionId")]
    [InlineData("<transactionId i:nil='true' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'/>", "transactionId")]
    [InlineData("", "transactionId")]
    public async Task Parameters_that_are_not_those_of_the_description_are_the_clients_fault(string parameters, string? field)
    {
        var body = $"<s:Envelope xmlns:s='{Soap}'><s:Body><Find xmlns='urn:agora:financial-transactions'>{parameters}</Find></s:Body></s:Envelope>";
        var (status, answer) = await PostAsync(body, "text/xml", Encoding.UTF8);
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
        Assert.Equal(field, answer.Descendants(_ours + "Field").SingleOrDefault()?.Value);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1.5")]
    [InlineData("")]
    [InlineData("9223372036854775808")]
    public async Task An_amount_that_is_no_whole_number_is_a_fault_that_names_it(string amount)
    {
        var (status, answer) = await PostAsync(
            $"<s:Envelope xmlns:s='{Soap}'><s:Body>{Charge("t").Replace(">100<", $">{amount}<", StringComparison.Ordinal)}</s:Body></s:Envelope>",
            "text/xml", Encoding.UTF8);
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
        Assert.Equal("amountInCents", answer.Descendants(_ours + "Field").Single().Value);
        Assert.Equal(TransactionState.Unknown, await Connect().FindAsync("t"));
    }

    /// <summary>"If a SOAP node does not understand it, it MUST return a fault, and not process the message" (SOAP 1.1, 4.2.3).</summary>
    [Theory]
    [InlineData("<h:Security xmlns:h='urn:x' s:mustUnderstand='1'/>", true)]
    [InlineData("<h:Security xmlns:h='urn:x' s:mustUnderstand='true'/>", true)]
    [InlineData("<Security xmlns='urn:x' xmlns:z='http://schemas.xmlsoap.org/soap/envelope/' z:mustUnderstand=' 1 '/>", true)]
    [InlineData("<a xmlns='urn:x'/><b xmlns='urn:x' s:mustUnderstand='0'/><c xmlns='urn:x' s:mustUnderstand='1'/>", true)]
    [InlineData("<a xmlns='urn:x' s:mustUnderstand='1' s:actor='http://schemas.xmlsoap.org/soap/actor/next'/>", true)]
    [InlineData("<a xmlns='urn:x' s:mustUnderstand='1' s:actor=''/>", true)]
    [InlineData("<a xmlns='urn:x' s:mustUnderstand='1' s:actor='urn:somebody-else'/>", false)]
    [InlineData("<a xmlns='urn:x' s:mustUnderstand='0'/><b xmlns='urn:x' mustUnderstand='1'/><c xmlns='urn:x'><d s:mustUnderstand='1'/></c>", false)]
    public async Task A_header_that_must_be_understood_and_is_not_stops_everything(string headers, bool stops)
    {
        var (status, answer) = await PostAsync(
            $"<s:Envelope xmlns:s='{Soap}'><s:Header>{headers}</s:Header><s:Body>{Charge("t")}</s:Body></s:Envelope>", "text/xml", Encoding.UTF8);
        Assert.Equal(stops ? HttpStatusCode.InternalServerError : HttpStatusCode.OK, status);
        Assert.Equal(stops ? "MustUnderstand" : null, Code(answer));
        Assert.Equal(stops ? TransactionState.Unknown : TransactionState.Approved, await Connect().FindAsync("t"));
    }

    [Theory]
    [InlineData("text/xml", "http://www.w3.org/2003/05/soap-envelope")]
    [InlineData("text/xml", "http://www.w3.org/2001/12/soap-envelope")]
    [InlineData("text/xml", "")]
    [InlineData("application/soap+xml; charset=utf-8; action=\"x\"", "http://www.w3.org/2003/05/soap-envelope")]
    public async Task An_envelope_of_another_version_is_a_version_mismatch(string contentType, string version)
    {
        var (status, answer) = await PostAsync(FindT.Replace(Soap, version, StringComparison.Ordinal).Replace("s:", "", StringComparison.Ordinal)
            .Replace("xmlns:s", "xmlns", StringComparison.Ordinal), contentType, Encoding.UTF8);
        Assert.Equal((HttpStatusCode.InternalServerError, "VersionMismatch"), (status, Code(answer)));
    }

    [Theory]
    [InlineData("\"urn:agora:financial-transactions/FinancialTransactions/Find\"", true)]
    [InlineData("urn:agora:financial-transactions/FinancialTransactions/Find", true)]
    [InlineData("Find", true)]
    [InlineData(null, true)]
    [InlineData("\"urn:agora:financial-transactions/FinancialTransactions/Cancel\"", false)]
    [InlineData("nonsense", false)]
    public async Task A_SOAPAction_may_be_missing_but_not_name_another_operation(string? action, bool good)
    {
        var (status, answer) = await PostAsync(Encoding.UTF8.GetBytes(FindT), "text/xml", action);
        Assert.Equal(good ? HttpStatusCode.OK : HttpStatusCode.InternalServerError, status);
        Assert.Equal(good ? null : "Client", Code(answer));
    }

    [Theory]
    [InlineData("GET", "/Find?transactionId=t", null, HttpStatusCode.NotFound)]
    [InlineData("POST", "/Find", "application/x-www-form-urlencoded", HttpStatusCode.NotFound)]
    [InlineData("GET", "", null, HttpStatusCode.NotFound)]
    [InlineData("PUT", "", "text/xml", HttpStatusCode.MethodNotAllowed)]
    [InlineData("DELETE", "?wsdl", null, HttpStatusCode.MethodNotAllowed)]
    [InlineData("POST", "", null, HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "", "application/json", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "", "text/xml; charset=nonsense", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "", "text/xml; charset=utf-7", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "", "text/xml; charset=csUnicode11UTF7", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "", "text/xml; charset=utf-32", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "", "text/xml; charset=\"\"", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "", "text/xml; charset=utf-8; charset=utf-16", HttpStatusCode.UnsupportedMediaType)]
    public async Task Nothing_but_SOAP_and_its_description_is_served(string method, string rest, string? contentType, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), _address + rest);
        request.Content = new ByteArrayContent("transactionId=t"u8.ToArray());
        if (contentType is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }
        using var answer = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(expected, answer.StatusCode);
        Assert.Equal(expected == HttpStatusCode.MethodNotAllowed ? ["GET", "HEAD", "POST"] : [], answer.Content.Headers.Allow);
        Assert.Equal(expected != HttpStatusCode.NotFound || rest.Length == 0, (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Length > 0);
    }

    [Theory]
    [InlineData("<?xml version='1.0' encoding='utf-7'?>")]
    [InlineData("<?xml version='1.0' encoding='utf-32'?>")]
    [InlineData("<?xml version='1.0' encoding='nonsense'?>")]
    public async Task An_encoding_that_is_not_read_is_refused_also_where_only_the_XML_names_it(string declaration)
    {
        using var content = new ByteArrayContent(Encoding.ASCII.GetBytes(declaration + FindT));
        content.Headers.TryAddWithoutValidation("Content-Type", "text/xml");
        using var answer = await _http.PostAsync(_address, content, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Contains("UTF-16", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gzip", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("identity, br", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("identity", HttpStatusCode.OK)]
    public async Task A_compressed_request_is_refused(string coding, HttpStatusCode expected)
    {
        using var content = new StringContent(FindT, Encoding.UTF8, "text/xml");
        content.Headers.TryAddWithoutValidation("Content-Encoding", coding);
        using var answer = await _http.PostAsync(_address, content, TestContext.Current.CancellationToken);
        Assert.Equal(expected, answer.StatusCode);
    }

    /// <summary>Others work on this host too, and a proxy on it may speak for anybody: where a caller is says nothing.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("Basic")]
    [InlineData("Basic !!!")]
    [InlineData("Basic bWVyY2hhbnQ6")]
    [InlineData("Basic bWVyY2hhbnQ6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWU=")]
    [InlineData("Bearer bWVyY2hhbnQ6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")]
    public async Task Without_its_secret_nobody_cancels_or_reads_the_books(string? authorization)
    {
        Assert.Equal(TransactionState.Approved, await Connect().ChargeAsync("t", "Ann", Number, "12/30", "123", 1));

        using var books = await AuditAsync(authorization);
        Assert.Equal(HttpStatusCode.Unauthorized, books.StatusCode);
        Assert.Equal("Basic", Assert.Single(books.Headers.WwwAuthenticate).Scheme);
        var (status, answer) = await PostAsync(
            Encoding.UTF8.GetBytes(FindT.Replace("Find", "Cancel", StringComparison.Ordinal)), "text/xml", authorization: authorization);
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
        Assert.Contains("secret", answer.ToString(), StringComparison.Ordinal);
        Assert.Equal(TransactionState.Approved, await Connect().FindAsync("t"));
    }

    [Fact]
    public async Task The_scheme_of_the_secret_may_be_written_in_any_case()
    {
        using var books = await AuditAsync(_merchant.Header.ToString().Replace("Basic", "basic", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, books.StatusCode);
    }

    // An auditor needs the charges that stand, under whatever id.
    [Fact]
    public async Task The_merchant_is_shown_what_is_charged_since_a_time()
    {
        var service = Connect();
        await service.ChargeAsync("early", "Ann", Number, "12/30", "123", 100);
        _clock.Advance(TimeSpan.FromMinutes(1));
        var since = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        await service.ChargeAsync("stands", "Ann", Number, "12/30", "123", 1250);
        await service.ChargeAsync("undone", "Ann", Number, "12/30", "123", 700);
        await CancelAsync("undone");

        async Task<string> ShownAsync(string query)
        {
            using var answer = await AuditAsync(_merchant.Header.ToString(), query);
            return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal("""[{"id":"stands","amountInCents":1250}]""", await ShownAsync($"?since={since}"));
        Assert.Equal("""[{"id":"early","amountInCents":100},{"id":"stands","amountInCents":1250}]""", await ShownAsync(""));
        Assert.Equal("[]", await ShownAsync($"?since={long.MaxValue}"));
    }

    [Fact]
    public void Headers_may_take_as_long_as_at_the_REST_servers() => Assert.Equal(
        TimeSpan.FromSeconds(10), _app.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits.RequestHeadersTimeout);

    [Fact]
    public async Task A_request_that_is_too_large_is_refused()
    {
        var (status, _) = await PostAsync(new string(' ', SoapEndpoint.MaxRequest + 1), "text/xml", Encoding.UTF8, readAnswer: false);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
    }

    [Fact]
    public async Task The_description_names_operations_types_fault_and_this_address()
    {
        XNamespace wsdl = "http://schemas.xmlsoap.org/wsdl/", http = "http://schemas.xmlsoap.org/wsdl/soap/", xsd = "http://www.w3.org/2001/XMLSchema";
        var description = XDocument.Parse(await _http.GetStringAsync(_address + "?wsdl", TestContext.Current.CancellationToken));

        Assert.Equal(["Charge", "Find", "Cancel"], description.Descendants(wsdl + "portType").Elements(wsdl + "operation").Select(o => o.Attribute("name")!.Value));
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
        // Whoever generates a client from it sees each operation's fault, and that no field may be missing.
        Assert.All(
            description.Descendants(wsdl + "operation"), o => Assert.Equal("CardFault", o.Element(wsdl + "fault")!.Attribute("name")!.Value));
        Assert.All(description.Descendants(xsd + "sequence").Elements(), e => Assert.Equal("1", e.Attribute("minOccurs")!.Value));
        Assert.Equal("tns:CardFault", description.Descendants(wsdl + "part").Single(p => p.Attribute("name")!.Value == "detail").Attribute("element")!.Value);
    }

    /// <summary>What is answered is what the description promises: by its schema, which every generated client is made of.</summary>
    [Fact]
    public async Task Requests_and_answers_are_valid_by_the_schema_of_the_description()
    {
        var schemas = new XmlSchemaSet();
        var description = XDocument.Parse(await _http.GetStringAsync(_address + "?wsdl", TestContext.Current.CancellationToken));
        schemas.Add(Namespaces.FinancialTransactions, description.Descendants("{http://www.w3.org/2001/XMLSchema}schema").Single().CreateReader());
        foreach (var operation in new[] { Charge("t"), Charge("t").Replace(Number, "1", StringComparison.Ordinal).Replace(">t<", ">u<", StringComparison.Ordinal), Operation("Find"), Operation("Cancel") })
        {
            XDocument.Parse(operation).Validate(schemas, null);
            var (_, answer) = await PostAsync(
                Encoding.UTF8.GetBytes($"<s:Envelope xmlns:s='{Soap}'><s:Body>{operation}</s:Body></s:Envelope>"), "text/xml",
                authorization: _merchant.Header.ToString());
            var said = answer.Descendants().First(e => e.Name.Namespace == _ours);
            new XDocument(said).Validate(schemas, null);
        }
    }

    [Fact]
    public async Task The_head_of_the_description_is_that_of_its_reading()
    {
        using var read = await _http.GetAsync(_address + "?wsdl", TestContext.Current.CancellationToken);
        using var head = await _http.SendAsync(new(HttpMethod.Head, _address + "?wsdl"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal(read.Content.Headers.ContentType, head.Content.Headers.ContentType);
        Assert.Equal(read.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Whatever a caller says of the host, the address in the description is one; what HTTP forbids is refused before.</summary>
    [Theory]
    [InlineData("payments.example:8100", "payments.example:8100")]
    [InlineData("[::1]:80", "[::1]:80")]
    [InlineData("", null)]
    [InlineData("a:99999", null)]
    [InlineData("-", null)]
    [InlineData("a..b", null)]
    [InlineData("a:0", null)]
    public async Task An_odd_host_never_makes_a_broken_location(string host, string? expected)
    {
        var answer = await RawAsync($"GET /FinancialTransactions?wsdl HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        Assert.Contains($"location=\"http://{expected ?? _address.Authority}/FinancialTransactions\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_host_the_location_is_the_address_of_the_connection() => Assert.Contains(
        $"location=\"{_address}\"", await RawAsync("GET /FinancialTransactions?wsdl HTTP/1.0\r\n\r\n"), StringComparison.Ordinal);

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task It_says_that_it_is_well(string path) =>
        Assert.Equal(HttpStatusCode.OK, (await _http.GetAsync(new Uri(_address, path), TestContext.Current.CancellationToken)).StatusCode);

    private const string FindT =
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><Find xmlns='urn:agora:financial-transactions'><transactionId>t</transactionId></Find></s:Body></s:Envelope>";

    private async Task<string> RawAsync(string request)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, _address.Port, TestContext.Current.CancellationToken);
        await using var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    private static string Operation(string name) => $"<{name} xmlns='urn:agora:financial-transactions'><transactionId>t</transactionId></{name}>";

    private static string Charge(string id) => $"""
        <Charge xmlns='urn:agora:financial-transactions'><transactionId>{id}</transactionId><cardholderName>Ann</cardholderName>
        <cardNumber>{Number}</cardNumber><expirationDate>12/30</expirationDate><securityCode>123</securityCode>
        <amountInCents>100</amountInCents></Charge>
        """;

    private static byte[] Wrapped(string begin, string hex) =>
    [
        .. Encoding.ASCII.GetBytes($"<s:Envelope xmlns:s='{Soap}'><s:Body>{begin}"), .. Convert.FromHexString(hex),
        .. "</transactionId></Find></s:Body></s:Envelope>"u8,
    ];

    /// <summary>The fault's code, which must be of SOAP 1.1's namespace; null where there is no fault.</summary>
    private static string? Code(XDocument answer)
    {
        if (answer.Root!.Element(_soap + "Body")!.Element(_soap + "Fault")?.Element("faultcode") is not { } code)
        {
            return null;
        }
        Assert.Equal(_soap, code.GetNamespaceOfPrefix(code.Value.Split(':')[0]));
        return code.Value.Split(':')[1];
    }

    private async Task<HttpResponseMessage> AuditAsync(string? authorization, string query = "")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_address, "/audit/approved" + query));
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private async Task<TransactionState> CancelAsync(string id)
    {
        var (_, answer) = await PostAsync(
            Encoding.UTF8.GetBytes($"<s:Envelope xmlns:s='{Soap}'><s:Body>{Operation("Cancel").Replace(">t<", $">{id}<", StringComparison.Ordinal)}</s:Body></s:Envelope>"),
            "text/xml", authorization: _merchant.Header.ToString());
        return Enum.Parse<TransactionState>(answer.Descendants(_ours + "CancelResult").Single().Value);
    }

    private IFinancialTransactions Connect() =>
        new ChannelFactory<IFinancialTransactions>(new BasicHttpBinding(), new EndpointAddress(_address)).CreateChannel();

    private Task<(HttpStatusCode, XDocument)> PostAsync(string body, string contentType, Encoding encoding, bool readAnswer = true) =>
        PostAsync(encoding.GetBytes(body), contentType, "\"\"", readAnswer: readAnswer);

    private async Task<(HttpStatusCode, XDocument)> PostAsync(
        byte[] body, string contentType, string? action = null, string? authorization = null, bool readAnswer = true)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _address) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        request.Headers.TryAddWithoutValidation("SOAPAction", action);
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await _http.SendAsync(request, TestContext.Current.CancellationToken);
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
