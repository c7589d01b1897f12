using System.Net;
using Agora.Cluster;
using Agora.Replication.Raft;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>How a replica finds another anew, and what it calls it meanwhile.</summary>
public sealed class PeerAddressTests : IDisposable
{
    private static readonly DatabaseAddress s_named = new() { Host = "one.test", PeerPort = 7800 };

    private readonly FakeTimeProvider _time = new();
    private readonly SemaphoreSlim _asked = new(0);
    private readonly SemaphoreSlim _answers = new(1);
    private string _answer = "192.0.2.1";

    public void Dispose()
    {
        // A lookup may still wait.
        _answers.Release(10);
        _asked.Dispose();
    }

    [Fact]
    public async Task A_connection_gets_an_address_at_once_and_a_later_one_what_was_found_meanwhile()
    {
        var address = Find(s_named);
        Assert.Equal("192.0.2.1:7800", $"{address.Current}");
        _answer = "192.0.2.2";
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("192.0.2.1:7800", $"{address.Current}");
        await AskedAsync();
        Assert.Equal("192.0.2.1:7800", $"{address.Current}");
        _answers.Release();

        await Group.EventuallyAsync(() =>
            Task.FromResult($"{address.Current}" == "192.0.2.2:7800" ? true : (bool?)null)
        );
    }

    [Fact]
    public async Task A_name_is_looked_up_once_at_a_time_and_once_a_second_at_most()
    {
        var address = Find(s_named);
        for (var i = 0; i < 10; i++)
        {
            _ = address.Current;
        }

        Assert.Equal(0, _asked.CurrentCount);
        _time.Advance(TimeSpan.FromSeconds(1));
        _ = address.Current;
        await AskedAsync();
        _time.Advance(TimeSpan.FromSeconds(1));
        _ = address.Current;
        Assert.Equal(0, _asked.CurrentCount);
    }

    [Fact]
    public void An_address_is_never_looked_up_again()
    {
        var address = Find(new DatabaseAddress { Host = "192.0.2.1", PeerPort = 7800 });
        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal("192.0.2.1:7800", $"{address.Current}");
        Assert.Equal(0, _asked.CurrentCount);
    }

    [Fact]
    public async Task A_name_that_is_not_found_leaves_what_was_known()
    {
        var address = Find(s_named);
        _answer = "";
        _time.Advance(TimeSpan.FromSeconds(1));
        _ = address.Current;
        await AskedAsync();
        _answers.Release();
        _answer = "192.0.2.3";

        await Group.EventuallyAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            _answers.Release();
            var now = $"{address.Current}";
            Assert.Contains(now, new[] { "192.0.2.1:7800", "192.0.2.3:7800" });
            return Task.FromResult(now == "192.0.2.3:7800" ? true : (bool?)null);
        });
    }

    [Fact]
    public void Replicas_have_ids_by_number_alone()
    {
        var ids = Enumerable.Range(0, 63).Select(LibraryMembers.IdOf).ToList();

        Assert.Equal(63, ids.Distinct().Count());
        Assert.Equal(ids, Enumerable.Range(0, 63).Select(LibraryMembers.IdOf));
    }

    private PeerAddress Find(DatabaseAddress replica)
    {
        PeerAddress address = new("ledger/1", replica, Look, _time, NullLogger.Instance);
        Assert.True(_asked.Wait(0));
        return address;
    }

    private IPAddress Look(string host)
    {
        _asked.Release();
        _answers.Wait(TestContext.Current.CancellationToken);
        return IPAddress.TryParse(_answer, out var found)
            ? found
            : throw new FixableException("the test", "has no address", "Give it one");
    }

    private Task AskedAsync() => _asked.WaitAsync(TestContext.Current.CancellationToken);
}
