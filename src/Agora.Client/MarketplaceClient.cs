using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Agora.Rest;

namespace Agora.Client;

/// <summary>What the clients of sellers and buyers share: the list of servers, the login, and building calls.</summary>
public abstract class MarketplaceClient : IDisposable
{
    private readonly bool _ownsServers;

    private protected MarketplaceClient(ReplicaList servers, bool ownsServers)
    {
        Servers = servers;
        _ownsServers = ownsServers;
    }

    /// <summary>The servers that this client uses.</summary>
    public ReplicaList Servers { get; }

    /// <summary>The token of the session. Login sets it and Logout clears it; set it to resume a session.</summary>
    public string? Token { get; set; }

    /// <summary>Logout. A buyer's cart that was not saved is lost with the session.</summary>
    public async Task LogoutAsync(string? idempotencyKey = null, CancellationToken cancellationToken = default)
    {
        await DoAsync(Change(HttpMethod.Delete, "sessions/current", idempotencyKey), cancellationToken)
            .ConfigureAwait(false);
        Token = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsServers)
        {
            Servers.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    private protected Task<T> CreateAccountAsync<T>(
        string path,
        string name,
        string username,
        string password,
        JsonTypeInfo<T> type,
        string? key,
        CancellationToken cancellationToken
    )
    {
        var account = new CreateAccountRequest
        {
            Name = name,
            Username = username,
            Password = password,
        };
        var call = Change(HttpMethod.Post, path, account, AgoraJson.Default.CreateAccountRequest, key) with
        {
            Token = null,
        };
        return Servers.SendAsync(call, type, cancellationToken);
    }

    private protected async Task<T> LoginAsync<T>(
        string username,
        string password,
        JsonTypeInfo<T> type,
        Func<T, string> token,
        string? key,
        CancellationToken cancellationToken
    )
    {
        var login = new LoginRequest { Username = username, Password = password };
        var call = Change(HttpMethod.Post, "sessions", login, AgoraJson.Default.LoginRequest, key) with
        {
            Token = null,
        };
        var session = await Servers.SendAsync(call, type, cancellationToken).ConfigureAwait(false);
        Token = token(session);
        return session;
    }

    private protected RestCall Read(string path) => new(HttpMethod.Get, path) { Token = Token };

    private protected RestCall Change(HttpMethod method, string path, string? key) =>
        new(method, path) { Token = Token, Key = Key(key) };

    private protected RestCall Change<T>(HttpMethod method, string path, T body, JsonTypeInfo<T> type, string? key) =>
        Change(method, path, key) with
        {
            Body = JsonSerializer.SerializeToUtf8Bytes(body, type),
        };

    private protected async Task DoAsync(RestCall call, CancellationToken cancellationToken)
    {
        using var answer = await Servers.SendAsync(call, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Chosen once, before the first attempt, so that every attempt carries the same key.</summary>
    private static string Key(string? given) =>
        given switch
        {
            null => Guid.NewGuid().ToString("N"),
            _ when IsKey(given) => given,
            _ => throw AgoraException.Invalid(
                "Idempotency-Key",
                "must be 1 to 64 visible ASCII characters and no space"
            ),
        };

    /// <summary>Whether servers accept a text as an Idempotency-Key.</summary>
    public static bool IsKey(string text) => text is { Length: > 0 and <= 64 } && text.All(c => c is > ' ' and <= '~');

    /// <summary>
    /// An item's id as a segment of a path. Any other text, such as <c>..</c> or <c>7/price</c>, could call another
    /// function.
    /// </summary>
    private protected static string Segment(string itemId)
    {
        ArgumentNullException.ThrowIfNull(itemId);
        return ItemIdFormat.IsValid(itemId) ? itemId : throw AgoraException.Invalid("itemId", ItemIdFormat.Rule);
    }

    /// <summary>A path with a query of the parameters that are not null.</summary>
    private protected static string Query(string path, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var separator = '?';
        foreach (var (name, value) in parameters)
        {
            if (value is not null)
            {
                path +=
                    $"{separator}{name}={Uri.EscapeDataString(Convert.ToString(value, CultureInfo.InvariantCulture)!)}";
                separator = '&';
            }
        }

        return path;
    }
}
