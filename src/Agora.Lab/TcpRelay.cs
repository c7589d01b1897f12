using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Agora.Lab;

/// <summary>
/// Accepts connections at a port of its own and forwards them to a target, each direction over a link. The link delays
/// or stalls the data, in order, or resets the connection. While a link is cut, nothing passes, and neither end
/// notices. Every queue is bounded, so a fast sender is slowed down, as by TCP itself.
/// </summary>
public sealed class TcpRelay : IAsyncDisposable
{
    private const int Backlog = 128;
    private const int MaxConnections = 1_024;

    private readonly Link _there;
    private readonly Link _back;
    private readonly IPEndPoint _target;
    private readonly Socket _entrance;
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<Task, bool> _connections = [];
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _accepting;

    /// <summary>Opens a port and begins.</summary>
    /// <param name="there">The link from the client to the target.</param>
    /// <param name="back">The link from the target to the client.</param>
    /// <param name="target">Where connections are forwarded to.</param>
    /// <param name="address">The address to listen on.</param>
    /// <param name="port">The port; 0 for any free one.</param>
    /// <exception cref="SocketException">The port cannot be opened.</exception>
    public TcpRelay(Link there, Link back, IPEndPoint target, IPAddress address, int port = 0)
    {
        (_there, _back, _target) = (there, back, target);
        _entrance = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _entrance.Bind(new IPEndPoint(address, port));
            _entrance.Listen(Backlog);
        }
        catch
        {
            _entrance.Dispose();
            throw;
        }

        Entrance = (IPEndPoint)_entrance.LocalEndPoint!;
        _accepting = AcceptAsync();
    }

    /// <summary>Where to connect to.</summary>
    public IPEndPoint Entrance { get; }

    /// <summary>Completes when the relay has stopped; faults if an error stopped it.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Stops, and resets open connections.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_end.IsCancellationRequested)
        {
            return;
        }

        await _end.CancelAsync();
        _entrance.Dispose();
        await _accepting;
        await Task.WhenAll(_connections.Keys);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _entrance.AcceptAsync(_end.Token);
                if (_connections.Count >= MaxConnections)
                {
                    Reset(client);
                    continue;
                }

                var connection = ForwardAsync(client);
                _connections[connection] = true;
                _ = ForgetAsync(connection);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            _completion.TrySetResult();
        }
        catch (Exception e)
        {
            _completion.TrySetException(e);
        }
    }

    private async Task ForgetAsync(Task connection)
    {
        try
        {
            await connection;
        }
        catch (Exception e)
        {
            _completion.TrySetException(e);
        }

        _connections.TryRemove(connection, out _);
    }

    private async Task ForwardAsync(Socket client)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
        Socket server = new(_target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        List<Task> work = [];
        var inOrder = false;
        try
        {
            client.NoDelay = server.NoDelay = true;
            if (!IPAddress.IsLoopback(Entrance.Address))
            {
                // So that packet filters can distinguish relayed connections from the host's own.
                server.Bind(new IPEndPoint(Entrance.Address, 0));
            }

            await _there.WhenHealed.WaitAsync(ending.Token);
            await _back.WhenHealed.WaitAsync(ending.Token);
            await DelayQueue.WaitAsync(_there.NextOpening() + _back.NextOpening(), ending.Token);
            await server.ConnectAsync(_target, ending.Token);
            DelayQueue there = new(client, server, _there),
                back = new(server, client, _back);
            work.AddRange([
                there.ReadAsync(ending.Token),
                there.ForwardAsync(ending.Token),
                back.ReadAsync(ending.Token),
                back.ForwardAsync(ending.Token),
            ]);
            await foreach (var done in Task.WhenEach(work))
            {
                await done;
            }

            inOrder = true;
        }
        catch (Exception e) when (IsEndOfConnection(e))
        {
            // One of the two ends, the link, or the end of the relay has reset the connection. The other end is reset
            // below.
        }

        await ending.CancelAsync();
        if (inOrder)
        {
            client.Dispose();
            server.Dispose();
        }
        else
        {
            Reset(client);
            Reset(server);
        }

        foreach (var left in work)
        {
            await left.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static bool IsEndOfConnection(Exception e) =>
        e is SocketException or OperationCanceledException or ObjectDisposedException;

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The socket is closed already.
        }

        socket.Dispose();
    }

    /// <summary>One direction of a connection: chunks that have been read and are not due yet.</summary>
    private sealed class DelayQueue(Socket from, Socket to, Link link)
    {
        private const int ChunkSize = 8 << 10;
        private const int MaxChunks = 64;
        private static readonly TimeSpan s_minWait = TimeSpan.FromMilliseconds(0.5);

        private readonly Channel<Chunk> _queue = Channel.CreateBounded<Chunk>(
            new BoundedChannelOptions(MaxChunks) { SingleReader = true, SingleWriter = true }
        );

        private TimeSpan _lastDue;
        private int _waiting;

        public static async Task WaitAsync(TimeSpan time, CancellationToken cancellationToken)
        {
            // Timers are not more precise than this.
            if (time > s_minWait)
            {
                await Task.Delay(time, cancellationToken);
            }
        }

        /// <summary>Reads until the sender ends its direction.</summary>
        public async Task ReadAsync(CancellationToken cancellationToken)
        {
            while (true)
            {
                var buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
                var length = await from.ReceiveAsync(
                    buffer.AsMemory(0, ChunkSize),
                    SocketFlags.None,
                    cancellationToken
                );
                if (length == 0)
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                    _queue.Writer.Complete();
                    return;
                }

                var fate = link.NextChunk(length);
                if (fate.Reset)
                {
                    throw new SocketException((int)SocketError.ConnectionReset);
                }

                var now = Stopwatch.GetElapsedTime(0);
                _lastDue = now + fate.Delay > _lastDue ? now + fate.Delay : _lastDue;
                Chunk chunk = new(buffer, length, _lastDue);
                if (_lastDue <= now && !link.IsCut && Volatile.Read(ref _waiting) == 0)
                {
                    // The queue is empty, and only this method adds to it.
                    await SendAsync(chunk, cancellationToken);
                    continue;
                }

                Interlocked.Increment(ref _waiting);
                await _queue.Writer.WriteAsync(chunk, cancellationToken);
            }
        }

        /// <summary>Sends chunks when they are due, and then ends the direction.</summary>
        public async Task ForwardAsync(CancellationToken cancellationToken)
        {
            await foreach (var chunk in _queue.Reader.ReadAllAsync(cancellationToken))
            {
                await WaitAsync(chunk.Due - Stopwatch.GetElapsedTime(0), cancellationToken);
                await link.WhenHealed.WaitAsync(cancellationToken);
                await SendAsync(chunk, cancellationToken);
                Interlocked.Decrement(ref _waiting);
            }

            to.Shutdown(SocketShutdown.Send);
        }

        private async Task SendAsync(Chunk chunk, CancellationToken cancellationToken)
        {
            for (var sent = 0; sent < chunk.Length; )
            {
                sent += await to.SendAsync(
                    chunk.Bytes.AsMemory(sent, chunk.Length - sent),
                    SocketFlags.None,
                    cancellationToken
                );
            }

            ArrayPool<byte>.Shared.Return(chunk.Bytes);
        }

        private readonly record struct Chunk(byte[] Bytes, int Length, TimeSpan Due);
    }
}
