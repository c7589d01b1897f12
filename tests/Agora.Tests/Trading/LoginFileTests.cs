using Xunit;

namespace Agora.Tests.Trading;

/// <summary>A login file that is damaged, or is no file of the user's own.</summary>
public sealed class LoginFileTests : TradingScenario
{
    [Fact]
    public async Task A_login_file_that_is_a_pipe_is_refused_with_what_helps()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells a pipe from a file here.");

        var pipe = await MakePipeAsync();
        File.Move(pipe, Cli.LoginFile, overwrite: true);
        var result = await Task.Run(() => Cli.BuyerAsync(Server, "cart"))
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(1, result.Status);
        Assert.Contains(
            $"{Cli.LoginFile}, which should hold the logins, is not a regular file: name another file with",
            result.Error,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[null]")]
    [InlineData("{}")]
    [InlineData("[{}]")]
    [InlineData("""[{"role":"buyer","profile":"","servers":null,"username":"a","token":"t"}]""")]
    [InlineData("""[{"role":"buyer","profile":"","servers":[null],"username":"a","token":"t"}]""")]
    [InlineData("""[{"role":"buyer","profile":"","servers":["SERVER"],"username":"a","token":"t\n2"}]""")]
    [InlineData("""[{"role":"buyer","profile":"","servers":["SERVER"],"username":"a","token":7}]""")]
    [InlineData("""[{"role":"buyer","profile":"","servers":["SERVER"],"username":"a"}]""")]
    [InlineData("\u0000\u0001")]
    public async Task A_damaged_login_file_is_reported_in_one_line_with_its_fix(string content)
    {
        await File.WriteAllTextAsync(
            Cli.LoginFile,
            content.Replace("SERVER", Server.Address.ToString().TrimEnd('/'), StringComparison.Ordinal),
            TestContext.Current.CancellationToken
        );
        foreach (
            var command in (string[][])
                [
                    ["cart"],
                    ["login", "-u", "bob", "-p", "pw"],
                    ["logout"],
                ]
        )
        {
            var result = await Cli.BuyerAsync(Server, command);
            Assert.Equal(
                (1, $"agora: {Cli.LoginFile} does not hold logins any more: delete it and log in again."),
                (result.Status, result.Error.Trim())
            );
        }

        Assert.Equal(
            "local-failure",
            Problem((await Cli.BuyerAsync(Server, "--json", "cart")).Error)["code"]!.GetValue<string>()
        );
        Assert.Empty(Server.Requests);
    }

    [Fact]
    public async Task A_directory_in_place_of_the_login_file_is_reported_in_one_line()
    {
        File.Delete(Cli.LoginFile);
        Directory.CreateDirectory(Cli.LoginFile);
        var result = await Cli.BuyerAsync(Server, "cart");
        Assert.Equal(1, result.Status);
        Assert.Contains("is a directory", Assert.Single(result.Error.Trim().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_login_file_that_others_can_read_is_closed_to_them_and_its_owner_is_warned()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        File.SetUnixFileMode(
            Cli.LoginFile,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead
        );
        var result = await Cli.BuyerAsync(Server, "cart");
        Assert.Equal(0, result.Status);
        Assert.Contains("was open to others", result.Error, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Cli.LoginFile));
        Assert.Equal("", (await Cli.BuyerAsync(Server, "cart")).Error);
    }
}
