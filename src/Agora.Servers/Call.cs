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

/// <summary>
/// One call of a function: who calls, under which key, and until when. Handlers take it as a parameter.
/// </summary>
internal sealed class Call
{
    /// <summary>32 random bytes, then the account's id.</summary>
    public const int TokenBytes = RandomBytes + sizeof(long);

    private const int RandomBytes = 32;

    private const string Scheme = "Bearer ";

    // Longer than an empty object with some white space around it.
    private const int MaxEmptyBody = 64;

    private static readonly int s_tokenLength = Base64Url.GetEncodedLength(TokenBytes);

    private readonly byte[]? _tokenHash;
    private readonly long _claimedAccountId;

    private Call(
        HttpContext http,
        Function function,
        Role role,
        string? key,
        Token? token,
        CancellationToken cancellationToken
    )
    {
        Http = http;
        Function = function;
        Role = role;
        Key = key;
        Deadline = cancellationToken;
        _tokenHash = token?.Hash;
        _claimedAccountId = token?.AccountId ?? 0;
    }

    public HttpContext Http { get; }

    public Function Function { get; }

    public Role Role { get; }

    /// <summary>The Idempotency-Key; null without one, and on a call that changes nothing.</summary>
    public string? Key { get; }

    /// <summary>
    /// Ends all work of this call. A user who hangs up does not end it: work that has begun is finished.
    /// </summary>
    public CancellationToken Deadline { get; }

    /// <summary>
    /// Whether the user sent a token: always if the function needs a session, perhaps if it serves visitors too.
    /// </summary>
    public bool HasSession => _tokenHash is not null;

    /// <summary>The session; only if <see cref="HasSession"/>.</summary>
    public Session Session => new() { TokenHash = ByteString.CopyFrom(_tokenHash), Role = Role };

    /// <summary>
    /// The account that the token names; only if <see cref="HasSession"/>. It is verified once the database has found
    /// the session: the database knows the hash of the whole token, so a token that names another account belongs to no
    /// session.
    /// </summary>
    public long ClaimedAccountId =>
        HasSession ? _claimedAccountId : throw new InvalidOperationException("This call has no session.");

    /// <summary>
    /// The versions from If-Match, one of which the item must have to be changed; empty if any will do.
    /// </summary>
    public IReadOnlyList<long> IfVersion { get; private init; } = [];

    /// <summary>The call that a request makes, or why it is refused before its handler runs.</summary>
    public static async ValueTask<(Call?, Refusal?)> BeginAsync(
        HttpContext http,
        Function function,
        Role role,
        CancellationToken cancellationToken
    )
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
        // A call that changes nothing ignores the header.
        var isRead = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        string? key = null;
        if (!isRead && request.Headers.TryGetValue("Idempotency-Key", out var keys))
        {
            key =
                keys is [{ Length: >= 1 and <= FieldBounds.MaxKeyLength } one] && one.All(c => c is > ' ' and <= '~')
                    ? one
                    : null;
            if (key is null)
            {
                return (
                    null,
                    Refusal.Invalid(
                        "Idempotency-Key",
                        $"must be one header of 1 to {FieldBounds.MaxKeyLength} visible ASCII characters"
                    )
                );
            }
        }

        IReadOnlyList<long> versions = [];
        if (function.HonoursIfMatch && !EntityTags.TryReadIfMatch(request.Headers.IfMatch, out versions))
        {
            return (
                null,
                Refusal.Invalid(
                    "If-Match",
                    $"must be * or a list of at most {EntityTags.MaxVersions} ETags in quotes, as answers have them"
                )
            );
        }

        foreach (var name in request.Query.Keys)
        {
            if (!function.Query.Any(parameter => parameter.Name == name))
            {
                return (
                    null,
                    Refusal.Invalid(name.Length <= 40 ? name : name[..40], "is not a parameter of this call")
                );
            }
        }

        if (
            !isRead
            && http.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>() is null
            && !await IsEmptyAsync(request, cancellationToken)
        )
        {
            return (null, Refusal.Invalid("body", "must be empty: this call takes none"));
        }

