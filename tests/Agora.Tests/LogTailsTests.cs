using Agora.Launcher;
using Agora.Operations;
using Xunit;

namespace Agora.Tests;

public sealed class LogTailsTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Only_the_end_of_a_long_log_is_read_and_it_begins_with_a_whole_line()
    {
        DataDirectory data = new(_scratch.Root);
        var process = Scratch.Process(replica: 3);
        Directory.CreateDirectory(data.Logs);
        await File.WriteAllLinesAsync(
            data.LogOf(process),
            Enumerable.Range(0, 10_000).Select(i => FormattableString.Invariant($"line {i} of a log")),
            TestContext.Current.CancellationToken
        );

        var tail = (await LogTails.ReadAsync(data, process, TestContext.Current.CancellationToken))!;

        Assert.True(tail.IsCut);
        Assert.Equal(LogTails.MaxLines, tail.Lines.Count);
        Assert.Equal("line 9999 of a log", tail.Lines[^1]);
        Assert.All(tail.Lines, line => Assert.StartsWith("line ", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Where_there_is_no_log_there_is_no_tail() =>
        Assert.Null(
            await LogTails.ReadAsync(
                new DataDirectory(_scratch.Root),
                Scratch.Process(),
                TestContext.Current.CancellationToken
            )
        );

    [Fact]
    public void Characters_that_control_a_terminal_are_harmless()
    {
        var tail = LogTails.Of("products/1", "plain\r\n\u001b[31mred\ttext \u202eback\n", isCut: false);

        Assert.Equal(["plain", "\\u001b[31mred    text \\u202eback"], tail.Lines);
        Assert.False(tail.IsCut);
    }

    [Fact]
    public void A_short_log_is_shown_whole()
    {
        Assert.Equal(["one", "", "two"], LogTails.Of("products/1", "one\n\ntwo\n", isCut: false).Lines);
        Assert.Empty(LogTails.Of("products/1", "", isCut: false).Lines);
        Assert.Equal(2001, Assert.Single(LogTails.Of("products/1", new string('x', 5000), isCut: false).Lines).Length);
    }
}
