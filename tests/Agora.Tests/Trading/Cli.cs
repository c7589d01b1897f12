using System.CommandLine;
using Agora.Commands;
using Agora.Testing;
using Agora.Trading;
using Xunit;

namespace Agora.Tests.Trading;

/// <summary>
/// Runs <c>agora seller</c> and <c>agora buyer</c> as a person or a program does. All commands share a login file.
/// </summary>
internal sealed class Cli : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agora-cli-").FullName;

    public string LoginFile => Path.Combine(_directory, "state", "logins.json");

    public ScriptedTerminal Terminal { get; set; } = new();

    public sealed record Result(int Status, string Output, string Error);

    public async Task<Result> RunAsync(params string[] arguments)
    {
        var user = new User(Terminal, LoginFile);
        var root = new RootCommand { SellerCommand.Create(user), BuyerCommand.Create(user) };
        root.HelpName = "agora";
        Examples.ShowInHelp(root);
        using var output = new StringWriter();
        using var error = new StringWriter();
        var status = await CommandLine.RunAsync(
            root,
            arguments,
            new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            }
        );
        return new Result(status, output.ToString(), error.ToString());
    }

    public Task<Result> BuyerAsync(ScriptedServer server, params string[] arguments) =>
        RunAsync(["buyer", "--server", server.Address.ToString(), .. arguments]);

    public Task<Result> SellerAsync(ScriptedServer server, params string[] arguments) =>
        RunAsync(["seller", "--server", server.Address.ToString(), .. arguments]);

    public async Task LogInAsync(ScriptedServer server, string role, params string[] options)
    {
        server.Answer = ScriptedServer.Responds(201, $$"""{"token":"t-1","{{role}}Id":9,"expiresInSeconds":300}""");
        var result = await RunAsync([
            role,
            "--server",
            server.Address.ToString(),
            .. options,
            "login",
            "--username",
            "ann",
            "--password",
            "pw",
        ]);
        Assert.Equal((0, ""), (result.Status, result.Error));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
