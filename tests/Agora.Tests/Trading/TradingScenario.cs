using System.Text.Json.Nodes;
using Agora.Testing;
using Xunit;
using static Agora.Testing.ScriptedServer;

namespace Agora.Tests.Trading;

/// <summary>A buyer and a seller who are logged in at a server that answers as a test says.</summary>
public abstract class TradingScenario : IAsyncLifetime
{
    protected const string Cart =
        """{"lines":[{"itemId":"3-17","quantity":2,"name":"Bike","unitPrice":12.50,"available":5}],"total":25.00}""";

    private protected Cli Cli { get; } = new();

    private protected ScriptedServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Server = await StartAsync(Responds(201, """{"token":"t-1","buyerId":9,"sellerId":9,"expiresInSeconds":300}"""));
        foreach (var role in new[] { "buyer", "seller" })
        {
            Assert.Equal(
                0,
                (
                    await Cli.RunAsync(role, "--server", Server.Address.ToString(), "login", "-u", "ann", "-p", "pw")
                ).Status
            );
        }

        Server.Answer = Responds(200, Cart);
        Server.Requests.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        Cli.Dispose();
        await Server.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Makes a pipe that nobody writes to.</summary>
    private protected async Task<string> MakePipeAsync()
    {
        var pipe = Cli.LoginFile + ".pipe";
        using var mkfifo = System.Diagnostics.Process.Start("mkfifo", [pipe]);
        await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, mkfifo.ExitCode);
        return pipe;
    }

    /// <summary>The problem that a command wrote as one line.</summary>
    private protected static JsonObject Problem(string line)
    {
        Assert.Single(line.Trim().Split('\n'));
        return JsonNode.Parse(line)!.AsObject();
    }
}
