using Agora.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class SetAsideTests : IDisposable
{
    private readonly TemporaryDirectory _temporary = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 30, 10, 30, 5, TimeSpan.Zero));
    private readonly string _directory;

    public SetAsideTests()
    {
        _directory = _temporary["products-2"];
        Directory.CreateDirectory(_directory);
    }

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Everything_but_the_lock_is_moved_beside_the_reason()
    {
        Fill("state.db", "raft/ballot", "lock");

        var aside = SetAside.Everything(_directory, "the ballot is damaged", _time, NullLogger.Instance);

        Assert.Equal(Path.Combine(_directory, "set-aside", "20261130-103005-1"), aside);
        Assert.Equal(["lock", "set-aside"], Names(_directory));
        Assert.Equal(["raft", "reason.txt", "state.db"], Names(aside));
        Assert.Equal("raft/ballot", File.ReadAllText(Path.Combine(aside, "raft", "ballot")));
        Assert.Equal((aside, "the ballot is damaged"), SetAside.Latest(_directory));
    }

    [Fact]
    public void A_move_that_was_only_begun_is_completed_by_the_next_start()
    {
        Fill("state.db", "raft/ballot");
        SetAside.Begin(_directory, "first", _time);
        SetAside.Begin(_directory, "second", _time);
        Assert.Null(SetAside.Latest(_directory));
        Assert.Equal(["raft", "set-aside", "state.db"], Names(_directory));

        var aside = SetAside.Finish(_directory, NullLogger.Instance)!;

        Assert.Equal(["set-aside"], Names(_directory));
        Assert.Equal(["raft", "reason.txt", "state.db"], Names(aside));
        Assert.Equal("first", SetAside.Latest(_directory)!.Value.Reason);
        Assert.Null(SetAside.Finish(_directory, NullLogger.Instance));
    }

    [Fact]
    public void A_move_that_a_crash_interrupted_goes_on_and_loses_nothing()
    {
        Fill("state.db", "raft/ballot");
        SetAside.Begin(_directory, "damaged", _time);
        var unfinished = Directory.GetDirectories(Path.Combine(_directory, "set-aside")).Single();

        // One file was moved before the crash, and one of its name is here again.
        File.Move(Path.Combine(_directory, "state.db"), Path.Combine(unfinished, "state.db"));
        Fill("state.db");

        var aside = SetAside.Finish(_directory, NullLogger.Instance)!;

        Assert.Equal(["set-aside"], Names(_directory));
        Assert.Equal(["raft", "reason.txt", "state.db", "state.db.2"], Names(aside));
    }

    [Fact]
    public void A_reason_that_a_crash_left_half_written_begins_no_move()
    {
        Fill("state.db", "set-aside/20261130-103005-1.new/reason.txt");

        Assert.Null(SetAside.Finish(_directory, NullLogger.Instance));
        Assert.Equal(["set-aside", "state.db"], Names(_directory));

        Assert.NotNull(SetAside.Everything(_directory, "damaged", _time, NullLogger.Instance));
    }

    [Fact]
    public void The_newest_are_kept_whatever_the_clock_says_and_what_is_not_ours_is_left_alone()
    {
        Fill("set-aside/notes/mine");
        RecordedLog logger = new();
        for (var i = 1; i <= SetAside.MaxKept + 2; i++)
        {
            Fill("state.db");
            SetAside.Everything(_directory, $"damage {i}", _time, logger);
            _time.AdjustTime(_time.GetUtcNow() - TimeSpan.FromDays(1));
        }

        Assert.Equal(
            ["3", "4", "5", "6", "7", "notes"],
            Names(Path.Combine(_directory, "set-aside")).Select(n => n.Split('-')[^1]).Order(StringComparer.Ordinal)
        );
        Assert.Equal("damage 7", SetAside.Latest(_directory)!.Value.Reason);
        Assert.Equal(2, logger.Texts.Count(l => l.Contains("is removed", StringComparison.Ordinal)));
    }

    private void Fill(params string[] files)
    {
        foreach (var file in files)
        {
            var path = Path.Combine(_directory, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, file);
        }
    }

    private static IEnumerable<string> Names(string directory) =>
        Directory.GetFileSystemEntries(directory).Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal);
}
