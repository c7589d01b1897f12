using System.Net.Http.Headers;
using System.ServiceModel;
using System.Text;
using System.Xml;
using Agora.Contracts.Payments;
using Microsoft.AspNetCore.Http;

namespace Agora.Payments;

/// <summary>
/// SOAP 1.1 over HTTP. A request that is not SOAP gets an HTTP status; every fault comes with 500 (SOAP 1.1, 6.2),
/// since clients read it with no other status.
/// </summary>
internal sealed class SoapEndpoint(IFinancialTransactions transactions, Merchant merchant, SoapFaults faults)
{
    public const int MaxRequestBytes = 64 << 10;

    private const string Xml = "text/xml; charset=utf-8";
    private const string Soap12MediaType = "application/soap+xml";

    private static readonly XmlWriterSettings s_utf8 = new()
    {
        Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
    };

    public async Task ServeAsync(HttpContext http)
    {
        try
        {
            switch (http.Request.Method)
            {
                case "POST":
                    await PostAsync(http);
                    break;
                case "GET" or "HEAD" when http.Request.Query.Keys.Any(IsDescription):
                    await WriteAsync(http, StatusCodes.Status200OK, Xml, WsdlDocument.For(http));
                    break;
                case "GET" or "HEAD":
                    await WriteHelpAsync(http, StatusCodes.Status404NotFound);
                    break;
                default:
                    http.Response.Headers.Allow = "GET, HEAD, POST";
                    await WriteHelpAsync(http, StatusCodes.Status405MethodNotAllowed);
                    break;
            }
        }
        catch (BadHttpRequestException e)
        {
            // Too long, too slow, or not valid HTTP.
            await WriteHelpAsync(http, e.StatusCode);
        }
        catch (Exception e)
            when (e is OperationCanceledException or IOException && http.RequestAborted.IsCancellationRequested)
        {
            // The client is gone.
        }
        catch (IOException) when (!http.Response.HasStarted)
        {
            // Kestrel cannot read the body as chunks.
            await WriteHelpAsync(http, StatusCodes.Status400BadRequest);
        }
    }

    private async Task PostAsync(HttpContext http)
    {
        var request = http.Request;
        if (request.ContentLength > MaxRequestBytes)
        {
            await WriteHelpAsync(http, StatusCodes.Status413PayloadTooLarge);
            return;
        }

        if (request.Headers.ContentEncoding.Any(c => !"identity".Equals(c, StringComparison.OrdinalIgnoreCase)))
        {
            http.Response.Headers.AcceptEncoding = "identity";
            await WriteHelpAsync(http, StatusCodes.Status415UnsupportedMediaType);
            return;
        }

        if (!TryType(request.ContentType, out var isSoap12, out var charset))
        {
            await WriteHelpAsync(http, StatusCodes.Status415UnsupportedMediaType);
            return;
        }
        // Kestrel bounds the length of the body.
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, http.RequestAborted);
        string text;
        try
        {
            text = SoapText.Decode(body.GetBuffer().AsSpan(0, (int)body.Length), charset);
        }
        catch (NotSupportedException)
        {
            await WriteHelpAsync(http, StatusCodes.Status415UnsupportedMediaType);
            return;
        }
        catch (DecoderFallbackException)
        {
            await FaultAsync(
                http,
                SoapFaults.Client(
                    "The request's bytes are not of the encoding that its charset, byte order mark "
                        + "or XML declaration names."
                )
            );
            return;
        }

        SoapRequest soap;
        TransactionState state;
        try
        {
            soap = isSoap12
                ? throw SoapFaults.VersionMismatch(
                    $"The request is not SOAP 1.1: its media type is text/xml; {Soap12MediaType} is SOAP 1.2."
                )
                : SoapRequest.Read(text, request.Headers["SOAPAction"]);
            state = await DoAsync(soap, http);
        }
        catch (Exception e)
        {
            await FaultAsync(http, faults.Of(e));
            return;
        }

