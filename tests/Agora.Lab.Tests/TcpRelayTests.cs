using System.Net;
using System.Net.Sockets;

namespace Agora.Lab.Tests;

/// <summary>Real connections through a relay.</summary>
public sealed class TcpRelayTests : IAsyncDisposable
{
    private readonly FaultyNetwork _network = new(1);
    private readonly TcpListener _target = new(IPAddress.Loopback, 0);
    private readonly TcpRelay _relay;
    private readonly CancellationTokenSource _bound = CancellationTokenSource.CreateLinkedTokenSource(
        TestContext.Current.CancellationToken
    );

    public TcpRelayTests()
    {
        _bound.CancelAfter(TimeSpan.FromSeconds(60));
        _target.Start();
        _relay = new TcpRelay(
            _network.Between("a", "b"),
            _network.Between("b", "a"),
            (IPEndPoint)_target.LocalEndpoint,
            IPAddress.Loopback
        );
    }

    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        _target.Dispose();
        _bound.Dispose();
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.02, 3)]
    public async Task Everything_arrives_whole_and_in_order_in_both_directions(double loss, int delay)
    {
        _network.Set(
            new LinkConditions
            {
                Loss = loss,
                Delay = TimeSpan.FromMilliseconds(delay),
                Jitter = TimeSpan.FromMilliseconds(delay),
            }
        );
        (var client, var server) = await ConnectAsync();
        using (client)
        using (server)
        {
            byte[] question = new byte[1 << 20],
                answer = new byte[300_000];
            new Random(1).NextBytes(question);
            new Random(2).NextBytes(answer);

            var received = await Task.WhenAll(
                SendAsync(client, question),
                ReceiveAsync(server, question.Length),
                SendAsync(server, answer),
                ReceiveAsync(client, answer.Length)
            );

            Assert.Equal(question, received[1]);
            Assert.Equal(answer, received[3]);
        }
    }

    [Fact]
    public async Task Each_direction_has_the_delay()
    {
        var delay = TimeSpan.FromMilliseconds(30);
        (var client, var server) = await ConnectAsync();
        using (client)
        using (server)
        {
            _network.Set(new LinkConditions { Delay = delay });
            var started = TimeProvider.System.GetTimestamp();
            await SendAsync(client, [1]);
            await ReceiveAsync(server, 1);
            await SendAsync(server, [2]);
            await ReceiveAsync(client, 1);

            Assert.True(TimeProvider.System.GetElapsedTime(started) >= 2 * delay);
        }
    }

    [Fact]
    public async Task An_end_in_order_is_passed_on_and_the_other_direction_stays_open()
    {
        _network.Set(new LinkConditions { Delay = TimeSpan.FromMilliseconds(5) });
        (var client, var server) = await ConnectAsync();
        using (client)
        using (server)
        {
            await SendAsync(client, [1, 2, 3]);
            client.Shutdown(SocketShutdown.Send);

            Assert.Equal([1, 2, 3], await ReceiveAsync(server, 3));
            Assert.Equal(0, await server.ReceiveAsync(new byte[1], _bound.Token));
            await SendAsync(server, [4]);
            Assert.Equal([4], await ReceiveAsync(client, 1));
            server.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, await client.ReceiveAsync(new byte[1], _bound.Token));
        }
    }

    [Fact]
    public async Task A_reset_reaches_both_ends()
    {
        (var client, var server) = await ConnectAsync();
        using (client)
        using (server)
        {
            _network.Set(new LinkConditions { Resets = 1 });
            await SendAsync(client, [1]);

            await AssertResetAsync(client);
            await AssertResetAsync(server);
        }

        Assert.Equal(1, _network.Between("a", "b").Counts.Resets);
    }

    [Fact]
    public async Task The_death_of_one_end_resets_the_other_even_if_that_only_listens()
    {
        (var client, var server) = await ConnectAsync();
        using (client)
        {
            server.LingerState = new LingerOption(true, 0);
            server.Dispose();
            await AssertResetAsync(client);
        }
    }

    [Fact]
    public async Task A_target_that_refuses_causes_a_reset()
    {
        _target.Stop();

        // On one machine the reset may come before the client knows that it is connected.
        var reset = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            using var client = await DialAsync();
            await client.ReceiveAsync(new byte[1], _bound.Token);
        });
        Assert.Equal(SocketError.ConnectionReset, reset.SocketErrorCode);
    }

    [Fact]
    public async Task A_cut_link_is_silent_and_loses_nothing_of_a_stream()
    {
        (var client, var server) = await ConnectAsync();
        using (client)
        using (server)
        {
            _network.Cut(l => l.From == "a");
            await SendAsync(client, [1]);
            await SendAsync(server, [2]);

            // The other direction is not cut. What arrives there proves that nothing arrived here before.
            Assert.Equal([2], await ReceiveAsync(client, 1));
            Assert.Equal(0, server.Available);
            _network.Heal(_ => true);
            Assert.Equal([1], await ReceiveAsync(server, 1));
        }
    }

    [Fact]
    public async Task No_connection_is_made_over_a_cut_link_before_it_is_healed()
    {
        _network.Cut(l => l.From == "b");
        var accepting = _target.AcceptSocketAsync(_bound.Token).AsTask();
        using var client = await DialAsync();
        await SendAsync(client, [1]);
        Assert.False(accepting.IsCompleted);

        _network.Heal(_ => true);

        using var server = await accepting;
        Assert.Equal([1], await ReceiveAsync(server, 1));
    }

    [Fact]
    public async Task A_fast_sender_is_slowed_down_so_that_memory_stays_bounded()
    {
        (var client, var server) = await ConnectAsync();
        using (client)
        using (server)
        {
            _network.Cut(_ => true);
            var large = new byte[64 << 20];
            var sending = SendAsync(client, large);
            await Task.WhenAny(sending, Task.Delay(TimeSpan.FromMilliseconds(300), _bound.Token));
            Assert.False(sending.IsCompleted);

            _network.Heal(_ => true);
            await ReceiveAsync(server, large.Length);
            await sending;
        }
    }

    [Fact]
    public async Task A_relay_that_ends_resets_what_is_open()
    {
        (var client, var server) = await ConnectAsync();
        using (client)
        using (server)
        {
            await _relay.DisposeAsync();
            await AssertResetAsync(client);
            await AssertResetAsync(server);
        }

        await _relay.Completion;
    }

    private async Task<Socket> DialAsync()
    {
        Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(_relay.Entrance, _bound.Token);
        return client;
    }

    private async Task<(Socket Client, Socket Server)> ConnectAsync()
    {
        var accepting = _target.AcceptSocketAsync(_bound.Token).AsTask();
        var client = await DialAsync();
        return (client, await accepting);
    }

    private async Task<byte[]> SendAsync(Socket socket, byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length; )
        {
            sent += await socket.SendAsync(bytes.AsMemory(sent), _bound.Token);
        }

        return bytes;
    }

    private async Task<byte[]> ReceiveAsync(Socket socket, int length)
    {
        var bytes = new byte[length];
        for (var received = 0; received < length; )
        {
            var more = await socket.ReceiveAsync(bytes.AsMemory(received), _bound.Token);
            Assert.NotEqual(0, more);
            received += more;
        }

        return bytes;
    }

    private async Task AssertResetAsync(Socket socket) =>
        Assert.Equal(
            SocketError.ConnectionReset,
            (
                await Assert.ThrowsAsync<SocketException>(async () =>
                    await socket.ReceiveAsync(new byte[1], _bound.Token)
                )
            ).SocketErrorCode
        );
}
