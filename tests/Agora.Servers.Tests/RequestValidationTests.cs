using System.Net;
using System.Text;
using System.Text.Json;
using Agora.Rest;
using CsCheck;

namespace Agora.Servers.Tests;

/// <summary>What a request must be, and how a wrong one is answered. "No input makes a server answer 500."</summary>
public sealed class RequestValidationTests(InProcessMarketplace marketplace)
{
    private static readonly string s_long = new('x', 110);

    private static readonly Dictionary<string, CallWithBody> s_calls = new()
    {
        ["CreateAccount"] = new(
            true,
            HttpMethod.Post,
            "/sellers",
            new()
            {
                ["name"] = "\"Sam\"",
                ["username"] = "\"hostile\"",
                ["password"] = "\"correct-horse\"",
            }
        ),
        ["Login"] = new(
            true,
            HttpMethod.Post,
            "/sessions",
            new() { ["username"] = "\"hostile\"", ["password"] = "\"wrong\"" }
        ),
        ["RegisterItemForSale"] = new(
            true,
            HttpMethod.Post,
            "/items",
            new()
            {
                ["name"] = "\"Bike\"",
                ["category"] = "3",
                ["keywords"] = "[\"red\"]",
                ["condition"] = "\"new\"",
                ["price"] = "12.50",
                ["quantity"] = "1",
            }
        ),
        ["ChangeItemPrice"] = new(true, HttpMethod.Put, "/items/3-1/price", new() { ["price"] = "1" }),
        ["UpdateUnitsForSale"] = new(true, HttpMethod.Post, "/items/3-1/withdrawals", new() { ["quantity"] = "1" }),
        ["AddItemToCart"] = new(
            false,
            HttpMethod.Post,
            "/cart/items",
            new() { ["itemId"] = "\"3-1\"", ["quantity"] = "1" }
        ),
        ["MakePurchase"] = new(
            false,
            HttpMethod.Post,
            "/purchases",
            new()
            {
                ["cardholderName"] = "\"Bea\"",
                ["cardNumber"] = "\"4111111111111111\"",
                ["expirationDate"] = "\"12/99\"",
                ["securityCode"] = "\"123\"",
            }
        ),
        ["ProvideFeedback"] = new(false, HttpMethod.Post, "/items/3-1/feedback", new() { ["thumb"] = "\"up\"" }),
    };

    private static readonly string[] s_paths =
    [
        "/sellers",
        "/sellers/me/rating",
        "/sellers/{0}/rating",
        "/buyers",
        "/sessions",
        "/sessions/current",
        "/items",
        "/items/{0}",
        "/items/{0}/price",
        "/items/{0}/withdrawals",
        "/items/{0}/feedback",
        "/cart",
        "/cart/save",
        "/cart/items",
        "/cart/items/{0}",
        "/purchases",
        "/{0}",
        "/health/{0}",
        "/openapi/{0}.json",
    ];