        await WriteAsync(http, StatusCodes.Status200OK, Xml, Answer(soap.Operation, state));
    }

    private Task<TransactionState> DoAsync(SoapRequest soap, HttpContext http)
    {
        var id = soap.Text("transactionId")!;
        switch (soap.Operation)
        {
            case SoapRequest.Charge:
                return transactions.ChargeAsync(
                    id,
                    soap.Text("cardholderName")!,
                    soap.Text("cardNumber")!,
                    soap.Text("expirationDate")!,
                    soap.Text("securityCode")!,
                    soap.Integer("amountInCents")
                );
            case SoapRequest.Find:
                return transactions.FindAsync(id);
            default:
                return merchant.IsCaller(http)
                    ? transactions.CancelAsync(id)
                    : throw SoapFaults.Client(Merchant.HowToIdentify);
        }
    }

    private static bool TryType(string? contentType, out bool isSoap12, out string? charset)
    {
        (isSoap12, charset) = (false, null);
        if (!MediaTypeHeaderValue.TryParse(contentType, out var type) || type.Parameters.Count(IsCharset) > 1)
        {
            return false;
        }

        charset = type.CharSet?.Trim('"');
        isSoap12 = Soap12MediaType.Equals(type.MediaType, StringComparison.OrdinalIgnoreCase);
        return isSoap12 || "text/xml".Equals(type.MediaType, StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsDescription(string key) =>
        "wsdl".Equals(key, StringComparison.OrdinalIgnoreCase)
        || "singleWsdl".Equals(key, StringComparison.OrdinalIgnoreCase);

    private static bool IsCharset(NameValueHeaderValue parameter) =>
        "charset".Equals(parameter.Name, StringComparison.OrdinalIgnoreCase);

    private static byte[] Answer(string operation, TransactionState state) =>
        Envelope(writer =>
        {
            writer.WriteStartElement($"{operation}Response", SoapNamespaces.FinancialTransactions);
            writer.WriteElementString($"{operation}Result", SoapNamespaces.FinancialTransactions, state.ToString());
            writer.WriteEndElement();
        });

    private static Task FaultAsync(HttpContext http, FaultException fault)
    {
        var soap = SoapRequest.Soap.NamespaceName;
        var body = Envelope(writer =>
        {
            writer.WriteStartElement("Fault", soap);
            writer.WriteStartElement("faultcode");
            writer.WriteQualifiedName(fault.Code.Name, soap);
            writer.WriteEndElement();
            writer.WriteElementString("faultstring", fault.Message);
            // Without a detail, a fault does not concern the Body (SOAP 1.1, 4.4).
            if (fault.Code.Name is "Client" or "Server")
            {
                writer.WriteStartElement("detail");
                if (fault is FaultException<CardFault> { Detail: var card })
                {
                    writer.WriteStartElement(nameof(CardFault), SoapNamespaces.FinancialTransactions);
                    writer.WriteElementString(nameof(card.Field), SoapNamespaces.FinancialTransactions, card.Field);
                    writer.WriteElementString(nameof(card.Reason), SoapNamespaces.FinancialTransactions, card.Reason);
                    writer.WriteEndElement();
                }

                writer.WriteEndElement();
            }

            writer.WriteEndElement();
        });
        return WriteAsync(http, StatusCodes.Status500InternalServerError, Xml, body);
    }

    private static byte[] Envelope(Action<XmlWriter> body)
    {
        using var bytes = new MemoryStream();
        using (var writer = XmlWriter.Create(bytes, s_utf8))
        {
            writer.WriteStartElement("s", "Envelope", SoapRequest.Soap.NamespaceName);
            writer.WriteStartElement("Body", SoapRequest.Soap.NamespaceName);
            body(writer);
            writer.WriteEndElement();
            writer.WriteEndElement();
        }

        return bytes.ToArray();
    }

    private static Task WriteHelpAsync(HttpContext http, int status)
    {
        var help =
            $"POST SOAP 1.1 (text/xml in {SoapText.Encodings}, not compressed, at most {MaxRequestBytes} bytes) "
            + "to this address; GET it with ?wsdl for the description.\n";
        return WriteAsync(http, status, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(help));
    }

    // HEAD reports the length too.
    private static async Task WriteAsync(HttpContext http, int status, string contentType, byte[] body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = contentType;
        http.Response.ContentLength = body.Length;
        if (http.Request.Method != "HEAD")
        {
            await http.Response.Body.WriteAsync(body, http.RequestAborted);
        }
    }
}
