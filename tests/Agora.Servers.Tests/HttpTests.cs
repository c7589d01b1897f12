using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Agora.Cluster;
using Agora.Rest;
using CsCheck;
using Microsoft.Extensions.Logging;

namespace Agora.Servers.Tests;

/// <summary>
/// What HTTP promises for every path of both servers. The tests walk the route tables, so they cover new paths too.
/// </summary>
public sealed class HttpTests(InProcessMarketplace marketplace) : IAsyncLifetime
{
    private WatchedServers _servers = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _servers = await WatchedServers.StartAsync(marketplace);

    public ValueTask DisposeAsync() => _servers.DisposeAsync();

    [Fact]
    public async Task Whatever_the_headers_say_the_answer_is_no_fault_of_the_server_and_an_error_is_a_problem()
    {
        var (seller, buyer) = (await marketplace.NewSellerAsync(), await marketplace.NewBuyerAsync());
        var odd = Gen.OneOf(
            Gen.OneOf(
                "",
                " ",
                "*",
                "\"",
                "\"1\"",
                "W/\"1\"",
                "*, \"1\"",
                ",,,",
                ";",
                "=",
                "q=",
                ";q=0",
                "\t",
                "🚲",
                "é",
                "\u007F",
                "%00",
                "x, y",
                "a\"b",
                "(",
                "{token}",
                "!!!!",
                "===",
                "undefined",
                "Bearer",
                "Bearer ",
                "Bearer x",
                "Bearer !!!!",
                "Bearer A.B.C",
                "Basic YTpi",
                "Digest x",
                "gzip",
                "br",
                "identity;q=0",
                "*;q=0",
                "gzip;q=2",
                "gzip;q=-1",
                "gzip;q=abc",
                "gzip, br;q=0.5, *;q=0",
                "application/json",
                "application/json; charset=utf-8",
                "application/json; charset=\"",
                "text/html",
                "multipart/form-data",
                "application/json; charset=utf-7",
                "*/*;q=0",
                "localhost",
                "[::1",
                "a b",
                "x:99999",
                "localhost:abc",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "deflate",
                "chunked",
                "-1",
                "99999999999999999999",
                "Mon, 01 Jan 2020 00:00:00 GMT",
                "bytes=0-",
                "100-continue",
                new string('x', 64),
                new string('x', 65),
                new string('"', 300),
                string.Join(',', Enumerable.Repeat("\"1\"", 300))
            ),
            Gen.String[Gen.Char['\u0020', '\u00FF'], 0, 60],
            Gen.Byte.Array[40].Select(bytes => $"Bearer {System.Buffers.Text.Base64Url.EncodeToString(bytes)}")
        );
        var header = Gen.OneOf(
            "Authorization",
            "Idempotency-Key",
            "If-Match",
            "If-None-Match",
            "Accept",
            "Accept-Encoding",
            "Content-Type",
            "Content-Encoding",
            "Host",
            "Request-Id",
            "traceparent",
            "Range",
            "If-Modified-Since",
            "X-Forwarded-For",
            "X-HTTP-Method-Override",
            "Accept-Language",
            "Cookie"
        );
        var requests =
            from endpoint in Gen.OneOf(_servers.Endpoints.ToArray())
            from hasSession in Gen.Bool
            from headers in Gen.Select(header, odd).Array[1, 3]
            from isHead in Gen.Frequency((9, Gen.Const(false)), (1, Gen.Const(true)))
            from body in Gen.OneOf("", "", "{}", "{\"quantity\":1}", "\0")
            select (endpoint, hasSession, headers, isHead, body);

        await requests.SampleAsync(
            async call =>
            {
                var (endpoint, hasSession, headers, isHead, body) = call;
                // A random logout would end the session for all later calls.
                hasSession &= !endpoint.Path.StartsWith("/sessions", StringComparison.Ordinal);
                using var request = new HttpRequestMessage(isHead ? HttpMethod.Head : endpoint.Method, endpoint.Path);
                if (body.Length > 0)
                {
                    request.Content = new StringContent(body);
                    request.Content.Headers.ContentType = null;
                }

                if (hasSession)
                {
                    request.Headers.Add("Authorization", $"Bearer {(endpoint.IsSeller ? seller : buyer).Token}");
                }

                foreach (var (name, value) in headers)
                {
                    if (!request.Headers.TryAddWithoutValidation(name, value))
                    {
                        request.Content?.Headers.TryAddWithoutValidation(name, value);
                    }
                }

                HttpResponseMessage response;
                try
                {
                    response = await _servers.Server(endpoint.IsSeller).SendAsync(request, Cancellation);
                }
                catch (HttpRequestException e) when (e.InnerException is null or FormatException)
                {
                    // HttpClient refuses to send it.
                    return;
                }

                using (response)
                {
                    var text = await response.Content.ReadAsStringAsync(Cancellation);
                    Assert.True((int)response.StatusCode < 500, $"{(int)response.StatusCode}: {text}");
                    if (
                        (int)response.StatusCode >= 400
                        && !isHead
                        && response.Content.Headers.ContentEncoding.Count == 0
                    )
                    {
                        var problem = JsonSerializer.Deserialize(text, AgoraJson.Default.Problem)!;
                        await response.ProblemAsync((int)response.StatusCode, problem.Code!);
                        Assert.Equal(Assert.Single(response.Headers.GetValues("Request-Id")), problem.RequestId);
                    }
                }
            },
            iter: 1500,
            threads: 1
        );

        Assert.DoesNotContain(_servers.Log.Lines, line => line.Level >= LogLevel.Error);
    }