    public static TheoryData<string, string, string> WrongFields()
    {
        var data = new TheoryData<string, string, string>();
        void Add(string call, string field, params string[] values)
        {
            foreach (var value in values)
            {
                data.Add(call, field, value);
            }
        }

        string[] notTexts = ["5", "true", "[]", "{}", "null"];
        Add(
            "CreateAccount",
            "name",
            [.. notTexts, "\"\"", "\"  \"", $"\"{new string('x', 33)}\"", "\"a\\u0000b\"", "\"a\\nb\""]
        );
        Add("CreateAccount", "username", [.. notTexts, "\"\"", $"\"{new string('x', 65)}\""]);
        Add("CreateAccount", "password", [.. notTexts, "\"\"", $"\"{new string('x', 129)}\""]);
        Add("Login", "username", [.. notTexts, "\"\""]);
        Add("Login", "password", notTexts);
        Add("RegisterItemForSale", "name", [.. notTexts, $"\"{new string('x', 33)}\""]);
        Add("RegisterItemForSale", "category", "-1", "1.5", "\"3\"", "null", "2147483648", "1e99", "true");
        Add(
            "RegisterItemForSale",
            "keywords",
            "\"red\"",
            "{}",
            "[1]",
            "[null]",
            "[\"\"]",
            "[\"ninechars\"]",
            "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]"
        );
        Add("RegisterItemForSale", "condition", [.. notTexts, "\"New\"", "\"broken\"", "\"new, used\""]);
        Add(
            "RegisterItemForSale",
            "price",
            "0",
            "-1",
            "0.001",
            "12.505",
            "10000000",
            "12.340000000000000000000000000001",
            "1e-400",
            "-1e400",
            "9999999.991",
            "1e400",
            "\"5\"",
            "null",
            "[]"
        );
        Add(
            "RegisterItemForSale",
            "quantity",
            "-1",
            "0.5",
            "1000001",
            "\"1\"",
            "null",
            "2.0000000000000000000000000001"
        );
        Add("ChangeItemPrice", "price", "0", "-0.01", "1.999", "null", "\"1\"");
        Add("UpdateUnitsForSale", "quantity", "0", "-1", "1.5", "null", "1e9");
        Add("AddItemToCart", "itemId", [.. notTexts, "\"bike\"", "\"3-\"", "\"03-1\"", "\"3-1 \""]);
        Add("AddItemToCart", "quantity", "0", "-1", "1.5", "null", "99999999999");
        Add("MakePurchase", "cardholderName", [.. notTexts, "\"\"", "\"no XML \\ufffe\"", "\"\\uffff\""]);
        Add(
            "MakePurchase",
            "cardNumber",
            [
                .. notTexts,
                "\"4111111111111112\"",
                "\"41111111111\"",
                "\"41111111111111111111\"",
                "\"4111 1111 1111 1111\"",
                "\"٤١١١١١١١١١١١١١١١\"",
            ]
        );
        Add(
            "MakePurchase",
            "expirationDate",
            [.. notTexts, "\"13/99\"", "\"00/99\"", "\"1/99\"", "\"12/2099\"", "\"01/20\"", "\"12-99\""]
        );
        Add("MakePurchase", "securityCode", [.. notTexts, "\"12\"", "\"12345\"", "\"abc\""]);
        Add("ProvideFeedback", "thumb", [.. notTexts, "\"Up\"", "\"sideways\"", "\"up, down\""]);
        return data;
    }

    [Theory]
    [MemberData(nameof(WrongFields))]
    public async Task A_wrong_field_is_400_and_named(string call, string field, string value)
    {
        var problem = await SendAsync(call, Body(call, field, value));
        Assert.Equal([field], problem.Errors!.Keys);
        Assert.Contains(field, problem.Detail, StringComparison.Ordinal);
    }

