using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Agora.Contracts.Customers;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace Agora.Servers;

/// <summary>One call of a function: who asks, under which key, and until when. Handlers take it as a parameter.</summary>
internal sealed class Call
{
    public const int TokenBytes = 32;

    /// <summary>The SHA-256 of an account's username takes a session's place where there is none yet.</summary>
    private readonly byte[]? _tokenHash;

    private Call(HttpContext http, Function function, Role role, string? key, byte[]? tokenHash, CancellationToken deadline)
    {
        Http = http;
        Function = function;
        Role = role;
        Key = key;
        Deadline = deadline;
        _tokenHash = tokenHash;
    }

    public HttpContext Http { get; }

    public Function Function { get; }

    public Role Role { get; }

    /// <summary>The Idempotency-Key, where the user gave one.</summary>
    public string? Key { get; }

    /// <summary>Ends everything that this call does. Not ended by a user who hangs up: what has begun is finished.</summary>
    public CancellationToken Deadline { get; }

    /// <summary>The session; only where the function needs one.</summary>
    public Session Session => new() { TokenHash = ByteString.CopyFrom(_tokenHash), Role = Role };

    /// <summary>A call of this request, or why it is refused before its handler runs.</summary>
    public static (Call?, Refusal?) Begin(HttpContext http, Function function, Role role, CancellationToken deadline)
    {
        byte[]? tokenHash = null;
        if (function.NeedsSession && (tokenHash = TokenHash(http.Request)) is null)
        {
            return (null, Refusal.NotLoggedIn);
        }
        string? key = null;
        if (http.Request.Headers.TryGetValue("Idempotency-Key", out var keys))
        {
            key = keys is [{ Length: >= 1 and <= 64 } one] && one.All(c => c is > ' ' and <= '~') ? one : null;
            if (key is null)
            {
                return (null, Refusal.Invalid("Idempotency-Key", "must be one header of 1 to 64 visible ASCII characters"));
            }
        }
        foreach (var name in http.Request.Query.Keys)
        {
            if (!function.Query.Any(parameter => parameter.Name == name))
            {
                return (null, Refusal.Invalid(name.Length <= 40 ? name : name[..40], "is not a parameter of this call"));
            }
        }
        var call = new Call(http, function, role, key, tokenHash, deadline);
        http.Features.Set(call);
        return (call, null);
    }

    /// <summary>How minimal APIs hand the call to a handler.</summary>
    public static ValueTask<Call?> BindAsync(HttpContext http) => new(http.Features.Get<Call>());

    /// <summary>The id of this call's command, within its session.</summary>
    public ByteString RequestId() => Key is null ? Servers.RequestId.Random() : Servers.RequestId.Derive(Function.Name, _tokenHash, Key);

    /// <summary>The id of this call's command where there is no session yet.</summary>
    public ByteString RequestId(string username) =>
        Key is null
            ? Servers.RequestId.Random()
            : Servers.RequestId.Derive($"{Function.Name} {Role}", Encoding.UTF8.GetBytes(username), Key);

    public Task<Fields> BodyAsync() => Fields.OfBodyAsync(Http.Request, Deadline);

    public Fields Query() => Fields.OfQuery(Http.Request);

    /// <summary>A new session's token, and what the database knows it by.</summary>
    public static (string Token, ByteString Hash) NewToken()
    {
        var token = RandomNumberGenerator.GetBytes(TokenBytes);
        return (Base64Url.EncodeToString(token), ByteString.CopyFrom(SHA256.HashData(token)));
    }

    private static byte[]? TokenHash(HttpRequest request)
    {
        const string scheme = "Bearer ";
        Span<byte> token = stackalloc byte[TokenBytes];
        return request.Headers.Authorization is [{ } header] && header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
            && Base64Url.TryDecodeFromChars(header.AsSpan(scheme.Length).Trim(' '), token, out var written) && written == TokenBytes
            ? SHA256.HashData(token)
            : null;
    }
}
