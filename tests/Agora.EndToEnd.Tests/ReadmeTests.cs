using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Agora.Cluster;
using Agora.Testing;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// The commands under "Try it" in the README, word for word, answer what stands below them there. Other than there, the
/// ports are free ones, and the bank declines nothing.
/// </summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed partial class ReadmeTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agora-readme-").FullName;

    [Fact]
    public async Task The_commands_of_the_readme_answer_what_it_shows()
    {
        var readme = await File.ReadAllTextAsync(
            Path.Combine(RunningMarketplace.Root, "README.md"),
            TestContext.Current.CancellationToken
        );
        Step[] steps = [.. Blocks().Matches(readme).SelectMany(b => Steps(b.Groups["lines"].Value))];
        Assert.Equal("./agora up --detach", steps.First().Command);
        Assert.Equal("./agora down", steps.Last().Command);
        Prepare();
        try
        {
            foreach (var step in steps)
            {
                (var code, var output) = await RunAsync(step.Command);
                Assert.True(code == 0, $"{step.Command}\nended with {code}:\n{output}");
                if (step.Expected.Length > 0)
                {
                    Assert.Matches(Pattern(step.Expected.Replace("/home/you/agora", _directory)), output);
                }
            }
        }
        finally
        {
            await RunAsync("./agora down");
        }
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private void Prepare()
    {
        var cluster = ClusterFile.Default.OnFreePorts();
        cluster = cluster with { Payments = cluster.Payments with { ApprovalProbability = 1 } };
        File.WriteAllText(Path.Combine(_directory, "cluster.json"), cluster.ToJson());
        File.CreateSymbolicLink(Path.Combine(_directory, "agora"), Path.Combine(RunningMarketplace.Root, "agora"));
    }

    private async Task<(int Code, string Output)> RunAsync(string command)
    {
        ProcessStartInfo start = new("bash", ["-c", $"set -o pipefail; {command} 2>&1"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = _directory,
        };
        start.Environment["AGORA_CLUSTER"] = Path.Combine(_directory, "cluster.json");
        start.Environment["AGORA_LOGIN_FILE"] = Path.Combine(_directory, "login.json");
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(RunningMarketplace.Timeout);
        }
        catch (TimeoutException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} did not end", e);
        }

        return (process.ExitCode, await output);
    }

    /// <summary>What a user types, and the lines below it.</summary>
    private sealed record Step(string Command, string Expected);

    private static IEnumerable<Step> Steps(string block)
    {
        string? command = null;
        StringBuilder expected = new();
        foreach (var line in block.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!line.StartsWith("$ ", StringComparison.Ordinal))
            {
                expected.Append(line).Append('\n');
                continue;
            }

            if (command is not null)
            {
                yield return new(command, expected.ToString());
            }

            command = line[2..];
            expected.Clear();
        }

        if (command is not null)
        {
            yield return new(command, expected.ToString());
        }
    }

    // A line that is only "…" stands for any lines, and "…" within a line for any characters.
    private static string Pattern(string expected) =>
        "^"
        + string.Concat(
            expected
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line =>
                    line == "…" ? "(?:.*\n)*" : Regex.Escape(line).Replace("…", ".*", StringComparison.Ordinal) + "\n"
                )
        )
        + "$";

    [GeneratedRegex("^```sh\n(?<lines>\\$ .*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Blocks();
}