    [Fact]
    public async Task A_wrong_token_is_401_at_every_function_that_looks_at_one_and_logs_no_fault()
    {
        var good = (await marketplace.AnyBuyer.Value).Token;
        foreach (
            var token in new[]
            {
                "x",
                "xx",
                "!!!!",
                "A.B.C",
                "undefined",
                "{token}",
                good[..^1] + "!",
                good[..^1] + (good[^1] == 'A' ? 'B' : 'A'),
                good + "=",
                "é",
                new string('A', 54),
            }
        )
        {
            foreach (var (isSeller, method, path) in _servers.Endpoints.Where(IsFunctionWithSession))
            {
                var query = path == "/items" && !isSeller ? "?category=1" : "";
                using var request = new HttpRequestMessage(method, path + query);
                request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
                if (token.Length != 54)
                {
                    using var response = await _servers.Server(isSeller).SendAsync(request, Cancellation);
                    await response.ProblemAsync(401, ErrorCodes.NotLoggedIn);
                    Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
                }
            }
        }

        Assert.Empty(_servers.Log.Lines);

        static bool IsFunctionWithSession((bool IsSeller, HttpMethod Method, string Path) endpoint) =>
            !endpoint.Path.StartsWith("/health", StringComparison.Ordinal)
            && endpoint.Path is not "/openapi/v1.json"
            && !(endpoint.Method == HttpMethod.Post && endpoint.Path is "/sessions" or "/sellers" or "/buyers");
    }

