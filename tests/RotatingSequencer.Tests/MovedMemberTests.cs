using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Agora.Testing;

namespace RotatingSequencer.Tests;

/// <summary>Members whose hosts get another address, over real UDP on the loopback interface.</summary>
public sealed class MovedMemberTests : IAsyncLifetime
{
    private const int Size = 3;

    private static readonly IPAddress s_elsewhere = IPAddress.Parse("127.0.0.2");

    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-").FullName;
    private readonly IPEndPoint[] _first = FreePorts.TakeEndPoints(Size);
    private readonly ConcurrentDictionary<int, IPEndPoint> _names = [];
    private readonly ConcurrentDictionary<int, bool> _unknown = [];
    private readonly ConcurrentQueue<int> _resolved = [];
    private readonly Counter[] _counters = [.. Enumerable.Range(0, Size).Select(_ => new Counter())];
    private readonly Member?[] _members = new Member?[Size];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members)
        {
            await (member?.DisposeAsync() ?? ValueTask.CompletedTask);
        }

        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_member_that_starts_again_at_another_address_is_reached_by_all_who_go_on()
    {
        await StartAllAsync();
        await BroadcastFromAllAsync();
        await _members[2]!.DisposeAsync();
        var waiting = _members[0]!.BroadcastAsync(new byte[1], Cancellation);

        Move(2, s_elsewhere);
        await StartAsync(2);

        await waiting;
        await BroadcastFromAllAsync();
        Assert.All(_counters, counter => Assert.Equal((2 * Size) + 1, counter.Count));
    }

    [Fact]
    public async Task All_may_move_one_after_the_other_and_those_that_moved_find_the_next()
    {
        await StartAllAsync();
        for (var member = 0; member < Size; member++)
        {
            await _members[member]!.DisposeAsync();
            Move(member, s_elsewhere);
            await StartAsync(member);
            await BroadcastFromAllAsync();
        }

        Assert.All(_counters, counter => Assert.Equal(Size * Size, counter.Count));
    }

    [Fact]
    public async Task Members_start_while_the_host_of_another_is_not_known_and_meet_it_once_it_is()
    {
        _unknown.TryAdd(2, true);
        await StartAsync(0);
        await StartAsync(1);
        await StartAsync(2);
        var waiting = _members[0]!.BroadcastAsync(new byte[1], Cancellation);
        await UntilAsync(() => _members[0]!.Status is { ReachableMembers: 2, WaitingFor: "waits for members 2" });
        await UntilAsync(() => _resolved.Count(member => member == 2) > 2);

        Assert.False(waiting.IsCompleted);
        Assert.Equal(2, _members[0]!.Status.ReachableMembers);
        Assert.All(_members, member => Assert.False(member!.Completion.IsCompleted));

        _unknown.Clear();
        await waiting;
        await BroadcastFromAllAsync();
        Assert.All(_counters, counter => Assert.Equal(Size + 1, counter.Count));
    }

    [Fact]
    public async Task An_authentic_datagram_from_elsewhere_diverts_nothing_to_where_it_came_from()
    {
        // What member 0 sends to member 1 passes here, is recorded, and is sent on from here.
        using Socket between = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        between.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        ConcurrentQueue<byte[]> recorded = [];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var passing = PassOnAsync(between, recorded, stop.Token);
        await StartAsync(0, (IPEndPoint)between.LocalEndPoint!);
        await StartAsync(1);
        await StartAsync(2);
        await BroadcastFromAllAsync();

        using Socket stranger = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        stranger.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Assert.NotEmpty(recorded);
        foreach (var datagram in recorded)
        {
            stranger.SendTo(datagram, _first[1]);
        }

        await BroadcastFromAllAsync();

        Assert.Equal(0, stranger.Available);
        Assert.All(_counters, counter => Assert.Equal(2 * Size, counter.Count));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => passing);
    }

    private async Task PassOnAsync(
        Socket between,
        ConcurrentQueue<byte[]> recorded,
        CancellationToken cancellationToken
    )
    {
        const int MaxRecorded = 1_000;
        var buffer = new byte[65_536];
        while (true)
        {
            var length = await between.ReceiveAsync(buffer, cancellationToken);
            if (recorded.Count < MaxRecorded)
            {
                recorded.Enqueue(buffer[..length]);
            }

            await between.SendToAsync(buffer.AsMemory(0, length), _first[1], cancellationToken);
        }
    }

    private void Move(int member, IPAddress to) => _names[member] = new IPEndPoint(to, _first[member].Port);

    private IPEndPoint Find(int member) => _names.GetValueOrDefault(member, _first[member]);

    private async Task StartAllAsync()
    {
        for (var member = 0; member < Size; member++)
        {
            await StartAsync(member);
        }
    }

    private async Task StartAsync(int member, IPEndPoint? ofMember1 = null)
    {
        IPEndPoint Of(int other) => other == 1 && ofMember1 is not null ? ofMember1 : Find(other);
        bool IsKnown(int other) => other == member || !_unknown.ContainsKey(other);
        _members[member] = await Member.StartAsync(
            new MemberOptions
            {
                Id = member,
                Members = [.. Enumerable.Range(0, Size).Select(other => IsKnown(other) ? Of(other) : null)],
                GroupKey = "a key that only tests know"u8.ToArray(),
                JournalDirectory = Path.Combine(_directory, $"{member}"),
                ResolveMember = (other, _) =>
                {
                    _resolved.Enqueue(other);
                    return IsKnown(other)
                        ? Task.FromResult(Of(other))
                        : throw new SocketException((int)SocketError.HostNotFound);
                },
            },
            _counters[member],
            Cancellation
        );
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        while (!holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), Cancellation);
        }
    }

    private async Task BroadcastFromAllAsync()
    {
        await Task.WhenAll(_members.Select(member => member!.BroadcastAsync(new byte[1], Cancellation)));
        await Task.WhenAll(_members.Select(member => member!.ReadBarrierAsync(Cancellation)));
    }

    /// <summary>Counts what is delivered.</summary>
    private sealed class Counter : IDeliveryHandler
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public long Applied { get; private set; } = -1;

        public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results)
        {
            Interlocked.Add(ref _count, deliveries.Length);
            Applied = deliveries[^1].Number;
        }

        public bool TryFlush() => true;
    }
}
