using Agora.Client;

namespace Agora.Trading;

/// <summary>The client of one or more commands, and its login.</summary>
internal sealed class ClientSession<TClient>(
    TClient client,
    ReplicaList list,
    Logins logins,
    string role,
    string profile,
    string[] servers
) : IDisposable
    where TClient : MarketplaceClient
{
    public TClient Client { get; } = client;

    public Login? Login { get; private set; }

    /// <summary>Uses the login that an earlier command has saved, if there is one.</summary>
    public void Restore() => Use(logins.Find(role, profile, servers));

    public async Task SaveAsync(string username, string token, CancellationToken cancellationToken)
    {
        Login login = new(role, profile, servers, username, token);
        Use(login);
        await logins.SaveAsync(login, cancellationToken);
    }

    public async Task ForgetAsync(CancellationToken cancellationToken)
    {
        Use(null);
        await logins.ForgetAsync(role, profile, servers, cancellationToken);
    }

    public void Dispose()
    {
        Client.Dispose();
        list.Dispose();
    }

    private void Use(Login? login)
    {
        Login = login;
        Client.Token = login?.Token;
    }
}
