using Xunit;
using static Agora.Testing.ScriptedServer;

namespace Agora.Tests.Trading;

/// <summary>Ctrl-C at any moment of a command ends it, and says what is known of its outcome.</summary>
public sealed class InterruptionTests : TradingScenario
{
    [Theory]
    [InlineData("buy", "--total", "25", "--card-stdin")]
    [InlineData("login", "-u", "bob", "--password-stdin")]
    public async Task Control_C_ends_the_wait_for_a_secret_on_standard_input(params string[] arguments)
    {
        using SemaphoreSlim never = new(0);
        Cli.Terminal = new()
        {
            OnReadLine = () =>
            {
                Cli.Terminal.ControlC!();
                never.Wait(TestContext.Current.CancellationToken);
            },
        };
        var result = await Task.Run(() => Cli.BuyerAsync(Server, arguments))
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        never.Release();
        Assert.Equal((130, "Stopped."), (result.Status, result.Error.Trim()));
    }

    [Theory]
    [InlineData("buy", "--total", "25", "--card-file")]
    [InlineData("login", "-u", "bob", "--password-file")]
    public async Task Control_C_ends_the_wait_for_a_secret_from_a_pipe_that_nobody_writes_to(params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells a pipe from a file here.");

        var pipe = await MakePipeAsync();
        var command = Task.Run(() => Cli.BuyerAsync(Server, [.. arguments, pipe]));
        Action? stop;
        while ((stop = Cli.Terminal.ControlC) is null)
        {
            await Task.Yield();
        }

        stop();
        var result = await command.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal((130, "Stopped."), (result.Status, result.Error.Trim()));
        // A writer that comes and goes, itself not waiting for a reader, ends the read that is left behind.
        await using FileStream writer = new(pipe, FileMode.Open, FileAccess.ReadWrite);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Control_C_in_the_middle_of_a_change_says_that_it_may_have_happened_and_names_the_key(bool isJson)
    {
        Server.Answer = async context =>
        {
            Cli.Terminal.ControlC!();
            await Hangs(context);
        };
        var result = await Cli.BuyerAsync(Server, [.. isJson ? (string[])["--json"] : [], "cart", "add", "3-17"]);
        Assert.Equal((130, ""), (result.Status, result.Output));
        var key = Server.Requests.Single().Key!;
        if (isJson)
        {
            var problem = Problem(result.Error);
            Assert.Equal(
                ("interrupted", key, true),
                (
                    problem["code"]!.GetValue<string>(),
                    problem["idempotencyKey"]!.GetValue<string>(),
                    problem["outcomeUnknown"]!.GetValue<bool>()
                )
            );
        }
        else
        {
            Assert.Contains("it may have happened all the same", result.Error, StringComparison.Ordinal);
            Assert.Contains($"--idempotency-key {key}", result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Control_C_in_the_middle_of_a_read_says_only_that_it_stopped()
    {
        Server.Answer = async context =>
        {
            Cli.Terminal.ControlC!();
            await Hangs(context);
        };
        var result = await Cli.BuyerAsync(Server, "cart");
        Assert.Equal((130, "Stopped."), (result.Status, result.Error.Trim()));
    }
}
