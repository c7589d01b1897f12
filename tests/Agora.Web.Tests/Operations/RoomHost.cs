using Agora.Cluster;
using Agora.Testing;
using Agora.Web.Operations;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Agora.Web.Tests.Operations;

/// <summary>A web server whose control room is a test's.</summary>
internal sealed class RoomHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _directory;

    private RoomHost(WebApplication app, string directory, Uri address) =>
        (_app, _directory, Address) = (app, directory, address);

    public Uri Address { get; }

    public FakeRoom Room { get; private init; } = null!;

    /// <summary>The operator's key.</summary>
    public string Key => File.ReadAllText(Path.Combine(_directory, OperatorKey.FileName)).Trim();

    /// <summary>Starts one whose picture is well.</summary>
    public static async Task<RoomHost> StartAsync()
    {
        FakeRoom room = new();
        room.Show(Pictures.Well(DateTime.UtcNow));
        var directory = Directory.CreateTempSubdirectory("agora-operations-").FullName;
        var port = FreePorts.Take(1)[0];
        var cluster = ClusterFile.Default with { Web = new() { Replicas = [new() { Port = port }] } };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IControlRoom>(room);
        var app = WebServer.Build(builder, cluster, 0, directory);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new RoomHost(app, directory, new UriBuilder("http", "127.0.0.1", port).Uri) { Room = room };
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
