using System.Net;
using System.ServiceModel;
using System.Text;
using Agora.Contracts.Payments;
using Xunit;

namespace Agora.Payments.Tests;

/// <summary>Encodings of requests: each is read as it is declared, and nothing is replaced.</summary>
public sealed class SoapEncodingTests : RunningPaymentService
{
    [Fact]
    public async Task A_client_of_System_ServiceModel_may_speak_UTF_16()
    {
        var binding = new BasicHttpBinding { TextEncoding = Encoding.Unicode };
        var service = new ChannelFactory<IFinancialTransactions>(binding, new EndpointAddress(Address)).CreateChannel();
        Assert.Equal(
            TransactionState.Approved,
            await service.ChargeAsync("t", "Ann Ödegård", Number, "12/30", "123", 1250)
        );
        Assert.Equal(
            "transactionId",
            (await Assert.ThrowsAsync<FaultException<CardFault>>(() => service.FindAsync(" "))).Detail.Field
        );
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
            <soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
                xmlns:f="urn:agora:financial-transactions">
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
        Assert.Equal(
            "Approved",
            answer
                .Root!.Element(SoapNamespace + "Body")!
                .Element(OurNamespace + "ChargeResponse")!
                .Element(OurNamespace + "ChargeResult")!
                .Value
        );
    }

    /// <summary>
    /// Two different names must not become one: bytes that are not of the declared encoding are refused, never
    /// replaced.
    /// </summary>
    [Theory]
    [InlineData("text/xml; charset=utf-8", "", "FF")]
    [InlineData("text/xml", "", "FF")]
    [InlineData("text/xml", "", "C3")]
    [InlineData("text/xml", "<?xml version='1.0' encoding='us-ascii'?>", "EB")]
    [InlineData("text/xml", "<?xml version='1.0'\n\tencoding = \"us-ascii\" standalone='yes'?>", "C3AB")]
    [InlineData("text/xml; charset=us-ascii", "", "EB")]
    [InlineData("text/xml; charset=us-ascii", "<?xml version='1.0' encoding='utf-8'?>", "C3AB")]
    [InlineData("text/xml; charset=utf-8", "<?xml version='1.0' encoding='iso-8859-1'?>", "EB")]
    public async Task Bytes_that_are_not_of_the_declared_encoding_are_the_clients_fault(
        string contentType,
        string declaration,
        string hex
    )
    {
        byte[] body =
        [
            .. Encoding.ASCII.GetBytes(declaration),
            .. Wrapped("<Find xmlns=\"urn:agora:financial-transactions\"><transactionId>Zo", hex),
        ];
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
    public async Task A_byte_order_mark_of_another_encoding_is_the_clients_fault(
        string contentType,
        string mark,
        string encoding,
        string declaration
    )
    {
        var (status, answer) = await PostAsync(
            [.. Convert.FromHexString(mark), .. Encoding.GetEncoding(encoding).GetBytes(declaration + FindT)],
            contentType
        );
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
    public async Task Every_encoding_that_is_read_means_the_same_name(
        string contentType,
        string mark,
        string encoding,
        string declaration
    )
    {
        await Connect().ChargeAsync("Zoë", "Ann", Number, "12/30", "123", 1);
        var body = Encoding
            .GetEncoding(encoding)
            .GetBytes(declaration + FindT.Replace(">t<", ">Zoë<", StringComparison.Ordinal));
        var (status, answer) = await PostAsync([.. Convert.FromHexString(mark), .. body], contentType);
        Assert.Equal((HttpStatusCode.OK, "Approved"), (status, answer.Root!.Value));
    }

    [Theory]
    [InlineData("<?xml version='1.0' encoding='utf-7'?>")]
    [InlineData("<?xml version='1.0' encoding='utf-32'?>")]
    [InlineData("<?xml version='1.0' encoding='nonsense'?>")]
    public async Task An_encoding_that_is_not_read_is_refused_also_where_only_the_XML_names_it(string declaration)
    {
        using var content = new ByteArrayContent(Encoding.ASCII.GetBytes(declaration + FindT));
        content.Headers.TryAddWithoutValidation("Content-Type", "text/xml");
        using var answer = await Http.PostAsync(Address, content, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Contains(
            "UTF-16",
            await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("gzip", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("identity, br", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("identity", HttpStatusCode.OK)]
    public async Task A_compressed_request_is_refused(string coding, HttpStatusCode expected)
    {
        using var content = new StringContent(FindT, Encoding.UTF8, "text/xml");
        content.Headers.TryAddWithoutValidation("Content-Encoding", coding);
        using var answer = await Http.PostAsync(Address, content, TestContext.Current.CancellationToken);
        Assert.Equal(expected, answer.StatusCode);
    }
}
