using System.Net;
using System.Net.Sockets;

namespace Agora.Lab.Tests;

/// <summary>Real datagrams through a relay.</summary>
public sealed class UdpRelayTests : IDisposable
{
    private const int Bound = 30_000;

    private readonly FaultyNetwork _network = new(1);
    private readonly Socket _sender = Open();
    private readonly Socket _receiver = Open();

    public void Dispose()
    {
        _sender.Dispose();
        _receiver.Dispose();
    }

    [Fact]
    public void Datagrams_over_a_perfect_link_arrive_whole_and_in_order()
    {
        using var relay = Relay();
        Random random = new(1);
        for (var i = 0; i < 200; i++)
        {
            var sent = new byte[random.Next(1, 9_000)];
            random.NextBytes(sent);

            Send(relay, sent);

            Assert.Equal(sent, Receive());
        }

        Assert.Equal(200, _network.Between("a", "b").Counts.Passed);
    }

    [Fact]
    public void Exactly_what_the_link_decides_arrives_and_as_often()
    {
        LinkConditions conditions = new() { Loss = 0.2, Duplication = 0.2 };
        _network.Set(conditions);
        FaultyNetwork same = new(1);
        same.Set(conditions);
        List<int> expected = [];
        for (var i = 0; i < 100; i++)
        {
            var fate = same.Between("a", "b").NextDatagram();
            expected.AddRange(
                Enumerable.Repeat(
                    i,
                    !fate.Arrives ? 0
                        : fate.CopyDelay is null ? 1
                        : 2
                )
            );
        }

        using var relay = Relay();
        for (var i = 0; i < 100; i++)
        {
            Send(relay, [(byte)i]);
        }

        Assert.Equal(expected, expected.Select(_ => (int)Receive()[0]));
    }

    [Fact]
    public void A_delayed_datagram_comes_late_and_a_delay_alone_keeps_the_order()
    {
        var delay = TimeSpan.FromMilliseconds(50);
        _network.Set(new LinkConditions { Delay = delay });
        using var relay = Relay();
        var started = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 100; i++)
        {
            Send(relay, [(byte)i]);
        }

        Assert.Equal(0, Receive()[0]);
        Assert.True(TimeProvider.System.GetElapsedTime(started) >= delay);
        Assert.Equal(Enumerable.Range(1, 99), Enumerable.Range(1, 99).Select(_ => (int)Receive()[0]));
    }

    [Fact]
    public void Held_back_datagrams_are_overtaken()
    {
        _network.Set(new LinkConditions { Reordering = 0.3, HoldBack = TimeSpan.FromMilliseconds(100) });
        using var relay = Relay();
        for (var i = 0; i < 100; i++)
        {
            Send(relay, [(byte)i]);
        }

        List<int> received = [.. Enumerable.Range(0, 100).Select(_ => (int)Receive()[0])];

        Assert.NotEqual(Enumerable.Range(0, 100), received);
        Assert.Equal(Enumerable.Range(0, 100), received.Order());
    }

    [Fact]
    public void Nothing_passes_a_cut_link_not_even_what_was_on_its_way()
    {
        _network.Set(new LinkConditions { Delay = TimeSpan.FromMilliseconds(200) });
        using var relay = Relay();
        var link = _network.Between("a", "b");
        Send(relay, [1]);
        Until(() => link.Counts.Passed == 1);

        _network.Cut(_ => true);
        Send(relay, [2]);
        Until(() => link.Counts is { Passed: 0, CutOff: 2 });
        _network.Heal(_ => true);
        Send(relay, [3]);

        Assert.Equal([3], Receive());
    }

    [Fact]
    public void What_is_on_its_way_is_bounded()
    {
        _network.Set(new LinkConditions { Delay = TimeSpan.FromSeconds(10) });
        using var relay = Relay();
        var link = _network.Between("a", "b");
        var large = new byte[60_000];
        for (var sent = 1; link.Counts.Overflowed == 0; sent++)
        {
            Assert.True(sent < 1_000);
            Send(relay, large);
            Until(() => link.Counts.Passed + link.Counts.Overflowed == sent);
        }

        Assert.InRange(link.Counts.Passed * large.Length, 1 << 20, 4 << 20);
    }

    [Fact]
    public void Each_route_has_a_port_and_a_link_of_its_own()
    {
        using var other = Open();
        using UdpRelay relay = new(
            [new(_network.Between("a", "b"), Address(_receiver)), new(_network.Between("a", "c"), Address(other))],
            IPAddress.Loopback
        );
        _network.Cut(l => l.To == "b");

        Send(relay, [1], route: 0);
        Send(relay, [2], route: 1);

        var buffer = new byte[10];
        Assert.Equal(1, other.Receive(buffer));
        Assert.Equal(2, buffer[0]);
        Until(() => _network.Between("a", "b").Counts.CutOff == 1);
    }

    [Fact]
    public async Task A_relay_that_is_disposed_of_has_stopped()
    {
        var relay = Relay();
        relay.Dispose();
        await relay.Completion;
        relay.Dispose();
    }

    private UdpRelay Relay() => new([new UdpRoute(_network.Between("a", "b"), Address(_receiver))], IPAddress.Loopback);

    private void Send(UdpRelay relay, byte[] bytes, int route = 0) => _sender.SendTo(bytes, relay.Entrances[route]);

    private byte[] Receive()
    {
        var buffer = new byte[65_535];
        return buffer[.._receiver.Receive(buffer)];
    }

    private static void Until(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, Bound));

    private static Socket Open()
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)
        {
            ReceiveTimeout = Bound,
            ReceiveBufferSize = 1 << 20,
        };
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private static IPEndPoint Address(Socket socket) => (IPEndPoint)socket.LocalEndPoint!;
}
