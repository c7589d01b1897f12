using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Agora.Client;

/// <summary>What seller's and buyer's clients share: servers, login, the making of calls.</summary>
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

    /// <summary>The login, set by Login and dropped by Logout; set it to go on with one that was kept.</summary>
    public string? Token { get; set; }

    /// <summary>Logout. A buyer's cart that was not saved goes with the session.</summary>
    public async Task LogoutAsync(string? idempotencyKey = null, CancellationToken cancel = default)
    {
        await DoAsync(Change(HttpMethod.Delete, "sessions/current", idempotencyKey), cancel).ConfigureAwait(false);
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
        string path, string name, string username, string password, JsonTypeInfo<T> type, string? key, CancellationToken cancel)
    {
        var account = new CreateAccountRequest { Name = name, Username = username, Password = password };
        var call = Change(HttpMethod.Post, path, account, AgoraJson.Default.CreateAccountRequest, key) with { Token = null };
        return Servers.SendAsync(call, type, cancel);
    }

    private protected async Task<T> LoginAsync<T>(
        string username, string password, JsonTypeInfo<T> type, Func<T, string> token, string? key, CancellationToken cancel)
    {
        var login = new LoginRequest { Username = username, Password = password };
        var call = Change(HttpMethod.Post, "sessions", login, AgoraJson.Default.LoginRequest, key) with { Token = null };
        var session = await Servers.SendAsync(call, type, cancel).ConfigureAwait(false);
        Token = token(session);
        return session;
    }

    private protected Call Read(string path) => new(HttpMethod.Get, path) { Token = Token };

    private protected Call Change(HttpMethod method, string path, string? key) => new(method, path) { Token = Token, Key = Key(key) };

    private protected Call Change<T>(HttpMethod method, string path, T body, JsonTypeInfo<T> type, string? key) =>
        Change(method, path, key) with { Body = JsonSerializer.SerializeToUtf8Bytes(body, type) };

    private protected async Task DoAsync(Call call, CancellationToken cancel)
    {
        using var answer = await Servers.SendAsync(call, cancel).ConfigureAwait(false);
    }

    /// <summary>Made here once, before the first attempt, so that every attempt carries the same.</summary>
    private static string Key(string? given) => given switch
    {
        null => Guid.NewGuid().ToString("N"),
        _ when IsKey(given) => given,
        _ => throw AgoraException.Invalid("Idempotency-Key", "must be 1 to 64 visible ASCII characters and no space"),
    };

    /// <summary>What servers take as an Idempotency-Key.</summary>
    public static bool IsKey(string text) => text is { Length: > 0 and <= 64 } && text.All(c => c is > ' ' and <= '~');

    /// <summary>
    /// An item's id as a part of a path. Anything but an id would change which function is called: an empty one,
    /// <c>..</c>, <c>7/price</c>.
    /// </summary>
    private protected static string Segment(string itemId)
    {
        ArgumentNullException.ThrowIfNull(itemId);
        var dash = itemId.IndexOf('-', StringComparison.Ordinal);
        return dash > 0 && dash < itemId.Length - 1 && itemId.AsSpan(0, dash).IndexOfAnyExceptInRange('0', '9') < 0
            && itemId.AsSpan(dash + 1).IndexOfAnyExceptInRange('0', '9') < 0
            ? itemId
            : throw AgoraException.Invalid("itemId", "must be a category and a number, like 3-17");
    }

    /// <summary>A path with those of the parameters that have a value.</summary>
    private protected static string Query(string path, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var separator = '?';
        foreach (var (name, value) in parameters)
        {
            if (value is not null)
            {
                path += $"{separator}{name}={Uri.EscapeDataString(Convert.ToString(value, CultureInfo.InvariantCulture)!)}";
                separator = '&';
            }
        }
        return path;
    }
}
