using Agora.Testing;
using Microsoft.AspNetCore.Http;

namespace Agora.Client.Tests;

/// <summary>A client of several servers that answer as a test says.</summary>
public abstract class ReplicaListScenario : IAsyncDisposable
{
    protected const string EmptyCart = """{"lines":[],"total":0.00}""";

    private readonly List<ScriptedServer> _servers = [];

    /// <summary>Changes of the server that the client has made.</summary>
    private protected List<ReplicaChange> Changes { get; } = [];

    protected static TimeSpan Generous => TimeSpan.FromSeconds(30);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    private protected BuyerClient Client(ScriptedServer[] servers, ReplicaOptions? options = null) =>
        new(servers.Select(s => s.Address), (options ?? new()) with { Start = 0, OnChange = Changes.Add });

    private protected async Task<ScriptedServer> StartAsync(Func<HttpContext, Task> answer)
    {
        var server = await ScriptedServer.StartAsync(answer);
        _servers.Add(server);
        return server;
    }
}
