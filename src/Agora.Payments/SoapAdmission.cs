using System.Net.Http.Headers;
using System.Text;
using System.Xml;
using Microsoft.AspNetCore.Http;

namespace Agora.Payments;

/// <summary>
/// What reaches the SOAP library: plain XML in UTF-8, and readings of the WSDL. The library itself would expand a document type
/// declaration (SOAP 1.1 forbids one), and run operations for plain GETs, which would put card numbers into URLs.
/// </summary>
internal static class SoapAdmission
{
    public const int LargestRequest = 64 << 10;

    private static readonly XmlReaderSettings s_plain = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
    };

    public static async Task AdmitAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        var status = request.Method switch
        {
            _ when request.Path.Value!.LastIndexOf('/') > 0 => StatusCodes.Status404NotFound,
            "GET" => request.Query.ContainsKey("wsdl") ? StatusCodes.Status200OK : StatusCodes.Status404NotFound,
            "POST" when request.ContentLength > LargestRequest => StatusCodes.Status413PayloadTooLarge,
            "POST" => await PlainAsync(request),
            _ => StatusCodes.Status405MethodNotAllowed,
        };
        switch (status)
        {
            case StatusCodes.Status200OK:
                await next(context);
                break;
            case StatusCodes.Status400BadRequest:
                await FaultAsync(context);
                break;
            default:
                context.Response.StatusCode = status;
                context.Response.ContentType = "text/plain";
                await context.Response.WriteAsync(
                    $"POST SOAP 1.1 (text/xml, at most {LargestRequest} bytes) to this address; ?wsdl behind it gets the description.\n");
                break;
        }
    }

    /// <summary>Puts the request's XML, as this parser has understood it, in the place of its body.</summary>
    private static async Task<int> PlainAsync(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !"text/xml".Equals(type.MediaType, StringComparison.OrdinalIgnoreCase)
            || !TryEncoding(type.CharSet, out var encoding))
        {
            return StatusCodes.Status415UnsupportedMediaType;
        }
        // The server bounds what can be read here.
        using var given = new MemoryStream();
        await request.Body.CopyToAsync(given, request.HttpContext.RequestAborted);
        given.Position = 0;
        var plain = new MemoryStream((int)given.Length);
        try
        {
            // A charset in the header goes before what the XML says of itself (RFC 7303).
            using var reader = encoding is null ? XmlReader.Create(given, s_plain) : XmlReader.Create(new StreamReader(given, encoding), s_plain);
            using var writer = XmlWriter.Create(plain, new XmlWriterSettings { Encoding = new UTF8Encoding(false), CloseOutput = false });
            writer.WriteNode(reader, defattr: true);
        }
        catch (XmlException)
        {
            return StatusCodes.Status400BadRequest;
        }
        plain.Position = 0;
        request.Body = plain;
        request.ContentLength = plain.Length;
        request.ContentType = "text/xml; charset=utf-8";
        return StatusCodes.Status200OK;
    }

    private static bool TryEncoding(string? charset, out Encoding? encoding)
    {
        encoding = null;
        try
        {
            encoding = charset is null ? null : Encoding.GetEncoding(charset.Trim('"'));
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static Task FaultAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        context.Response.ContentType = "text/xml; charset=utf-8";
        return context.Response.WriteAsync("""
            <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
            <faultcode>s:Client</faultcode>
            <faultstring>The request is not well-formed XML without a document type declaration.</faultstring>
            </s:Fault></s:Body></s:Envelope>
            """);
    }
}
