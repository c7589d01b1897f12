using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using RotatingSequencer.Hosting;

namespace RotatingSequencer.Tests;

/// <summary>Whose name is resolved again, and when. The time is given, and so is every answer.</summary>
public sealed class MemberAddressesTests : IDisposable
{
    private const long Second = 1_000_000;

    private static readonly IPEndPoint s_elsewhere = new(IPAddress.Parse("192.0.2.200"), 7800);

    private readonly long[] _heard = [0, 0, 0];
    private readonly List<int> _asked = [];
    private readonly SemaphoreSlim _begun = new(0);
    private readonly SemaphoreSlim _ended = new(0);
    private readonly Lines _log = new();
    private readonly Dictionary<int, IPEndPoint> _moved = [];
    private Func<int, Task<IPEndPoint>> _resolve;

    public MemberAddressesTests() =>
        _resolve = member => Task.FromResult(_moved.GetValueOrDefault(member, Group[member]));

    private static IPEndPoint[] Group { get; } =
    [.. Enumerable.Range(1, 3).Select(host => new IPEndPoint(IPAddress.Parse($"192.0.2.{host}"), 7800))];

    public void Dispose()
    {
        _begun.Dispose();
        _ended.Dispose();
    }

    [Fact]
    public async Task A_member_that_is_silent_is_resolved_again_and_what_is_found_is_used()
    {
        var addresses = Addresses();
        _moved[2] = s_elsewhere;
        for (var now = Second; now < 3 * Second; now += Second)
        {
            await LookAsync(addresses, now);
        }

        Assert.Empty(_asked);
        HearAll(3 * Second);
        _heard[2] = 0;
        await LookAsync(addresses, 4 * Second);

        Assert.Equal([2], _asked);
        Assert.Equal(s_elsewhere.Serialize(), addresses.All[2]);
        Assert.Equal(Group[0].Serialize(), addresses.All[0]);
        Assert.Single(_log.Texts, text => text.Contains("192.0.2.200:7800", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pauses_grow_while_a_member_is_silent_and_begin_anew_when_it_was_heard()
    {
        var addresses = Addresses();
        List<long> times = [];
        for (var now = Second / 2; now <= 40 * Second; now += Second / 2)
        {
            _heard[0] = now;
            times.AddRange((await LookAsync(addresses, now)).Where(m => m == 2).Select(_ => now / (Second / 2)));
        }

        Assert.Equal([7, 9, 13, 21, 37, 53, 69], times);
        _heard[0] = _heard[2] = 40 * Second;
        Assert.Empty(await LookAsync(addresses, 41 * Second));
        _heard[0] = 44 * Second;
        Assert.Equal([2], await LookAsync(addresses, 44 * Second));
        Assert.Equal([2], await LookAsync(addresses, 45 * Second));
    }

    [Fact]
    public async Task A_member_that_is_heard_is_resolved_too_but_seldom()
    {
        var addresses = Addresses();
        for (var now = 0L; now < 5 * MemberAddresses.HeardPause; now += Second)
        {
            HearAll(now);
            await LookAsync(addresses, now);
        }

        Assert.Equal(4, _asked.Count(member => member == 0));
        Assert.Equal(4, _asked.Count(member => member == 2));
    }

    [Fact]
    public async Task One_name_is_resolved_at_a_time_and_none_holds_up_the_others_for_ever()
    {
        var addresses = Addresses();
        TaskCompletionSource<IPEndPoint> slow = new();
        _resolve = _ => slow.Task;
        addresses.Look(4 * Second);
        await _begun.WaitAsync(TestContext.Current.CancellationToken);
        addresses.Look(14 * Second);
        Assert.Equal([2], _asked);

        _resolve = member => Task.FromResult(Group[member]);
        slow.SetResult(Group[2]);
        await _ended.WaitAsync(TestContext.Current.CancellationToken);
        await LookAsync(addresses, 15 * Second);

        Assert.Equal([2, 0, 2], _asked);
    }

    [Fact]
    public async Task An_address_stays_while_its_name_does_not_resolve_and_the_log_hears_of_each_reason_once()
    {
        var addresses = Addresses();
        _heard[0] = long.MaxValue;
        _resolve = _ => throw new SocketException((int)SocketError.HostNotFound);
        for (var now = 4 * Second; now < 60 * Second; now += Second)
        {
            await LookAsync(addresses, now);
        }

        _resolve = _ => Task.FromResult(new IPEndPoint(IPAddress.IPv6Loopback, 7800));
        for (var now = 60 * Second; now < 120 * Second; now += Second)
        {
            await LookAsync(addresses, now);
        }

        Assert.True(_asked.Count(member => member == 2) > 10);
        Assert.Equal(2, _log.Texts.Count(text => text.Contains("where member 2 is", StringComparison.Ordinal)));
        Assert.Equal(Group[2].Serialize(), addresses.All[2]);
    }

    [Fact]
    public async Task A_member_without_an_address_is_resolved_at_once_and_with_the_same_pauses_until_it_is_found()
    {
        _heard[2] = -1;
        _resolve = _ => throw new SocketException((int)SocketError.TryAgain);
        var addresses = Addresses(Options() with { Members = [Group[0], Group[1], null] });
        Assert.Null(addresses.All[2]);
        List<long> times = [];
        for (var now = 0L; now <= 30 * Second; now += Second / 2)
        {
            _heard[0] = now;
            times.AddRange((await LookAsync(addresses, now)).Where(m => m == 2).Select(_ => now / (Second / 2)));
        }

        Assert.Equal([0, 2, 6, 14, 30, 46], times);
        Assert.Null(addresses.All[2]);
        Assert.Single(_log.Texts, text => text.Contains("where member 2 is", StringComparison.Ordinal));

        _resolve = member => Task.FromResult(Group[member]);
        _heard[0] = 40 * Second;
        Assert.Contains(2, await LookAsync(addresses, 40 * Second));
        Assert.Equal(Group[2].Serialize(), addresses.All[2]);
        Assert.Single(_log.Texts, text => text.Contains("to member 2 at 192.0.2.3:7800", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Members_without_an_address_are_resolved_one_after_the_other_in_one_round()
    {
        var addresses = Addresses(Options() with { Members = [null, Group[1], null] });

        Assert.Equal([2, 0], await LookAsync(addresses, 0));
        Assert.Equal(Group.Select(address => address.Serialize()), addresses.All);
    }

    [Fact]
    public async Task Without_a_resolver_nothing_is_done()
    {
        var addresses = Addresses(Options() with { ResolveMember = null });

        Assert.Empty(await LookAsync(addresses, 100 * Second));
    }

    private MemberOptions Options() =>
        new()
        {
            Id = 1,
            Members = Group,
            GroupKey = new byte[16],
            Logger = _log,
            ResolveMember = (member, _) =>
            {
                _asked.Add(member);
                _begun.Release();
                return _resolve(member);
            },
        };

    private MemberAddresses Addresses() => Addresses(Options());

    private MemberAddresses Addresses(MemberOptions options) =>
        new(
            options,
            member => _heard[member],
            new MemberLog(options, -1, 0, returns: false),
            () => _ended.Release(),
            CancellationToken.None
        );

    private void HearAll(long now) => Array.Fill(_heard, now);

    /// <summary>Looks as often as there is something to take; returns whom it has asked about.</summary>
    private async Task<IReadOnlyList<int>> LookAsync(MemberAddresses addresses, long now)
    {
        var before = _asked.Count;
        addresses.Look(now);
        while (addresses.IsUnderWay)
        {
            await _ended.WaitAsync(TestContext.Current.CancellationToken);
            addresses.Look(now);
        }

        return _asked[before..];
    }

    private sealed class Lines : ILogger
    {
        public List<string> Texts { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => Texts.Add(formatter(state, exception));
    }
}
