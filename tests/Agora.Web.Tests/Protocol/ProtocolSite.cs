using Agora.Cluster;
using Agora.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace Agora.Web.Tests.Protocol;

/// <summary>A web server without a marketplace behind it: the protocol's pages need none.</summary>
public sealed class ProtocolSite : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agora-protocol-").FullName;
    private WebApplication? _app;

    public Uri Address { get; private set; } = null!;

    public HttpClient Client { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var port = FreePorts.Take(1)[0];
        var cluster = ClusterFile.Default with { Web = new() { Replicas = [new() { Port = port }] } };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _app = WebServer.Build(builder, cluster, 0, _directory);
        await _app.StartAsync();
        Address = new UriBuilder("http", "127.0.0.1", port).Uri;
        Client = new HttpClient { BaseAddress = Address };
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app!.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