        var call = new Call(http, function, role, key, token, cancellationToken) { IfVersion = versions };
        http.Features.Set(call);
        return (call, null);
    }

    /// <summary>How minimal APIs hand the call to a handler.</summary>
    public static ValueTask<Call?> BindAsync(HttpContext http) => new(http.Features.Get<Call>());

    /// <summary>The id of this call's command, within its session.</summary>
    public ByteString RequestId() =>
        Key is null ? Servers.RequestIds.Random() : Servers.RequestIds.Derive(Function.Name, _tokenHash, Key);

    /// <summary>
    /// The id of this call's command: the same key in another session of the account is the same call.
    /// </summary>
    public ByteString RequestId(long accountId)
    {
        if (Key is null)
        {
            return Servers.RequestIds.Random();
        }

        Span<byte> account = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(account, accountId);
        return Servers.RequestIds.Derive($"{Function.Name} {Role}", account, Key);
    }

    /// <summary>The id of this call's command if there is no account yet.</summary>
    /// <param name="username">The username in the form in which usernames are compared.</param>
    public ByteString RequestId(string username) =>
        Key is null
            ? Servers.RequestIds.Random()
            : Servers.RequestIds.Derive($"{Function.Name} {Role}", Encoding.UTF8.GetBytes(username), Key);

    /// <summary>
    /// Distinguishes this request from others under the same Idempotency-Key: 64 bits of the SHA-256 of its path's
    /// values, its If-Match and its fields, except secrets. 0 without a key, and never with one.
    /// </summary>
    /// <param name="fields">The body or the query, once all of it was read; null if the call has neither.</param>
    public ulong Fingerprint(RequestFields? fields = null)
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

        // Each text follows its length, so that no two requests hash the same bytes.
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

    public Task<RequestFields> BodyAsync() => RequestFields.OfBodyAsync(Http.Request, Deadline);

    public RequestFields Query() => RequestFields.OfQuery(Http.Request);

    /// <summary>
    /// Sets the ETag of the answer to an item's version. True if the user has this version already: then the handler
    /// answers 304.
    /// </summary>
    public bool IsNotModified(long version)
    {
        var tag = EntityTags.Of(version);
        Http.Response.Headers.ETag = tag;
        return (HttpMethods.IsGet(Http.Request.Method) || HttpMethods.IsHead(Http.Request.Method))
            && EntityTags.IfNoneMatchNames(Http.Request.Headers.IfNoneMatch, tag);
    }

    /// <summary>Marks the answer as the one that the first call under this key got.</summary>
    public void MarkReplayed(bool isReplay)
    {
        if (isReplay && Key is not null)
        {
            Http.Response.Headers["Idempotency-Replayed"] = "true";
        }
    }

    /// <summary>A new session's token, and the hash by which the database knows it.</summary>
    public static (string Token, ByteString Hash) NewToken(long accountId)
    {
        Span<byte> token = stackalloc byte[TokenBytes];
        RandomNumberGenerator.Fill(token[..RandomBytes]);
        BinaryPrimitives.WriteInt64BigEndian(token[RandomBytes..], accountId);
        return (Base64Url.EncodeToString(token), ByteString.CopyFrom(SHA256.HashData(token)));
    }

    // A body on a call that takes none means that the user meant another call.
    private static async ValueTask<bool> IsEmptyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == false)
        {
            return true;
        }

        var body = new byte[MaxEmptyBody];
        var length = await RequestBody.ReadAsync(
            request,
            stream => stream.ReadAtLeastAsync(body, MaxEmptyBody, throwOnEndOfStream: false, cancellationToken).AsTask()
        );
        return length < MaxEmptyBody && IsEmptyObject(body.AsSpan(0, length));
    }

    private static bool IsEmptyObject(ReadOnlySpan<byte> json)
    {
        var space = " \t\r\n"u8;
        json = json.Trim(space);
        return json.IsEmpty
            || (json[0] == '{' && json[^1] == '}' && json.Length >= 2 && json[1..^1].Trim(space).IsEmpty);
    }

    /// <summary>A token of the right form. Only the database knows whether it belongs to a session.</summary>
    private sealed record Token(byte[] Hash, long AccountId)
    {
        public static Token? Of(HttpRequest request)
        {
            if (
                request.Headers.Authorization is not [{ } header]
                || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            )
            {
                return null;
            }

            var text = header.AsSpan(Scheme.Length).Trim(' ');
            Span<byte> bytes = stackalloc byte[TokenBytes];
            // The decoder skips white space, so a token of the right length that holds some has too few bytes.
            return
                text.Length == s_tokenLength
                && Base64Url.DecodeFromChars(text, bytes, out _, out var written) == OperationStatus.Done
                && written == TokenBytes
                ? new Token(SHA256.HashData(bytes), BinaryPrimitives.ReadInt64BigEndian(bytes[RandomBytes..]))
                : null;
        }
    }
}