    public static TheoryData<string> Calls() => [.. s_calls.Keys];

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task All_missing_fields_are_named_at_once(string call)
    {
        var problem = await SendAsync(call, "{}");
        Assert.Equal(
            s_calls[call].Fields.Keys.Where(field => field != "keywords").Order(),
            problem.Errors!.Keys.Order()
        );
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task An_unknown_or_doubled_field_is_named(string call)
    {
        var fields = s_calls[call].Fields;
        Assert.Equal(["colour"], (await SendAsync(call, Body(call, "colour", "1"))).Errors!.Keys);
        var (field, value) = fields.First();
        var doubled = Body(call, field, value).TrimEnd('}') + $",\"{field}\":{value}}}";
        Assert.Equal([field], (await SendAsync(call, doubled)).Errors!.Keys);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    [InlineData("{\"price\":1,}")]
    [InlineData("{\"price\":1} {}")]
    [InlineData("{\"price\":1e}")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("{\"price\":\"\\ud800\"}")]
    [InlineData("{\"price\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}")]
    public async Task A_body_that_is_not_a_JSON_object_is_400(string body) => await SendAsync("ChangeItemPrice", body);

    [Theory]
    [InlineData("?limit=0", "limit")]
    [InlineData("?limit=201", "limit")]
    [InlineData("?limit=ten", "limit")]
    [InlineData("?limit=1&limit=2", "limit")]
    [InlineData("?limit=1.5", "limit")]
    [InlineData("?limit=1%00", "limit")]
    [InlineData("?limit=%2B1", "limit")]
    [InlineData("?limit=01", "limit")]
    [InlineData("?limit=%D9%A1", "limit")]
    [InlineData("?limit=", "limit")]
    [InlineData("?cursor=forged", "cursor")]
    [InlineData("?cursor=", "cursor")]
    [InlineData("?Limit=1", "Limit")]
    [InlineData("?page=1", "page")]
    public async Task A_wrong_parameter_of_a_list_is_named(string query, string parameter)
    {
        var seller = await SellerAsync();
        var buyer = await BuyerAsync();
        foreach (var (caller, path) in new[] { (seller, "/items"), (buyer, "/purchases") })
        {
            var problem = await caller
                .SendAsync(HttpMethod.Get, path + query)
                .ProblemAsync(400, ErrorCodes.InvalidRequest);
            Assert.Equal([parameter], problem.Errors!.Keys);
        }
    }

    [Theory]
    [InlineData("", "category")]
    [InlineData("?category=-1", "category")]
    [InlineData("?category=bikes", "category")]
    [InlineData("?category=3%00", "category")]
    [InlineData("?category=03", "category")]
    [InlineData("?category=1&keyword=", "keyword")]
    [InlineData("?category=1&keyword=ninechars", "keyword")]
    [InlineData("?category=1&keyword=a&keyword=b&keyword=c&keyword=d&keyword=e&keyword=f", "keyword")]
    [InlineData("?category=1&cursor=forged", "cursor")]
    public async Task A_wrong_parameter_of_a_search_is_named(string query, string parameter)
    {
        var problem = await (await BuyerAsync())
            .SendAsync(HttpMethod.Get, "/items" + query)
            .ProblemAsync(400, ErrorCodes.InvalidRequest);
        Assert.Equal([parameter], problem.Errors!.Keys);
    }

    [Fact]
    public async Task A_wrong_quantity_to_remove_is_named()
    {
        var problem = await (
            await (await BuyerAsync()).SendAsync(HttpMethod.Delete, "/cart/items/3-1?quantity=0")
        ).ProblemAsync(400, ErrorCodes.InvalidRequest);
        Assert.Equal(["quantity"], problem.Errors!.Keys);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public async Task A_wrong_idempotency_key_is_400(string key)
    {
        var response = await (await BuyerAsync()).SendAsync(HttpMethod.Post, "/cart/save", key: key);
        Assert.Contains("Idempotency-Key", (await response.ProblemAsync(400, ErrorCodes.InvalidRequest)).Errors!.Keys);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("!!!!")]
    [InlineData("eyJhbGciOiJub25lIn0.e30.")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task Without_a_session_that_lives_every_function_is_401_but_two_and_what_a_visitor_may_see(
        string? token
    )
    {
        (HttpClient, HttpMethod, string)[] functions =
        [
            (marketplace.Seller, HttpMethod.Delete, "/sessions/current"),
            (marketplace.Seller, HttpMethod.Get, "/sellers/me/rating"),
            (marketplace.Seller, HttpMethod.Post, "/items"),
            (marketplace.Seller, HttpMethod.Put, "/items/3-1/price"),
            (marketplace.Seller, HttpMethod.Post, "/items/3-1/withdrawals"),
            (marketplace.Seller, HttpMethod.Get, "/items"),
            (marketplace.Buyer, HttpMethod.Delete, "/sessions/current"),
            (marketplace.Buyer, HttpMethod.Get, "/items?category=1"),
            (marketplace.Buyer, HttpMethod.Get, "/items/3-1"),
            (marketplace.Buyer, HttpMethod.Post, "/cart/items"),
            (marketplace.Buyer, HttpMethod.Delete, "/cart/items/3-1"),
            (marketplace.Buyer, HttpMethod.Post, "/cart/save"),
            (marketplace.Buyer, HttpMethod.Delete, "/cart"),
            (marketplace.Buyer, HttpMethod.Get, "/cart"),
            (marketplace.Buyer, HttpMethod.Post, "/purchases"),
            (marketplace.Buyer, HttpMethod.Get, "/purchases"),
            (marketplace.Buyer, HttpMethod.Post, "/items/3-1/feedback"),
            (marketplace.Buyer, HttpMethod.Get, "/sellers/1/rating"),
        ];
        string[] open = ["/items?category=1", "/items/3-1", "/sellers/1/rating"];
        foreach (
            var (server, method, path) in functions.Where(f =>
                token is not null || f.Item1 != marketplace.Buyer || !open.Contains(f.Item3)
            )
        )
        {
            var call = s_calls.Values.FirstOrDefault(call => call.Path == path && call.Method == method);
            HttpContent? body = call is null ? null : Json(Body(call.Fields));
            var response = await server.SendAsync(method, path, body, token: token);
            await response.ProblemAsync(401, ErrorCodes.NotLoggedIn);
            Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
        }
    }

    [Fact]
    public async Task Whatever_is_sent_the_answer_is_no_fault_of_the_server()
    {
        var seller = await marketplace.NewSellerAsync();
        var buyer = await marketplace.NewBuyerAsync();
        var hostile = Gen.OneOf(
            Gen.OneOf(
                "null",
                "true",
                "-1",
                "0",
                "1.5",
                "1e400",
                "-1e-400",
                "99999999999999999999999",
                "\"\"",
                "[]",
                "{}",
                "[[[[1]]]]",
                "{\"a\":{\"b\":1}}",
                "\"\\ud800\"",
                "\"\\u0000\"",
                "\"' OR 1=1 --\"",
                "\"%00\"",
                "\"../../etc\"",
                "\"🙂🙂🙂\"",
                "\"3-1\"",
                "\"4111111111111111\"",
                "\"12/99\"",
                "\"up\"",
                $"\"{s_long}\""
            ),
            Gen.String[Gen.Char['\u0001', '\uFFFF'], 0, 40].Select(text => JsonSerializer.Serialize(text))
        );
        var segment = Gen.OneOf(
            Gen.OneOf(
                "3-1",
                "0-0",
                "-",
                "3-",
                "%00",
                "%2e%2e",
                "%ff",
                "%F0%9F%99%82",
                "me",
                "current",
                "live",
                "v1",
                "' OR 1=1",
                s_long
            ),
            Gen.String[Gen.Char['!', '~'], 1, 20].Select(Uri.EscapeDataString)
        );
        var parameter = Gen.OneOf("limit", "cursor", "category", "keyword", "quantity", "x");
        // A call of a function with some wrong fields.
        var ofAFunction =
            from call in Gen.OneOf(s_calls.Values.ToArray())
            from odds in Gen.Int[0, 9].Array[call.Fields.Count]
            from values in hostile.Array[call.Fields.Count]
            from extra in Gen.OneOf("", "", "", ",\"x\":1", ",\"name\":1", "}", ",")
            let fields = call.Fields.Select((field, i) => $"\"{field.Key}\":{(odds[i] < 7 ? field.Value : values[i])}")
            select (call.Seller, call.Method, call.Path, Body: "{" + string.Join(',', fields) + extra + "}");
        var ofAnything =
            from isSeller in Gen.Bool
            from method in Gen.OneOf("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "FROB")
            from path in Gen.OneOf(s_paths)
            from place in segment
            from query in Gen.OneOf(Gen.Const(""), Gen.Select(parameter, segment, (name, value) => $"?{name}={value}"))
            from body in Gen.OneOf(Gen.Const(""), hostile)
            select (
                isSeller,
                new HttpMethod(method),
                path.Replace("{0}", place, StringComparison.Ordinal) + query,
                body
            );

        await Gen.OneOf(ofAFunction, ofAnything)
            .SampleAsync(
                async call =>
                {
                    var (isSeller, method, path, body) = call;
                    using var response = await (isSeller ? seller : buyer).SendAsync(
                        method,
                        path,
                        body.Length == 0 ? null : Json(body)
                    );
                    var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                    Assert.True((int)response.StatusCode < 500, $"{(int)response.StatusCode}: {text}");
                    // Kestrel refuses what is not HTTP, such as a zero byte in the path, before any code of ours runs.
                    var isHttp = response.StatusCode != HttpStatusCode.BadRequest || text.Length > 0;
                    if ((int)response.StatusCode >= 400 && method.Method != "HEAD" && isHttp)
                    {
                        var code = JsonSerializer.Deserialize(text, AgoraJson.Default.Problem)!.Code!;
                        await response.ProblemAsync((int)response.StatusCode, code);
                        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
                        Assert.DoesNotContain("127.0.0.1", text, StringComparison.Ordinal);
                    }
                    // After a random logout, a new caller takes over.
                    if (
                        response.StatusCode == HttpStatusCode.NoContent
                        && path.StartsWith("/sessions", StringComparison.Ordinal)
                    )
                    {
                        (seller, buyer) = isSeller
                            ? (await marketplace.NewSellerAsync(), buyer)
                            : (seller, await marketplace.NewBuyerAsync());
                    }
                },
                iter: 600,
                threads: 1
            );
    }

    private Task<Caller> SellerAsync() => marketplace.AnySeller.Value;

    private Task<Caller> BuyerAsync() => marketplace.AnyBuyer.Value;

    private static string Body(string call, string field, string value) =>
        Body(new Dictionary<string, string>(s_calls[call].Fields) { [field] = value });

    private static string Body(Dictionary<string, string> fields) =>
        "{" + string.Join(',', fields.Select(field => $"\"{field.Key}\":{field.Value}")) + "}";

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private async Task<Problem> SendAsync(string call, string body)
    {
        var caller = s_calls[call].Seller ? await SellerAsync() : await BuyerAsync();
        return await caller
            .SendAsync(s_calls[call].Method, s_calls[call].Path, Json(body))
            .ProblemAsync(400, ErrorCodes.InvalidRequest);
    }

    /// <summary>A call with a body: its server, path, and a valid JSON value for each field.</summary>
    private sealed record CallWithBody(bool Seller, HttpMethod Method, string Path, Dictionary<string, string> Fields);
}
