using System.Security.Cryptography;
using System.Text;
using Agora.Contracts.Customers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Agora.Servers.Tests;

/// <summary>What a call knows before it asks a database: who calls, and which request it repeats.</summary>
public sealed class CallTests
{
    private const string Key = "a-key";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_is_256_random_bits_and_the_account_and_the_database_knows_the_hash_of_all_of_it()
    {
        var (token, hash) = Call.NewToken(0x0102030405060708);
        var bytes = System.Buffers.Text.Base64Url.DecodeFromChars(token);
        Assert.Equal(40, bytes.Length);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], bytes[32..]);
        Assert.Equal(SHA256.HashData(bytes), hash.ToByteArray());
        var other = Call.NewToken(0x0102030405060708).Token;
        Assert.NotEqual(token[..42], other[..42]);

        var (call, refusal) = await BeginAsync(request => request.Headers.Authorization = $"bearer {token}");
        Assert.Null(refusal);
        Assert.Equal(0x0102030405060708, call!.ClaimedAccountId);
        Assert.Equal(hash, call.Session.TokenHash);
    }

    public static TheoryData<string> NotTokens()
    {
        var (token, _) = Call.NewToken(1);
        return
        [
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            "Bearer xx",
            "Bearer xxxxx",
            "Bearer !!!!",
            "Bearer A.B.C",
            "Bearer {token}",
            "Bearer undefined",
            $"Basic {token}",
            token,
            $"Bearer {token}=",
            $"Bearer {token}==",
            $"Bearer {token}A",
            $"Bearer {token[..^1]}",
            $"Bearer {token[..^1]} A",
            $"Bearer {token[..20]} {token[20..]}",
            $"Bearer {token[..20]}\t{token[21..]}",
            $"Bearer {token[..^1]}!",
            $"Bearer {token[..^1]}=",
            $"Bearer {token[..^2]}==",
            // The last letter encodes four bits that belong to no byte.
            $"Bearer {token[..^1]}B",
            $"Bearer {token[..^1]}_",
            $"Bearer {new string('=', 54)}",
            $"Bearer {new string('+', 54)}",
            $"Bearer {new string('é', 54)}",
            $"Bearer {Convert.ToBase64String(Enumerable.Repeat((byte)0xFB, 40).ToArray()).TrimEnd('=')}",
            $"Bearer {Convert.ToBase64String(new byte[32]).TrimEnd('=')}",
            $"Bearer {new string('A', 1000)}",
        ];
    }

    [Theory]
    [MemberData(nameof(NotTokens))]
    public async Task What_is_no_token_is_401_even_where_a_visitor_may_come_without_one(string header)
    {
        foreach (var need in new[] { SessionNeed.Required, SessionNeed.Optional })
        {
            var (_, refusal) = await BeginAsync(
                request => request.Headers.Authorization = header,
                new("GetItem") { Session = need }
            );
            Assert.Equal(401, refusal?.Status);
        }

        Assert.Null(
            (
                await BeginAsync(
                    request => request.Headers.Authorization = header,
                    new("Login") { Session = SessionNeed.None }
                )
            ).Item2
        );
    }

    [Fact]
    public async Task A_visitor_needs_no_token_where_a_session_is_optional()
    {
        var (call, refusal) = await BeginAsync(
            request => request.Headers.Authorization = default,
            new("GetItem") { Session = SessionNeed.Optional }
        );
        Assert.Null(refusal);
        Assert.False(call!.HasSession);
        Assert.Throws<InvalidOperationException>(() => call.ClaimedAccountId);
    }

    [Fact]
    public async Task A_request_id_follows_from_function_role_account_and_key_and_from_nothing_less()
    {
        var id = (await CallAsync()).RequestId(7);
        Assert.Equal(
            id,
            (await CallAsync(request => request.Headers.Authorization = $"Bearer {Call.NewToken(7).Token}")).RequestId(
                7
            )
        );
        Assert.NotEqual(id, (await CallAsync()).RequestId(8));
        Assert.NotEqual(id, (await CallAsync(request => request.Headers["Idempotency-Key"] = "another")).RequestId(7));
        Assert.NotEqual(id, (await CallAsync(function: new("ClearCart"))).RequestId(7));
        Assert.NotEqual(id, (await CallAsync(role: Role.Seller)).RequestId(7));
        Assert.NotEqual(id, (await CallAsync(request => request.Headers.Remove("Idempotency-Key"))).RequestId(7));
    }

    [Fact]
    public async Task A_fingerprint_is_one_for_all_spellings_of_a_request_and_another_for_each_other_request()
    {
        const string body = """{"name":"Bike","price":12.5,"quantity":2,"keywords":["red","bike"]}""";
        var fingerprint = await FingerprintAsync(body);
        Assert.NotEqual(0UL, fingerprint);
        string[] same =
        [
            """{ "quantity" : 2.0, "keywords": ["red", "bike", "RED"], "price": 1.250e1, "name": " \u0042ike " }""",
            """{"name":"Bike","price":12.50,"quantity":2,"keywords":["ｒed","bike"]}""",
        ];
        foreach (var spelling in same)
        {
            Assert.Equal(fingerprint, await FingerprintAsync(spelling));
        }

        string[] others =
        [
            """{"name":"bike","price":12.5,"quantity":2,"keywords":["red","bike"]}""",
            """{"name":"Bike","price":12.51,"quantity":2,"keywords":["red","bike"]}""",
            """{"name":"Bike","price":12.5,"quantity":3,"keywords":["red","bike"]}""",
            """{"name":"Bike","price":12.5,"quantity":2,"keywords":["bike","red"]}""",
            """{"name":"Bike","price":12.5,"quantity":2,"keywords":["redbike"]}""",
            """{"name":"Bike","price":12.5,"quantity":2,"keywords":["red"]}""",
            """{"name":"Bike","price":12.5,"quantity":2}""",
        ];
        var all = new List<ulong> { fingerprint };
        foreach (var other in others)
        {
            all.Add(await FingerprintAsync(other));
        }

        all.Add(await FingerprintAsync(body, request => request.RouteValues["itemId"] = "3-2"));
        all.Add(await FingerprintAsync(body, request => request.Headers.IfMatch = "\"1\""));
        all.Add(await FingerprintAsync(body, request => request.Headers.IfMatch = "\"2\""));
        Assert.Equal(all.Count, all.Distinct().Count());
        Assert.Equal(0UL, await FingerprintAsync(body, request => request.Headers.Remove("Idempotency-Key")));
    }

    [Fact]
    public async Task A_fingerprint_holds_nothing_of_a_password_or_a_card()
    {
        static ulong Read(Call call, RequestFields fields)
        {
            fields.NewPassword("password");
            Card.Read(fields, TimeProvider.System);
            Assert.Null(fields.Refusal);
            return call.Fingerprint(fields);
        }

        const string card =
            "\"cardNumber\":\"4111111111111111\",\"expirationDate\":\"12/39\",\"securityCode\":\"123\","
            + "\"cardholderName\":\"Bea\"";
        const string otherCard =
            "\"cardNumber\":\"4000000000000002\",\"expirationDate\":\"11/38\",\"securityCode\":\"321\","
            + "\"cardholderName\":\"Sam\"";
        var one = await FingerprintAsync("{\"password\":\"correct-horse\"," + card + "}", read: Read);
        var other = await FingerprintAsync("{\"password\":\"battery-staple\"," + otherCard + "}", read: Read);
        Assert.Equal(one, other);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("{}", true)]
    [InlineData(" {\n} ", true)]
    [InlineData("\r\n", true)]
    [InlineData("{", false)]
    [InlineData("}", false)]
    [InlineData("[]", false)]
    [InlineData("null", false)]
    [InlineData("{\"quantity\":1}", false)]
    [InlineData("garbage", false)]
    [InlineData("\0", false)]
    public async Task A_call_that_takes_no_body_refuses_one_that_says_something(string body, bool passes)
    {
        var (_, refusal) = await BeginAsync(request => Write(request, body));
        Assert.Equal(passes ? null : 400, refusal?.Status);
        Assert.Equal(passes ? null : ["body"], refusal?.Errors?.Keys);
    }

    [Fact]
    public async Task A_call_that_changes_nothing_looks_at_no_Idempotency_Key()
    {
        var (call, refusal) = await BeginAsync(request =>
        {
            request.Method = "GET";
            request.Headers["Idempotency-Key"] = "not one, but two";
        });
        Assert.Null(refusal);
        Assert.Null(call!.Key);
    }

    [Fact]
    public async Task If_Match_is_read_where_the_function_honours_it_and_ignored_elsewhere()
    {
        static void Condition(HttpRequest request) => request.Headers.IfMatch = "nonsense";
        var honours = new Function("ChangeItemPrice") { HonoursIfMatch = true };
        var (_, refusal) = await BeginAsync(Condition, honours);
        Assert.Equal(["If-Match"], refusal!.Errors!.Keys);
        Assert.Null((await BeginAsync(Condition)).Item2);
        Assert.Equal([3], (await CallAsync(request => request.Headers.IfMatch = "\"3\"", honours)).IfVersion);
    }

    private static async Task<ulong> FingerprintAsync(
        string body,
        Action<HttpRequest>? change = null,
        Func<Call, RequestFields, ulong>? read = null
    )
    {
        var call = await CallAsync(
            request =>
            {
                request.RouteValues["itemId"] = "3-1";
                change?.Invoke(request);
            },
            new("ChangeItemPrice") { HonoursIfMatch = true }
        );
        Write(call.Http.Request, body);
        call.Http.Request.ContentType = "application/json";
        return (read ?? ReadItem)(call, await call.BodyAsync());

        static ulong ReadItem(Call call, RequestFields fields)
        {
            fields.Name("name");
            fields.Cents("price");
            fields.Integer("quantity", 0, FieldBounds.MaxUnits);
            fields.Keywords("keywords");
            Assert.Null(fields.Refusal);
            return call.Fingerprint(fields);
        }
    }

    private static async Task<Call> CallAsync(
        Action<HttpRequest>? change = null,
        Function? function = null,
        Role role = Role.Buyer
    )
    {
        var (call, refusal) = await BeginAsync(change, function, role);
        Assert.Null(refusal);
        return call!;
    }

    private static async Task<(Call?, Refusal?)> BeginAsync(
        Action<HttpRequest>? change = null,
        Function? function = null,
        Role role = Role.Buyer
    )
    {
        var http = new DefaultHttpContext();
        http.Request.Method = "POST";
        http.Request.Headers.Authorization = $"Bearer {Call.NewToken(7).Token}";
        http.Request.Headers["Idempotency-Key"] = Key;
        change?.Invoke(http.Request);
        return await Call.BeginAsync(http, function ?? new("SaveCart"), role, Cancellation);
    }

    private static void Write(HttpRequest request, string body)
    {
        request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        request.HttpContext.Features.Set<IHttpRequestBodyDetectionFeature>(new HasBody());
    }

    private sealed class HasBody : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => true;
    }
}
