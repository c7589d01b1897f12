using System.Net;
using System.Text;
using Agora.Contracts.Payments;
using Xunit;

namespace Agora.Payments.Tests;

/// <summary>What a request must be to be SOAP 1.1 and one of the operations.</summary>
public sealed class SoapEnvelopeTests : RunningPaymentService
{
    [Theory]
    [InlineData("")]
    [InlineData("not xml")]
    [InlineData("<a>")]
    [InlineData("<?xml version='1.1'?><a/>")]
    [InlineData("<a xmlns='http://schemas.xmlsoap.org/soap/envelope/'/>")]
    [InlineData(
        """<!DOCTYPE a [<!ENTITY x "t">]><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">"""
            + """<s:Body><Find xmlns="urn:agora:financial-transactions"><transactionId>&x;</transactionId></Find>"""
            + """</s:Body></s:Envelope>"""
    )]
    [InlineData("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'/>")]
    [InlineData(EnvelopeStart + "<s:Header/></s:Envelope>")]
    [InlineData(EnvelopeStart + "<s:Body/></s:Envelope>")]
    [InlineData(EnvelopeStart + "<s:Body>{find}</s:Body><s:Header/></s:Envelope>")]
    [InlineData(EnvelopeStart + "<s:Header/><s:Header/><s:Body>{find}</s:Body></s:Envelope>")]
    [InlineData(EnvelopeStart + "<s:Body>{find}</s:Body><s:Body>{find}</s:Body></s:Envelope>")]
    [InlineData(EnvelopeStart + "<s:Body>{find}</s:Body><more xmlns='urn:x'/></s:Envelope>")]
    [InlineData(EnvelopeStart + "text<s:Body>{find}</s:Body></s:Envelope>")]
    [InlineData(EnvelopeStart + "<s:Body>text{find}</s:Body></s:Envelope>")]
    [InlineData(EnvelopeStart + "<Body>{find}</Body></s:Envelope>")]
    [InlineData(EnvelopeStart + "<s:Body>{find}{find}</s:Body></s:Envelope>")]
    [InlineData(EnvelopeStart + "<s:Body>{find}</s:Body></s:Envelope><a/>")]
    [InlineData(
        EnvelopeStart + "<s:Body><Refund xmlns='urn:agora:financial-transactions'/></s:Body>" + "</s:Envelope>"
    )]
    [InlineData(
        EnvelopeStart
            + "<s:Body><Find xmlns='urn:agora'><transactionId>t</transactionId>"
            + "</Find></s:Body></s:Envelope>"
    )]
    [InlineData(EnvelopeStart + "<s:Body><Find><transactionId>t</transactionId></Find></s:Body>" + "</s:Envelope>")]
    [InlineData(
        EnvelopeStart
            + "<s:Header><h s:mustUnderstand='2' xmlns='urn:x'/></s:Header>"
            + "<s:Body>{find}</s:Body></s:Envelope>"
    )]
    public async Task What_is_not_an_operation_in_SOAP_is_the_clients_fault_and_shows_nothing_from_inside(string body)
    {
        var find = "<Find xmlns='urn:agora:financial-transactions'><transactionId>t</transactionId></Find>";
        var (status, answer) = await PostAsync(
            body.Replace("{find}", find, StringComparison.Ordinal),
            "text/xml",
            Encoding.UTF8
        );
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
        var fault = answer.Root!.Element(SoapNamespace + "Body")!.Element(SoapNamespace + "Fault")!;
        Assert.StartsWith("The request is not", fault.Element("faultstring")!.Value, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", answer.ToString(), StringComparison.Ordinal);
    }

    /// <summary>A field that is misspelt, repeated or in another namespace is never ignored.</summary>
    [Theory]
    [InlineData("<transactionID>t</transactionID>", null)]
    [InlineData("<transactionId xmlns=''>t</transactionId>", null)]
    [InlineData("<transactionId>t</transactionId><more/>", null)]
    [InlineData("t", null)]
    [InlineData("<transactionId>t</transactionId><transactionId>u</transactionId>", "transactionId")]
    [InlineData("<transactionId><b>t</b></transactionId>", "transactionId")]
    [InlineData("<transactionId i:nil='true' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'/>", "transactionId")]
    [InlineData("", "transactionId")]
    public async Task Parameters_that_are_not_those_of_the_description_are_the_clients_fault(
        string parameters,
        string? field
    )
    {
        var body = Envelope($"<Find xmlns='urn:agora:financial-transactions'>{parameters}</Find>");
        var (status, answer) = await PostAsync(body, "text/xml", Encoding.UTF8);
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
        Assert.Equal(field, answer.Descendants(OurNamespace + "Field").SingleOrDefault()?.Value);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1.5")]
    [InlineData("")]
    [InlineData("9223372036854775808")]
    public async Task An_amount_that_is_no_whole_number_is_a_fault_that_names_it(string amount)
    {
        var (status, answer) = await PostAsync(
            Envelope(Charge("t").Replace(">100<", $">{amount}<", StringComparison.Ordinal)),
            "text/xml",
            Encoding.UTF8
        );
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
        Assert.Equal("amountInCents", answer.Descendants(OurNamespace + "Field").Single().Value);
        Assert.Equal(TransactionState.Unknown, await Connect().FindAsync("t"));
    }

    /// <summary>
    /// "If a SOAP node does not understand it, it MUST return a fault, and not process the message" (SOAP 1.1, 4.2.3).
    /// </summary>
    [Theory]
    [InlineData("<h:Security xmlns:h='urn:x' s:mustUnderstand='1'/>", true)]
    [InlineData("<h:Security xmlns:h='urn:x' s:mustUnderstand='true'/>", true)]
    [InlineData(
        "<Security xmlns='urn:x' xmlns:z='http://schemas.xmlsoap.org/soap/envelope/' z:mustUnderstand=' 1 '/>",
        true
    )]
    [InlineData(
        "<a xmlns='urn:x'/><b xmlns='urn:x' s:mustUnderstand='0'/><c xmlns='urn:x' s:mustUnderstand='1'/>",
        true
    )]
    [InlineData("<a xmlns='urn:x' s:mustUnderstand='1' s:actor='http://schemas.xmlsoap.org/soap/actor/next'/>", true)]
    [InlineData("<a xmlns='urn:x' s:mustUnderstand='1' s:actor=''/>", true)]
    [InlineData("<a xmlns='urn:x' s:mustUnderstand='1' s:actor='urn:somebody-else'/>", false)]
    [InlineData(
        "<a xmlns='urn:x' s:mustUnderstand='0'/><b xmlns='urn:x' mustUnderstand='1'/>"
            + "<c xmlns='urn:x'><d s:mustUnderstand='1'/></c>",
        false
    )]
    public async Task A_header_that_must_be_understood_and_is_not_stops_everything(string headers, bool stops)
    {
        var (status, answer) = await PostAsync(
            $"<s:Envelope xmlns:s='{Soap}'><s:Header>{headers}</s:Header><s:Body>{Charge("t")}</s:Body></s:Envelope>",
            "text/xml",
            Encoding.UTF8
        );
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
        var (status, answer) = await PostAsync(
            FindT
                .Replace(Soap, version, StringComparison.Ordinal)
                .Replace("s:", "", StringComparison.Ordinal)
                .Replace("xmlns:s", "xmlns", StringComparison.Ordinal),
            contentType,
            Encoding.UTF8
        );
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
    public async Task Nothing_but_SOAP_and_its_description_is_served(
        string method,
        string rest,
        string? contentType,
        HttpStatusCode expected
    )
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), Address + rest);
        request.Content = new ByteArrayContent("transactionId=t"u8.ToArray());
        if (contentType is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }

        using var answer = await Http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(expected, answer.StatusCode);
        Assert.Equal(
            expected == HttpStatusCode.MethodNotAllowed ? ["GET", "HEAD", "POST"] : [],
            answer.Content.Headers.Allow
        );
        Assert.Equal(
            expected != HttpStatusCode.NotFound || rest.Length == 0,
            (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Length > 0
        );
    }

    [Fact]
    public async Task A_request_that_is_too_large_is_refused()
    {
        var (status, _) = await PostAsync(
            new string(' ', SoapEndpoint.MaxRequestBytes + 1),
            "text/xml",
            Encoding.UTF8,
            readAnswer: false
        );
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
    }
}
