using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Agora.Contracts.Customers;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;

namespace Agora.Servers;

/// <summary>One call of a function: who asks, under which key, and until when. Handlers take it as a parameter.</summary>
internal sealed class Call
{
    /// <summary>32 random ones, then the account's id.</summary>
    public const int TokenBytes = RandomBytes + sizeof(long);

    private const int RandomBytes = 32;

    private const string Scheme = "Bearer ";

    // Longer than an empty object with some white space around it ever is.
    private const int MaxEmptyBody = 64;

    private static readonly int s_tokenLength = Base64Url.GetEncodedLength(TokenBytes);

    private readonly byte[]? _tokenHash;
    private readonly long _claimedAccountId;

    private Call(HttpContext http, Function function, Role role, string? key, Token? token, CancellationToken deadline)
    {
        Http = http;
        Function = function;
        Role = role;
        Key = key;
        Deadline = deadline;
        _tokenHash = token?.Hash;
        _claimedAccountId = token?.AccountId ?? 0;
    }

    public HttpContext Http { get; }

    public Function Function { get; }

    public Role Role { get; }

    /// <summary>The Idempotency-Key, where the user gave one to a call that changes something.</summary>
    public string? Key { get; }

    /// <summary>Ends everything that this call does. Not ended by a user who hangs up: what has begun is finished.</summary>
    public CancellationToken Deadline { get; }

    /// <summary>Whether the user sent a token: always where the function needs a session, by choice where it serves visitors too.</summary>
    public bool HasSession => _tokenHash is not null;

    /// <summary>The session; only where <see cref="HasSession"/>.</summary>
    public Session Session => new() { TokenHash = ByteString.CopyFrom(_tokenHash), Role = Role };

    /// <summary>
    /// The account that the token names; only where <see cref="HasSession"/>. True once the database has found the session: what it knows is the hash
    /// of the whole token, so that one with another account in it belongs to no session.
    /// </summary>
    public long ClaimedAccountId => HasSession ? _claimedAccountId : throw new InvalidOperationException("This call has no session.");

    /// <summary>The versions of which an item must be to be changed, from If-Match; empty where any will do.</summary>
    public IReadOnlyList<long> IfVersion { get; private init; } = [];

    /// <summary>A call of this request, or why it is refused before its handler runs.</summary>
    public static async ValueTask<(Call?, Refusal?)> BeginAsync(
        HttpContext http, Function function, Role role, CancellationToken deadline)
    {
        var request = http.Request;
        Token? token = null;
        if (function.Session != SessionNeed.None)
        {
            token = Token.Of(request);
            if (token is null && (function.Session == SessionNeed.Required || request.Headers.Authorization.Count > 0))
            {
                return (null, Refusal.NotLoggedIn);
            }
        }
        // On a call that changes nothing the header says nothing.
        var isRead = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        string? key = null;
        if (!isRead && request.Headers.TryGetValue("Idempotency-Key", out var keys))
        {
            key = keys is [{ Length: >= 1 and <= Bounds.MaxKey } one] && one.All(c => c is > ' ' and <= '~') ? one : null;
            if (key is null)
            {
                return (null, Refusal.Invalid("Idempotency-Key", $"must be one header of 1 to {Bounds.MaxKey} visible ASCII characters"));
            }
        }
        IReadOnlyList<long> versions = [];
        if (function.HonoursIfMatch && !EntityTags.TryReadIfMatch(request.Headers.IfMatch, out versions))
        {
            return (null, Refusal.Invalid("If-Match", "must be * or a list of ETags in quotes, as answers have them"));
        }
        foreach (var name in request.Query.Keys)
        {
            if (!function.Query.Any(parameter => parameter.Name == name))
            {
                return (null, Refusal.Invalid(name.Length <= 40 ? name : name[..40], "is not a parameter of this call"));
            }
        }
        if (!isRead && http.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>() is null && !await IsEmptyAsync(request, deadline))
        {
            return (null, Refusal.Invalid("body", "must be empty: this call takes none"));
        }
        var call = new Call(http, function, role, key, token, deadline) { IfVersion = versions };
        http.Features.Set(call);
        return (call, null);
    }

    /// <summary>How minimal APIs hand the call to a handler.</summary>
    public static ValueTask<Call?> BindAsync(HttpContext http) => new(http.Features.Get<Call>());

    /// <summary>The id of this call's command, within its session.</summary>
    public ByteString RequestId() => Key is null ? Servers.RequestId.Random() : Servers.RequestId.Derive(Function.Name, _tokenHash, Key);

    /// <summary>The id of this call's command: the same key in another session of the account is the same call.</summary>
    public ByteString RequestId(long accountId)
    {
        if (Key is null)
        {
            return Servers.RequestId.Random();
        }
        Span<byte> account = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(account, accountId);
        return Servers.RequestId.Derive($"{Function.Name} {Role}", account, Key);
    }

