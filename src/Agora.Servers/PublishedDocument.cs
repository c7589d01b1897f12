using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Agora.Servers;

/// <summary>The OpenAPI document. It is built at the first request, in every coding, and then sent as it is.</summary>
internal sealed class PublishedDocument
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly IServiceProvider _services;
    private readonly int _keyMinutes;
    private readonly Lazy<Task<Built>> _built;

    public PublishedDocument(IServiceProvider services, int keyMinutes)
    {
        _services = services;
        _keyMinutes = keyMinutes;
        _built = new(BuildAsync);
    }

    public async Task AnswerAsync(HttpContext http)
    {
        var built = await _built.Value;
        var response = http.Response;
        // Unlike all other answers, it stays the same as long as the server runs.
        response.Headers.CacheControl = "no-cache";
        var (coding, _) = ContentCoding.Choose(http.Request.Headers.AcceptEncoding);
        var tag = Tag(built.Hash, coding);
        response.Headers.ETag = tag;
        if (EntityTags.IfNoneMatchNames(http.Request.Headers.IfNoneMatch, tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        var bytes = coding switch
        {
            ContentCoding.Brotli => built.Brotli,
            ContentCoding.Gzip => built.Gzip,
            _ => built.Plain,
        };
        if (coding is not null)
        {
            response.Headers.ContentEncoding = coding;
        }

        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes, http.RequestAborted);
    }

    // Another coding is another representation and needs its own tag.
    private static string Tag(string hash, string? coding) => coding is null ? $"\"{hash}\"" : $"\"{hash}-{coding}\"";

    private async Task<Built> BuildAsync()
    {
        // The caller must not cancel it: others wait for it.
        var generated = await _services
            .GetRequiredKeyedService<IOpenApiDocumentProvider>(OpenApiDescription.Name)
            .GetOpenApiDocumentAsync(CancellationToken.None);
        var document = JsonNode
            .Parse(await generated.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, CancellationToken.None))!
            .AsObject();
        var functions = _services
            .GetRequiredService<EndpointDataSource>()
            .Endpoints.Select(endpoint => endpoint.Metadata.GetMetadata<Function>())
            .OfType<Function>()
            .ToDictionary(function => function.Name);
        OpenApiRules.Complete(document, functions, _keyMinutes);
        var bytes = Encoding.UTF8.GetBytes(document.ToJsonString(s_json));
        return new Built(
            Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8)),
            bytes,
            ContentCoding.Encode(ContentCoding.Gzip, bytes, CompressionLevel.SmallestSize),
            ContentCoding.Encode(ContentCoding.Brotli, bytes, CompressionLevel.SmallestSize)
        );
    }

    private sealed record Built(string Hash, byte[] Plain, byte[] Gzip, byte[] Brotli);
}
