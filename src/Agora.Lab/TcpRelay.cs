using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Agora.Lab;

/// <summary>
/// Takes connections at a port of its own and carries them to a target, each direction over a link: what is sent comes late, in order, stalls, or the
/// connection is reset; while a link is cut nothing passes, and nobody is told. Every line is bounded, so a sender is slowed down as by TCP itself.
/// </summary>
public sealed class TcpRelay : IAsyncDisposable
{
    private const int Backlog = 128;
    private const int MaximumConnections = 1_024;

    private readonly Link _there;
    private readonly Link _back;
    private readonly IPEndPoint _target;
    private readonly Socket _entrance;
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<Task, bool> _connections = [];
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _accepting;

    /// <summary>Opens a port and begins.</summary>
    /// <param name="there">From whoever connects to the target.</param>
    /// <param name="back">From the target to whoever connects.</param>
    /// <param name="target">Where connections go on to.</param>
    /// <param name="address">The address that it listens on.</param>
    /// <param name="port">The port; 0 for any that is free.</param>
    /// <exception cref="SocketException">It cannot be listened on.</exception>
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

    /// <summary>Completes when the relay has stopped; faults when it had to.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Stops, and resets what is open.</summary>
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
                Socket client = await _entrance.AcceptAsync(_end.Token);
                if (_connections.Count >= MaximumConnections)
                {
                    Reset(client);
                    continue;
                }
                Task connection = CarryAsync(client);
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

    private async Task CarryAsync(Socket client)
    {
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
        Socket server = new(_target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        List<Task> work = [];
        bool inOrder = false;
        try
        {
            client.NoDelay = server.NoDelay = true;
            if (!IPAddress.IsLoopback(Entrance.Address))
            {
                // So that packet filters can tell what passes here from what its host says itself.
                server.Bind(new IPEndPoint(Entrance.Address, 0));
            }
            await _there.WhenMended.WaitAsync(ending.Token);
            await _back.WhenMended.WaitAsync(ending.Token);
            await Line.WaitAsync(_there.NextOpening() + _back.NextOpening(), ending.Token);
            await server.ConnectAsync(_target, ending.Token);
            Line there = new(client, server, _there), back = new(server, client, _back);
            work.AddRange([there.ReadAsync(ending.Token), there.ForwardAsync(ending.Token), back.ReadAsync(ending.Token), back.ForwardAsync(ending.Token)]);
            await foreach (Task done in Task.WhenEach(work))
            {
                await done;
            }
            inOrder = true;
        }
        catch (Exception e) when (IsEndOfConnection(e))
        {
            // Reset by one of the two, by the link, or by the end of the relay; whoever is left is told in the same way.
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
        foreach (Task left in work)
        {
            await left.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static bool IsEndOfConnection(Exception e) => e is SocketException or OperationCanceledException or ObjectDisposedException;

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }
        socket.Dispose();
    }

    /// <summary>One direction of a connection: what has been read and is not due yet waits in line.</summary>
    private sealed class Line(Socket from, Socket to, Link link)
    {
        private const int ChunkSize = 8 << 10;
        private const int LongestLine = 64;
        private static readonly TimeSpan s_shortestWait = TimeSpan.FromMilliseconds(0.5);

        private readonly Channel<Chunk> _line = Channel.CreateBounded<Chunk>(
            new BoundedChannelOptions(LongestLine) { SingleReader = true, SingleWriter = true });

        private TimeSpan _lastDue;
        private int _waiting;

        public static async Task WaitAsync(TimeSpan time, CancellationToken cancellationToken)
        {
            // A timer is no more exact than that.
            if (time > s_shortestWait)
            {
                await Task.Delay(time, cancellationToken);
            }
        }

        /// <summary>Reads until the sender has no more to say.</summary>
        public async Task ReadAsync(CancellationToken cancellationToken)
        {
            while (true)
            {
                byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
                int length = await from.ReceiveAsync(buffer.AsMemory(0, ChunkSize), SocketFlags.None, cancellationToken);
                if (length == 0)
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                    _line.Writer.Complete();
                    return;
                }
                ChunkFate fate = link.NextChunk(length);
                if (fate.Reset)
                {
                    throw new SocketException((int)SocketError.ConnectionReset);
                }
                TimeSpan now = Stopwatch.GetElapsedTime(0);
                _lastDue = now + fate.Delay > _lastDue ? now + fate.Delay : _lastDue;
                Chunk chunk = new(buffer, length, _lastDue);
                if (_lastDue <= now && !link.IsCut && Volatile.Read(ref _waiting) == 0)
                {
                    // Nothing is before it in line, and nothing joins but from here.
                    await SendAsync(chunk, cancellationToken);
                    continue;
                }
                Interlocked.Increment(ref _waiting);
                await _line.Writer.WriteAsync(chunk, cancellationToken);
            }
        }

        /// <summary>Sends what is due, and at the end passes that on too.</summary>
        public async Task ForwardAsync(CancellationToken cancellationToken)
        {
            await foreach (Chunk chunk in _line.Reader.ReadAllAsync(cancellationToken))
            {
                await WaitAsync(chunk.Due - Stopwatch.GetElapsedTime(0), cancellationToken);
                await link.WhenMended.WaitAsync(cancellationToken);
                await SendAsync(chunk, cancellationToken);
                Interlocked.Decrement(ref _waiting);
            }
            to.Shutdown(SocketShutdown.Send);
        }

        private async Task SendAsync(Chunk chunk, CancellationToken cancellationToken)
        {
            for (int sent = 0; sent < chunk.Length;)
            {
                sent += await to.SendAsync(chunk.Bytes.AsMemory(sent, chunk.Length - sent), SocketFlags.None, cancellationToken);
            }
            ArrayPool<byte>.Shared.Return(chunk.Bytes);
        }

        private readonly record struct Chunk(byte[] Bytes, int Length, TimeSpan Due);
    }
}
