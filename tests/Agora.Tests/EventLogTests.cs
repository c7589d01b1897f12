using Agora.Cluster;
using Agora.Launcher;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Tests;

public sealed class EventLogTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void It_is_there_again_after_a_restart()
    {
        EventLog log = new(_scratch["events"], _time);
        log.Add(EventKinds.Down, "products/1 was killed by signal 9");
        _time.Advance(TimeSpan.FromSeconds(1));
        log.Add(EventKinds.Leader, "products: products/2 leads, term 8");

        EventLog again = new(_scratch["events"], _time);
        again.Add(EventKinds.Up, "products/1 serves again");

        Assert.Equal(
            ["products/1 was killed by signal 9", "products: products/2 leads, term 8", "products/1 serves again"],
            again.Last(10).Select(e => e.Text)
        );
        Assert.Equal([1L, 2L, 3L], again.Last(10).Select(e => e.Number));
        Assert.Equal(new DateTime(2026, 1, 2, 3, 4, 6, DateTimeKind.Utc), again.Last(2)[0].At);
    }

    [Fact]
    public void Half_a_line_is_no_event_and_the_rest_is_read()
    {
        EventLog log = new(_scratch["events"], _time);
        log.Add(EventKinds.Up, "one");
        File.AppendAllText(_scratch["events"], """{"number":2,"at":"2026-01""" + "\n");
        new EventLog(_scratch["events"], _time).Add(EventKinds.Up, "two");

        Assert.Equal(["one", "two"], new EventLog(_scratch["events"], _time).Last(10).Select(e => e.Text));
    }

    [Fact]
    public void Neither_the_list_nor_the_file_grows_without_bound()
    {
        EventLog log = new(_scratch["events"], _time);
        for (var i = 0; i < 3000; i++)
        {
            log.Add(EventKinds.Up, new string('x', 700));
        }

        Assert.Equal(EventLog.MaxKept, log.Last(int.MaxValue).Count);
        Assert.True(log.Last(1)[0].Text.Length < 700);
        Assert.InRange(new FileInfo(_scratch["events"]).Length, 1, EventLog.MaxFileBytes + 2000);
        Assert.Equal(EventLog.MaxKept, new EventLog(_scratch["events"], _time).Last(int.MaxValue).Count);
    }

    [Fact]
    public void A_reader_gets_what_is_new_and_everything_from_a_log_that_begins_anew()
    {
        EventLog log = new(path: null, _time);
        log.Add(EventKinds.Up, "one");
        log.Add(EventKinds.Up, "two");

        Assert.Equal(["two"], log.After(1).Select(e => e.Text));
        Assert.Empty(log.After(2));
        Assert.Equal(["one", "two"], log.After(50).Select(e => e.Text));
    }

    [Fact]
    public void On_a_disk_that_cannot_be_written_events_are_kept_in_memory()
    {
        EventLog log = new(Path.Combine(_scratch["missing"], "events"), _time);
        log.Add(EventKinds.Up, "one");

        Assert.Equal("one", Assert.Single(log.Last(10)).Text);
    }
}
