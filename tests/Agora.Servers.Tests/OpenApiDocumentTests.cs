using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agora.Rest;

namespace Agora.Servers.Tests;

/// <summary>
/// The OpenAPI documents are valid and readable, with examples and the bounds that the servers check.
/// </summary>
public sealed class OpenApiDocumentTests(InProcessMarketplace marketplace)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, "kept for 1 minute;")]
    [InlineData(15, "kept for 15 minutes;")]
    public void The_time_for_which_an_answer_is_kept_has_the_right_number(int minutes, string text)
    {
        var document = JsonNode
            .Parse(
                """
                {
                  "info": {}, "components": { "schemas": {} },
                  "paths": { "/cart/save": { "post": { "operationId": "SaveCart", "responses": {} } } }
                }
                """
            )!
            .AsObject();
        OpenApiRules.Complete(document, new Dictionary<string, Function> { ["SaveCart"] = new("SaveCart") }, minutes);
        Assert.Contains(text, document.ToJsonString(), StringComparison.Ordinal);
    }

    // The rules of Spectral and Redocly for OpenAPI, without changes.
    [Theory]
    [InlineData(
        "spectral",
        "lint",
        "--ruleset",
        "rules.yaml",
        "--fail-severity",
        "error",
        "--quiet",
        "--display-only-failures",
        "seller.json",
        "buyer.json"
    )]
    [InlineData("redocly", "lint", "--extends", "recommended", "seller.json", "buyer.json")]
    public async Task A_public_linter_finds_no_error_in_the_documents(string linter, params string[] arguments)
    {
        var program = Path.Combine(Root(), "artifacts", "tools", "node_modules", ".bin", linter);
        Assert.SkipUnless(File.Exists(program), $"{linter} is not installed; ./test does that");
        var directory = Directory.CreateTempSubdirectory("agora-openapi-");
        try
        {
            await File.WriteAllTextAsync(
                Path.Combine(directory.FullName, "rules.yaml"),
                "extends: [\"spectral:oas\"]\n",
                Cancellation
            );
            await File.WriteAllTextAsync(
                Path.Combine(directory.FullName, "seller.json"),
                await DocumentAsync(marketplace.Seller),
                Cancellation
            );
            await File.WriteAllTextAsync(
                Path.Combine(directory.FullName, "buyer.json"),
                await DocumentAsync(marketplace.Buyer),
                Cancellation
            );
            using var lint = Process.Start(
                new ProcessStartInfo(program, arguments)
                {
                    WorkingDirectory = directory.FullName,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                    // Neither linter looks for a newer version or reports its use.
                    Environment = { ["REDOCLY_TELEMETRY"] = "off", ["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true" },
                }
            )!;
            var output = lint.StandardOutput.ReadToEndAsync(Cancellation);
            var errors = await lint.StandardError.ReadToEndAsync(Cancellation);
            await lint.WaitForExitAsync(Cancellation);
            Assert.True(lint.ExitCode == 0, await output + errors);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_document_is_built_once_and_its_ETag_spares_sending_it_again()
    {
        using var first = await marketplace.Seller.SendAsync(HttpMethod.Get, "/openapi/v1.json");
        using var second = await marketplace.Seller.SendAsync(HttpMethod.Get, "/openapi/v1.json");
        Assert.Equal(
            await first.Content.ReadAsByteArrayAsync(Cancellation),
            await second.Content.ReadAsByteArrayAsync(Cancellation)
        );
        var tag = first.Headers.ETag!;
        foreach (
            var (accepted, status) in new[] { ("identity", HttpStatusCode.NotModified), ("gzip", HttpStatusCode.OK) }
        )
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json")
            {
                Headers = { IfNoneMatch = { tag } },
            };
            request.Headers.Add("Accept-Encoding", accepted);
            using var answer = await marketplace.Seller.SendAsync(request, Cancellation);
            Assert.Equal(status, answer.StatusCode);
            Assert.Equal(status == HttpStatusCode.NotModified, tag.Equals(answer.Headers.ETag));
            Assert.InRange((await answer.Content.ReadAsByteArrayAsync(Cancellation)).Length, 0, 20_000);
        }
    }

    [Fact]
    public async Task Texts_and_types_of_the_documents_are_for_readers_of_any_language()
    {
        foreach (var server in new[] { marketplace.Seller, marketplace.Buyer })
        {
            var text = await DocumentAsync(server);
            foreach (
                var leftover in new[]
                {
                    "&lt;",
                    "&gt;",
                    "ErrorCodes",
                    "NullableOf",
                    "Problem.",
                    "Request.",
                    "<see",
                    "cref",
                }
            )
            {
                Assert.DoesNotContain(leftover, text, StringComparison.Ordinal);
            }

            using var document = JsonDocument.Parse(text);
            Assert.Equal("/", document.RootElement.GetProperty("servers")[0].GetProperty("url").GetString());
            foreach (
                var operation in document
                    .RootElement.GetProperty("paths")
                    .EnumerateObject()
                    .SelectMany(path => path.Value.EnumerateObject())
            )
            {
                var isOpen = operation.Value.GetProperty("operationId").GetString() is "CreateAccount" or "Login";
                Assert.Equal(
                    isOpen ? 0 : 1,
                    operation
                        .Value.GetProperty("security")
                        .EnumerateArray()
                        .Count(need => need.TryGetProperty("bearer", out _))
                );
                foreach (var response in operation.Value.GetProperty("responses").EnumerateObject())
                {
                    var headers = response.Value.GetProperty("headers");
                    Assert.True(headers.TryGetProperty("Request-Id", out _));
                    Assert.Equal(
                        response.Name is "429" or "503",
                        headers.TryGetProperty("Retry-After", out _) && response.Name != "409"
                    );
                }
            }
        }
    }

    // The bounds of the schemas are those that the servers check: each bound is tried on both sides.
    [Fact]
    public async Task The_bounds_of_a_request_in_its_schema_are_those_that_the_server_keeps()
    {
        var seller = await marketplace.NewSellerAsync();
        var buyer = await marketplace.NewBuyerAsync();
        var item = await InProcessMarketplace.NewItemAsync(seller, 1000);
        var tried = 0;
        foreach (
            var call in FunctionCall
                .All(seller, buyer, item)
                .Where(call => call.Body is not null && call.Function != "MakePurchase")
        )
        {
            using var document = JsonDocument.Parse(await DocumentAsync(call.Caller.Server));
            var root = document.RootElement;
            var operation = root.GetProperty("paths")
                .EnumerateObject()
                .SelectMany(path => path.Value.EnumerateObject())
                .Single(operation => operation.Value.GetProperty("operationId").GetString() == call.Function)
                .Value;
            var reference = operation
                .GetProperty("requestBody")
                .GetProperty("content")
                .GetProperty("application/json")
                .GetProperty("schema")
                .GetProperty("$ref")
                .GetString()!;
            var schema = root.GetProperty("components")
                .GetProperty("schemas")
                .GetProperty(reference[(reference.LastIndexOf('/') + 1)..]);
            var required = schema
                .GetProperty("required")
                .EnumerateArray()
                .Select(field => field.GetString())
                .ToHashSet();
            foreach (var field in schema.GetProperty("properties").EnumerateObject())
            {
                var body = JsonSerializer.SerializeToNode(call.Body, call.Body!.GetType())!.AsObject();
                Assert.Equal(required.Contains(field.Name), await IsRefusedAsync(call, body, field.Name, null));
                foreach (var (value, isWithin) in AroundBounds(field.Value))
                {
                    tried++;
                    Assert.True(
                        isWithin != await IsRefusedAsync(call, body, field.Name, value),
                        $"{call.Function} {field.Name}: {value?.ToJsonString()}"
                    );
                }
            }
        }

        Assert.True(tried > 40, $"{tried} values were tried");

        static IEnumerable<(JsonNode? Value, bool IsWithin)> AroundBounds(JsonElement schema)
        {
            int? Bound(string name) => schema.TryGetProperty(name, out var bound) ? bound.GetInt32() : null;
            if (Bound("minLength") is { } min)
            {
                yield return (new string('x', min - 1), false);
                yield return (new string('x', min), true);
            }

            if (Bound("maxLength") is { } max)
            {
                yield return (new string('x', max + 1), false);
                yield return (new string('x', max), true);
            }

            if (Bound("maxItems") is { } items)
            {
                yield return (new JsonArray([.. Enumerable.Range(0, items + 1).Select(i => (JsonNode)$"{i}")]), false);
                yield return (new JsonArray([.. Enumerable.Range(0, items).Select(i => (JsonNode)$"{i}")]), true);
            }

            foreach (var (name, beyond) in new[] { ("minimum", -1), ("maximum", 1) })
            {
                if (schema.TryGetProperty(name, out var bound))
                {
                    yield return (bound.GetDecimal() + beyond, false);
                    yield return (bound.GetDecimal(), true);
                }
            }

            if (schema.TryGetProperty("exclusiveMinimum", out _))
            {
                yield return (0, false);
                yield return (schema.GetProperty("multipleOf").GetDecimal(), true);
                yield return (schema.GetProperty("multipleOf").GetDecimal() / 10, false);
            }

            foreach (var word in schema.TryGetProperty("pattern", out _) ? ["03-1", "x"] : Array.Empty<string>())
            {
                yield return (word, false);
            }
        }

        // Whether the field is refused, whatever else becomes of the call.
        static async Task<bool> IsRefusedAsync(FunctionCall call, JsonObject body, string field, JsonNode? value)
        {
            var changed = body.DeepClone().AsObject();
            changed[field] = value?.DeepClone();
            using var answer = await call.Caller.Server.SendAsync(
                call.Method,
                call.Path,
                changed,
                token: call.NeedsSession ? call.Caller.Token : null
            );
            if (answer.StatusCode != HttpStatusCode.BadRequest)
            {
                return false;
            }

            var problem = JsonSerializer.Deserialize(
                await answer.Content.ReadAsStringAsync(Cancellation),
                AgoraJson.Default.Problem
            )!;
            Assert.Equal([field], problem.Errors!.Keys);
            return true;
        }
    }

    [Fact]
    public async Task Every_body_and_every_answer_has_an_example()
    {
        foreach (var server in new[] { marketplace.Seller, marketplace.Buyer })
        {
            using var document = JsonDocument.Parse(await DocumentAsync(server));
            var schemas = document.RootElement.GetProperty("components").GetProperty("schemas").EnumerateObject();
            string[] parts =
            [
                "ItemFeedback",
                "ItemCondition",
                "NullableOfItemCondition",
                "Thumb",
                "NullableOfThumb",
                "CartLine",
                "PurchaseLine",
                "Purchase",
                "PurchasePage",
                "Sale",
                "Problem",
            ];
            Assert.All(
                schemas.Where(s => !parts.Contains(s.Name)),
                schema => Assert.True(schema.Value.TryGetProperty("examples", out _), schema.Name)
            );
        }
    }

    private static Task<string> DocumentAsync(HttpClient server) =>
        server.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative), Cancellation);

    private static string Root()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Agora.slnx")))
        {
            directory =
                Path.GetDirectoryName(directory)
                ?? throw new InvalidOperationException("these tests run from a build inside the repository");
        }

        return directory;
    }
}