    /// <summary>The id of this call's command where there is no account yet.</summary>
    /// <param name="username">As usernames are compared.</param>
    public ByteString RequestId(string username) =>
        Key is null
            ? Servers.RequestId.Random()
            : Servers.RequestId.Derive($"{Function.Name} {Role}", Encoding.UTF8.GetBytes(username), Key);

    /// <summary>
    /// What tells this request from others under the same Idempotency-Key: 64 bits of the SHA-256 of its path's values, its If-Match and those
    /// of its fields that are no secret. 0 without a key, and never with one.
    /// </summary>
    /// <param name="fields">The body or the query, all of it read; null where the call has neither.</param>
    public ulong Fingerprint(Fields? fields = null)
    {
        if (Key is null)
        {
            return 0;
        }
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, value) in Http.Request.RouteValues.OrderBy(value => value.Key, StringComparer.Ordinal))
        {
            Append(hash, "path", name, [value as string ?? ""]);
        }
        if (IfVersion.Count > 0)
        {
            Append(hash, "header", "If-Match", [.. IfVersion.Order().Select(EntityTags.Of)]);
        }
        foreach (var (name, values) in fields?.Values ?? [])
        {
            Append(hash, "field", name, values);
        }
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return Math.Max(1, BinaryPrimitives.ReadUInt64BigEndian(digest));

        // Each text with its length in front, so that no two requests run together into the same bytes.
        static void Append(IncrementalHash hash, string kind, string name, IReadOnlyList<string> values)
        {
            Span<byte> length = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(length, values.Count);
            hash.AppendData(length);
            foreach (var text in (ReadOnlySpan<string>)[kind, name, .. values])
            {
                var bytes = Encoding.UTF8.GetBytes(text);
                BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
                hash.AppendData(length);
                hash.AppendData(bytes);
            }
        }
    }

    public Task<Fields> BodyAsync() => Fields.OfBodyAsync(Http.Request, Deadline);

    public Fields Query() => Fields.OfQuery(Http.Request);

    /// <summary>
    /// Gives the answer the ETag of an item, and says whether it is to be 304 because the user has this version already: then the handler
    /// answers <see cref="TypedResults.StatusCode(int)"/>.
    /// </summary>
    public bool IsNotModified(long version)
    {
        var tag = EntityTags.Of(version);
        Http.Response.Headers.ETag = tag;
        return (HttpMethods.IsGet(Http.Request.Method) || HttpMethods.IsHead(Http.Request.Method))
            && EntityTags.IfNoneMatchNames(Http.Request.Headers.IfNoneMatch, tag);
    }

    /// <summary>Says that the answer is the one that the first call under this key got.</summary>
    public void MarkReplayed(bool isReplay)
    {
        if (isReplay && Key is not null)
        {
            Http.Response.Headers["Idempotency-Replayed"] = "true";
        }
    }

    /// <summary>A new session's token, and what the database knows it by.</summary>
    public static (string Token, ByteString Hash) NewToken(long accountId)
    {
        Span<byte> token = stackalloc byte[TokenBytes];
        RandomNumberGenerator.Fill(token[..RandomBytes]);
        BinaryPrimitives.WriteInt64BigEndian(token[RandomBytes..], accountId);
        return (Base64Url.EncodeToString(token), ByteString.CopyFrom(SHA256.HashData(token)));
    }

    // Whoever sends something with a call that takes nothing means another call.
    private static async ValueTask<bool> IsEmptyAsync(HttpRequest request, CancellationToken deadline)
    {
        if (request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == false)
        {
            return true;
        }
        var body = new byte[MaxEmptyBody];
        var length = await request.Body.ReadAtLeastAsync(body, MaxEmptyBody, throwOnEndOfStream: false, deadline);
        return length < MaxEmptyBody && IsEmptyObject(body.AsSpan(0, length));
    }

    private static bool IsEmptyObject(ReadOnlySpan<byte> json)
    {
        ReadOnlySpan<byte> space = " \t\r\n"u8;
        json = json.Trim(space);
        return json.IsEmpty || (json[0] == '{' && json[^1] == '}' && json.Length >= 2 && json[1..^1].Trim(space).IsEmpty);
    }

    /// <summary>A token of the right form; whether it is a session's only the database knows.</summary>
    private sealed record Token(byte[] Hash, long AccountId)
    {
        public static Token? Of(HttpRequest request)
        {
            if (request.Headers.Authorization is not [{ } header] || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            {
                return null;
            }
            var text = header.AsSpan(Scheme.Length).Trim(' ');
            Span<byte> bytes = stackalloc byte[TokenBytes];
            // Of the right length nothing in it can be white space, which the decoder passes over: the bytes would be too few.
            return text.Length == s_tokenLength
                && Base64Url.DecodeFromChars(text, bytes, out _, out var written) == OperationStatus.Done && written == TokenBytes
                ? new Token(SHA256.HashData(bytes), BinaryPrimitives.ReadInt64BigEndian(bytes[RandomBytes..]))
                : null;
        }
    }
}