    [Fact]
    public async Task HEAD_answers_wherever_GET_does_with_the_same_headers_and_no_body()
    {
        var (seller, buyer) = (await marketplace.AnySeller.Value, await marketplace.AnyBuyer.Value);
        foreach (var (isSeller, _, path) in _servers.Endpoints.Where(endpoint => endpoint.Method == HttpMethod.Get))
        {
            var token = (isSeller ? seller : buyer).Token;
            using var get = await _servers.Server(isSeller).SendAsync(HttpMethod.Get, path, token: token);
            using var head = await _servers.Server(isSeller).SendAsync(HttpMethod.Head, path, token: token);
            Assert.Equal(get.StatusCode, head.StatusCode);
            Assert.Equal(Names(get), Names(head));
            Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
            Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancellation));
        }

        // These two only say how the body's length is transferred.
        static IEnumerable<string> Names(HttpResponseMessage response) =>
            response
                .Headers.Concat(response.Content.Headers)
                .Select(header => header.Key)
                .Where(name => name is not ("Transfer-Encoding" or "Content-Length"))
                .Order();
    }

    [Fact]
    public async Task OPTIONS_tells_the_methods_of_a_path_and_so_does_405()
    {
        foreach (
            var (isSeller, path) in _servers.Endpoints.Select(endpoint => (endpoint.IsSeller, endpoint.Path)).Distinct()
        )
        {
            var methods = _servers
                .Endpoints.Where(endpoint => endpoint.IsSeller == isSeller && endpoint.Path == path)
                .Select(endpoint => endpoint.Method.Method);
            var allowed = methods
                .Concat(methods.Contains("GET") ? ["HEAD", "OPTIONS"] : ["OPTIONS"])
                .Distinct()
                .Order()
                .ToArray();
            using var options = await _servers.Server(isSeller).SendAsync(HttpMethod.Options, path);
            Assert.Equal(HttpStatusCode.NoContent, options.StatusCode);
            Assert.Equal(allowed, options.Content.Headers.Allow.Order());
            using var wrong = await _servers.Server(isSeller).SendAsync(HttpMethod.Patch, path);
            Assert.Equal(allowed, wrong.Content.Headers.Allow.Order());
            await wrong.ProblemAsync(405, ErrorCodes.MethodNotAllowed);
        }
    }

    [Fact]
    public async Task Every_answer_has_an_id_of_its_own_that_its_log_lines_carry_with_the_clients()
    {
        var gone = marketplace.Cluster with { Customers = new DatabaseGroup { Replicas = [new() { GrpcPort = 1 }] } };
        var log = new WatchedLog();
        var builder = InProcessMarketplace.Builder();
        builder.Logging.AddProvider(log);
        await using var app = SellerServer.Build(
            builder,
            gone,
            0,
            new ServerSettings { CallDeadline = TimeSpan.FromMilliseconds(300) }
        );
        await app.StartAsync(Cancellation);
        using var server = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            BaseAddress = new Uri(app.Urls.Single()),
        };

        const string traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        using var request = new HttpRequestMessage(HttpMethod.Get, "/items");
        request.Headers.Add("Authorization", $"Bearer {Call.NewToken(1).Token}");
        request.Headers.Add("Request-Id", "mine.7");
        request.Headers.Add("traceparent", traceParent);
        using var response = await server.SendAsync(request, Cancellation);
        var id = Assert.Single(response.Headers.GetValues("Request-Id"));
        Assert.Matches("^[A-Za-z0-9_-]{16,32}$", id);
        Assert.Equal(id, (await response.ProblemAsync(503, ErrorCodes.Unavailable)).RequestId);
        Assert.Contains(
            log.Lines,
            line =>
                line.Category.StartsWith("Agora.Servers.", StringComparison.Ordinal)
                && line.Scopes.Contains(
                    $"Request-Id: {id}, Client-Request-Id: mine.7, traceparent: {traceParent}",
                    StringComparison.Ordinal
                )
        );

        using var forged = new HttpRequestMessage(HttpMethod.Get, "/items");
        forged.Headers.Add("Authorization", $"Bearer {Call.NewToken(1).Token}");
        forged.Headers.TryAddWithoutValidation("Request-Id", "x [31m forged");
        forged.Headers.TryAddWithoutValidation("traceparent", traceParent.ToUpperInvariant());
        using var answer = await server.SendAsync(forged, Cancellation);
        Assert.NotEqual(id, Assert.Single(answer.Headers.GetValues("Request-Id")));
        Assert.DoesNotContain(
            log.Lines,
            line =>
                line.Scopes.Contains("forged", StringComparison.Ordinal)
                || line.Scopes.Contains("0AF7", StringComparison.Ordinal)
        );
        foreach (var path in new[] { "/health/live", "/openapi/v1.json", "/nothing" })
        {
            using var any = await server.SendAsync(HttpMethod.Get, path);
            Assert.NotEmpty(Assert.Single(any.Headers.GetValues("Request-Id")));
        }
    }

    [Theory]
    [InlineData(HttpStatusCode.RequestUriTooLong, 5_000, 1, 1)]
    [InlineData(HttpStatusCode.RequestUriTooLong, 30_000, 1, 1)]
    [InlineData(HttpStatusCode.RequestHeaderFieldsTooLarge, 1, 1, 17_000)]
    [InlineData(HttpStatusCode.RequestHeaderFieldsTooLarge, 1, 1, 40_000)]
    [InlineData(HttpStatusCode.RequestHeaderFieldsTooLarge, 1, 120, 10)]
    public async Task What_is_too_long_is_refused_as_a_problem(HttpStatusCode status, int path, int headers, int value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/" + new string('x', path));
        for (var i = 0; i < headers; i++)
        {
            request.Headers.Add($"X-{i}", new string('x', value));
        }

        using var response = await _servers.Buyer.SendAsync(request, Cancellation);
        await response.ProblemAsync((int)status, ErrorCodes.InvalidRequest);
    }

    [Theory]
    [InlineData(400, "GARBAGE\r\n\r\n")]
    [InlineData(400, "GET / HTTP/1.1\r\n\r\n")]
    [InlineData(400, "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData(400, "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n")]
    [InlineData(400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")]
    [InlineData(400, "GET / HTTP/1.1\r\nHost: x\r\n folded: x\r\n\r\n")]
    [InlineData(400, "POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n")]
    [InlineData(400, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n")]
    [InlineData(505, "GET / HTTP/9.1\r\nHost: x\r\n\r\n")]
    public async Task What_is_not_even_HTTP_is_refused_as_a_problem_and_the_connection_ends(int status, string request)
    {
        var answer = (await RawAsync(request)).Split("HTTP/1.1 ")[^1];
        Assert.StartsWith($"{status} ", answer, StringComparison.Ordinal);
        var (head, body) = (
            answer[..answer.IndexOf("\r\n\r\n", StringComparison.Ordinal)],
            answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]
        );
        Assert.Contains("\r\nContent-Type: application/problem+json\r\n", head, StringComparison.Ordinal);
        Assert.Contains($"\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n", head, StringComparison.Ordinal);
        var problem = JsonSerializer.Deserialize(body, AgoraJson.Default.Problem)!;
        Assert.Equal((status, ErrorCodes.InvalidRequest), (problem.Status, problem.Code));
        Assert.Contains($"\r\nRequest-Id: {problem.RequestId}", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("80000000\r\n")]
    [InlineData("FFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n")]
    [InlineData("xyz\r\n{}\r\n")]
    [InlineData("-1\r\n{}\r\n")]
    [InlineData("2\r\n{}garbage\r\n")]
    [InlineData("2;\0\r\n{}\r\nq\r\n")]
    public async Task A_body_whose_chunks_are_malformed_is_a_bad_request_at_every_function_that_reads_one(string chunks)
    {
        foreach (var path in new[] { "POST /sessions", "POST /buyers", "POST /cart/items", "DELETE /cart" })
        {
            var answer = await RawAsync(
                $"{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                    + $"Authorization: Bearer {new string('A', 54)}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
            );
            Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Versions_without_end_in_If_Match_are_400()
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, "/items/1-1/price")
        {
            Content = new StringContent("{\"price\":1}", Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("Authorization", $"Bearer {new string('A', 54)}");
        request.Headers.Add("If-Match", string.Join(',', Enumerable.Range(0, 300).Select(i => $"\"{i}\"")));
        using var response = await _servers.Seller.SendAsync(request, Cancellation);
        var problem = await response.ProblemAsync(400, ErrorCodes.InvalidRequest);
        Assert.Contains("If-Match", problem.Errors!.Keys);
    }

    [Fact]
    public async Task Unknown_fields_without_end_are_not_all_named_back()
    {
        var fields = string.Join(',', Enumerable.Range(0, 5_000).Select(i => $"\"f{i}\":1"));
        using var content = new StringContent($"{{{fields}}}", Encoding.UTF8, "application/json");
        using var response = await _servers.Buyer.PostAsync("/sessions", content, Cancellation);
        Assert.InRange((await response.ProblemAsync(400, ErrorCodes.InvalidRequest)).Errors!.Count, 1, 30);
    }

    [Fact]
    public async Task A_HEAD_that_is_not_HTTP_gets_no_body() =>
        Assert.EndsWith("\r\n\r\n", await RawAsync("HEAD / HTTP/1.1\r\nHost: a b\r\n\r\n"), StringComparison.Ordinal);

    // Everything that the server sends until it ends the connection.
    private async Task<string> RawAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(_servers.Buyer.BaseAddress!.Host, _servers.Buyer.BaseAddress.Port, Cancellation);
        var connection = client.GetStream();
        await connection.WriteAsync(Encoding.Latin1.GetBytes(request), Cancellation);
        var answer = new MemoryStream();
        try
        {
            await connection.CopyToAsync(answer, Cancellation);
        }
        catch (IOException)
        {
            // The server did not read the whole request, so the connection is reset after the answer.
        }

        return Encoding.UTF8.GetString(answer.ToArray());
    }
}
