using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Agora.Lab;

/// <summary>The way of one sender's datagrams to one receiver.</summary>
/// <param name="Link">Decides what happens to them.</param>
/// <param name="Target">Where the receiver listens.</param>
public sealed record UdpRoute(Link Link, IPEndPoint Target);

/// <summary>
/// Receives datagrams at one port for each route, so that the port identifies sender and receiver, and forwards them to
/// the route's target as its link decides. One thread serves all routes. The bytes on their way are bounded; further
/// datagrams are dropped and counted, as a router does.
/// </summary>
public sealed class UdpRelay : IDisposable
{
    private const int MaxDatagram = 65_535;
    private const int MaxHeldBytes = 4 << 20;
    private const int SocketBuffer = 4 << 20;
    private const int MaxDatagramsPerTurn = 64;
    private const long MaxWaitMicroseconds = 1_000_000;

    private readonly UdpRoute[] _routes;
    private readonly Socket[] _entrances;
    private readonly SocketAddress[] _targets;
    private readonly Socket _exit;
    private readonly SocketSet _set;
    private readonly Thread _thread;
    private readonly byte[] _buffer = new byte[MaxDatagram];
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Ordered by due time, then by arrival, so that a link without jitter keeps the order.
    private readonly PriorityQueue<Held, (long Due, long Order)> _held = new();
    private readonly long[] _heldBytes;
    private long _order;
    private volatile bool _stopping;

    /// <summary>Opens a port for each route and begins.</summary>
    /// <param name="routes">At least one.</param>
    /// <param name="address">The address to listen on and send from.</param>
    /// <param name="ports">One for each route; 0, or null for the whole list, for any free port.</param>
    /// <exception cref="SocketException">A port cannot be opened.</exception>
    public UdpRelay(IReadOnlyList<UdpRoute> routes, IPAddress address, IReadOnlyList<int>? ports = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(routes.Count);
        _routes = [.. routes];
        _heldBytes = new long[_routes.Length];
        _targets = [.. _routes.Select(r => r.Target.Serialize())];
        List<Socket> opened = [];
        try
        {
            for (var i = 0; i <= _routes.Length; i++)
            {
                Socket socket = new(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
                opened.Add(socket);
                socket.Bind(new IPEndPoint(address, i < _routes.Length && ports is not null ? ports[i] : 0));
                socket.ReceiveBufferSize = SocketBuffer;
                socket.SendBufferSize = SocketBuffer;
            }
        }
        catch
        {
            opened.ForEach(s => s.Dispose());
            throw;
        }

        _entrances = [.. opened.Take(_routes.Length)];
        _exit = opened[^1];
        Entrances = [.. _entrances.Select(e => (IPEndPoint)e.LocalEndPoint!)];
        Array.ForEach(_entrances, e => e.Blocking = false);
        _set = new SocketSet(_entrances);
        _thread = new Thread(Run) { Name = "udp relay", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Where to send to, for each route.</summary>
    public IReadOnlyList<IPEndPoint> Entrances { get; }

    /// <summary>Completes when the relay has stopped; faults if an error stopped it.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Stops. Datagrams on their way are lost.</summary>
    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;

        // Ends the thread's wait.
        _exit.SendTo([], SocketFlags.None, Entrances[0]);
        _thread.Join();
        Array.ForEach(_entrances, e => e.Dispose());
        _exit.Dispose();
    }

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                _set.Wait(SendDue());
                for (var i = 0; i < _entrances.Length; i++)
                {
                    if (_set.IsReadable(i))
                    {
                        Drain(i);
                    }
                }
            }

            _completion.SetResult();
        }
        catch (Exception e)
        {
            _completion.SetException(e);
        }
    }

    private void Drain(int route)
    {
        for (var i = 0; i < MaxDatagramsPerTurn; i++)
        {
            var length = _entrances[route].Receive(_buffer, SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
            {
                return;
            }

            if (error != SocketError.Success)
            {
                throw new SocketException((int)error);
            }

            var fate = _routes[route].Link.NextDatagram();
            if (!fate.Arrives)
            {
                continue;
            }

            Pass(route, length, fate.Delay);
            if (fate.CopyDelay is { } copyDelay)
            {
                Pass(route, length, copyDelay);
            }
        }
    }

    private void Pass(int route, int length, TimeSpan delay)
    {
        if (delay == TimeSpan.Zero && _heldBytes[route] == 0)
        {
            Send(route, _buffer.AsSpan(0, length));
            return;
        }

        if (_heldBytes[route] + length > MaxHeldBytes)
        {
            _routes[route].Link.CountOverflow();
            return;
        }

        var bytes = ArrayPool<byte>.Shared.Rent(length);
        _buffer.AsSpan(0, length).CopyTo(bytes);
        _heldBytes[route] += length;
        _held.Enqueue(new Held(route, bytes, length), (Now + (long)delay.TotalMicroseconds, _order++));
    }

    // Returns the microseconds until the next datagram is due.
    private long SendDue()
    {
        while (_held.TryPeek(out var held, out var when))
        {
            var rest = when.Due - Now;
            if (rest > 0)
            {
                return Math.Min(rest, MaxWaitMicroseconds);
            }

            _held.Dequeue();
            _heldBytes[held.Route] -= held.Length;
            if (_routes[held.Route].Link.IsCut)
            {
                _routes[held.Route].Link.CountCutOff();
            }
            else
            {
                Send(held.Route, held.Bytes.AsSpan(0, held.Length));
            }

            ArrayPool<byte>.Shared.Return(held.Bytes);
        }

        return MaxWaitMicroseconds;
    }

    private void Send(int route, ReadOnlySpan<byte> datagram)
    {
        try
        {
            _exit.SendTo(datagram, SocketFlags.None, _targets[route]);
        }
        catch (SocketException)
        {
            // A full buffer or an unreachable receiver loses the datagram, as on any network.
            _routes[route].Link.CountOverflow();
        }
    }

    private static long Now => (long)Stopwatch.GetElapsedTime(0).TotalMicroseconds;

    private readonly record struct Held(int Route, byte[] Bytes, int Length);
}
