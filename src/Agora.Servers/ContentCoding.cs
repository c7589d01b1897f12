using System.IO.Compression;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Agora.Servers;

/// <summary>
/// Compresses answers with gzip or Brotli for clients that accept it (RFC 9110, 12.5.3). Others pay nothing.
/// </summary>
internal static class ContentCoding
{
    /// <summary>Compression does not pay for a shorter answer.</summary>
    public const int MinBytes = 1024;

    public const string Brotli = "br";

    public const string Gzip = "gzip";

    /// <summary>
    /// The coding that this header prefers, null for none; and whether it accepts an answer without coding.
    /// </summary>
    public static (string? Coding, bool TakesIdentity) Choose(StringValues acceptEncoding)
    {
        if (!StringWithQualityHeaderValue.TryParseList(acceptEncoding.ToArray()!, out var listed))
        {
            return (null, true);
        }

        double? Quality(string coding) =>
            listed
                .Where(one => one.Value.Equals(coding, StringComparison.OrdinalIgnoreCase))
                .Select(one => (double?)(one.Quality ?? 1))
                .Max();
        var others = Quality("*");
        var identity = Quality("identity") ?? (others == 0 ? 0 : null);
        var (best, coding) = (identity ?? 0, (string?)null);
        foreach (var one in (ReadOnlySpan<string>)[Gzip, Brotli])
        {
            var quality = Quality(one) ?? others ?? 0;
            if (quality > 0 && quality >= best)
            {
                (best, coding) = (quality, one);
            }
        }

        return (coding, identity is not 0);
    }

    public static byte[] Encode(string coding, ReadOnlySpan<byte> bytes, CompressionLevel level)
    {
        var encoded = new MemoryStream();
        using (Stream encoder = coding == Brotli ? new BrotliStream(encoded, level) : new GZipStream(encoded, level))
        {
            encoder.Write(bytes);
        }

        return encoded.ToArray();
    }

    /// <summary>
    /// Serves a request whose answer may be encoded. The body is buffered until it is complete, since every body here
    /// is bounded, and then sent in the coding.
    /// </summary>
    /// <param name="http">The request.</param>
    /// <param name="coding">A coding that the client accepts.</param>
    /// <param name="takesIdentity">Whether the client accepts an answer without coding too.</param>
    /// <param name="serve">Writes the answer.</param>
    public static async Task ServeAsync(HttpContext http, string coding, bool takesIdentity, Func<Task> serve)
    {
        var connection = http.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        using var body = new MemoryStream();
        var kept = new StreamResponseBodyFeature(body, connection);
        http.Features.Set<IHttpResponseBodyFeature>(kept);
        try
        {
            await serve();
            await kept.CompleteAsync();
        }
        finally
        {
            kept.Dispose();
            http.Features.Set(connection);
        }

        ReadOnlyMemory<byte> bytes = body.GetBuffer().AsMemory(0, (int)body.Length);
        if (bytes.IsEmpty)
        {
            return;
        }

        var headers = http.Response.Headers;
        if ((bytes.Length >= MinBytes || !takesIdentity) && StringValues.IsNullOrEmpty(headers.ContentEncoding))
        {
            bytes = Encode(coding, bytes.Span, CompressionLevel.Fastest);
            headers.ContentEncoding = coding;
        }

        headers.ContentLength = bytes.Length;
        await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
    }
}
