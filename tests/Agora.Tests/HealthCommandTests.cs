using System.Net;
using Agora.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Agora.Tests;

/// <summary><c>agora health</c>, as probes run it.</summary>
public sealed class HealthCommandTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(200, 200, false, 0, "buyer-server/0 serves")]
    [InlineData(200, 503, false, 1, "buyer-server/0 does not serve: the databases are away")]
    [InlineData(200, 503, true, 0, "buyer-server/0 answers")]
    [InlineData(503, 503, true, 1, "buyer-server/0 does not serve: the databases are away")]
    public async Task A_server_is_asked_itself(int live, int ready, bool onlyLive, int code, string line)
    {
        var port = FreePorts.Take();
        await using var server = await ServerAsync(
            port,
            path => path.EndsWith("ready", StringComparison.Ordinal) ? ready : live
        );

        var run = await HealthAsync(port, "buyer-server/0", onlyLive ? ["--live"] : []);

        Assert.Equal((code, line), (run.Code, run.Output.Trim()));
        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task Programs_get_a_line_of_JSON()
    {
        var port = FreePorts.Take();
        await using var server = await ServerAsync(port, _ => 503);

        var run = await HealthAsync(port, "buyer-server/0", ["--json"]);

        Assert.Equal(1, run.Code);
        Assert.Equal(
            """{"name":"buyer-server/0","healthy":false,"reason":"the databases are away"}""",
            run.Output.Trim()
        );
    }

    [Fact]
    public async Task Of_several_behind_one_name_the_one_here_can_be_asked()
    {
        var port = FreePorts.Take();
        await using var server = await ServerAsync(port, _ => 200);

        var run = await HealthAsync(port, "buyer-server/0", ["--host", "127.0.0.1"], host: "name.invalid");

        Assert.Equal((0, "buyer-server/0 serves"), (run.Code, run.Output.Trim()));
    }

    [Fact]
    public async Task A_process_that_is_not_there_does_not_answer()
    {
        var run = await HealthAsync(FreePorts.Take(), "products/0", []);

        Assert.Equal(1, run.Code);
        Assert.StartsWith("products/0 does not serve: it does not answer", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_the_cluster_file_does_not_have_is_refused_with_those_that_it_has()
    {
        var run = await HealthAsync(FreePorts.Take(), "products/leader", []);

        Assert.Equal(1, run.Code);
        Assert.Contains("the cluster file has no products/leader; it has", run.Error, StringComparison.Ordinal);
        Assert.Contains("products/0", run.Error, StringComparison.Ordinal);
    }

    private Task<(int Code, string Output, string Error)> HealthAsync(
        int port,
        string name,
        string[] options,
        string host = "127.0.0.1"
    )
    {
        var path = _scratch["cluster.json"];
        var file = Scratch.SmallCluster() with
        {
            BuyerServers = new() { Replicas = [new() { Host = host, Port = port }] },
            PlainHttp = true,
        };
        File.WriteAllText(path, file.ToJson());
        return AgoraProgram.RunAsync(
            AgoraProgram.Path,
            ["health", name, "--cluster", path, "--data", _scratch["data"], .. options]
        );
    }

    private static async Task<WebApplication> ServerAsync(int port, Func<string, int> status)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        var app = builder.Build();
        app.Run(async context =>
        {
            context.Response.StatusCode = status(context.Request.Path);
            await context.Response.WriteAsync("""{"detail":"the databases are away"}""");
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }
}
