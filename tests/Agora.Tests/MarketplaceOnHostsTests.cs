using Agora.Cluster;
using Agora.Commands;
using Agora.Evaluation;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

/// <summary>What <c>agora evaluate --running</c> does to processes on hosts, and what it refuses.</summary>
public sealed class MarketplaceOnHostsTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Commands_are_told_which_process_and_a_kill_with_restart_is_followed_by_a_start()
    {
        var said = _scratch["said"];
        using var marketplace = await MarketplaceAsync(
            kill: $"echo kill $HOST $COMPONENT $REPLICA >>'{said}'",
            start: $"echo start $HOST $COMPONENT $REPLICA >>'{said}'"
        );

        await marketplace.KillAsync("products/3", restart: false, CancellationToken);
        await marketplace.StartAsync("products/3", CancellationToken);
        await marketplace.KillAsync("customers/4", restart: true, CancellationToken);

        Assert.Equal(
            [
                "kill 10.0.0.4 products 3",
                "start 10.0.0.4 products 3",
                "kill 10.0.0.5 customers 4",
                "start 10.0.0.5 customers 4",
            ],
            await File.ReadAllLinesAsync(said, CancellationToken)
        );
    }

    [Fact]
    public async Task A_command_that_fails_ends_the_evaluation_with_what_it_said()
    {
        using var marketplace = await MarketplaceAsync(kill: "echo no route >&2; exit 3", start: "true");

        var e = await Assert.ThrowsAsync<EvaluationException>(() =>
            marketplace.KillAsync("products/0", restart: false, CancellationToken)
        );

        Assert.Equal("the command of --kill ended with 3 for products/0 on 10.0.0.1: no route", e.Message);
    }

    [Theory]
    [InlineData("--running measures what runs on hosts", "--running", "--data", "here")]
    [InlineData("--running measures what runs on hosts", "--running", "--replicas", "1")]
    [InlineData("--kill and --start belong together", "--running", "--kill", "true")]
    [InlineData("--kill and --start belong together", "--running", "--start", "true")]
    [InlineData("belong to --running", "--kill", "true", "--start", "true")]
    [InlineData("belong to --running", "--secrets", "here")]
    [InlineData("conditions 2 to 5 kill processes on their hosts", "--running", "--conditions", "4")]
    public async Task What_does_not_go_together_is_refused(string message, params string[] options)
    {
        (var code, _, var error) = await AgoraProgram.RunAsync(AgoraProgram.Path, ["evaluate", .. options]);

        Assert.NotEqual(0, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    private async Task<MarketplaceOnHosts> MarketplaceAsync(string kill, string start)
    {
        var directory = _scratch["cluster"];
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, "cluster.json");
        var file = ClusterCommand.Spread(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]);
        await File.WriteAllTextAsync(path, file.ToJson(), CancellationToken);
        DataDirectory data = new(_scratch["data"]);
        await CommandSecrets.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: true, CancellationToken);
        return new(OperatedCluster.Find(data.Root, path, data.Secrets.Directory), kill, start);
    }
}
