using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Agora.Lab;

/// <summary>Where a sender's datagrams for one receiver go on to, and over which link.</summary>
/// <param name="Link">Decides what becomes of them.</param>
/// <param name="Target">Where the receiver listens.</param>
public sealed record UdpRoute(Link Link, IPEndPoint Target);

/// <summary>
/// Takes datagrams at one port for each route, so that the port tells who sends to whom, and sends them on to the route's target as its link decides.
/// One thread serves all routes. What is on its way is bounded: beyond that, datagrams are dropped and counted, as a router does.
/// </summary>
public sealed class UdpRelay : IDisposable
{
    private const int LargestDatagram = 65_535;
    private const int LargestLine = 4 << 20;
    private const int SocketBuffer = 4 << 20;
    private const int MaximumDrain = 64;
    private const long LongestSleep = 1_000_000;

    private readonly UdpRoute[] _routes;
    private readonly Socket[] _entrances;
    private readonly SocketAddress[] _targets;
    private readonly Socket _exit;
    private readonly SocketSet _set;
    private readonly Thread _thread;
    private readonly byte[] _buffer = new byte[LargestDatagram];
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // By due time; among equals the one that came first, so that a link without jitter keeps its order.
    private readonly PriorityQueue<Held, (long Due, long Order)> _held = new();
    private readonly long[] _heldBytes;
    private long _order;
    private volatile bool _stopping;

    /// <summary>Opens a port for each route and begins.</summary>
    /// <param name="routes">At least one.</param>
    /// <param name="address">The address that it listens on, and sends from.</param>
    /// <param name="ports">One for each route; 0, or none at all, for any that is free.</param>
    /// <exception cref="SocketException">The address cannot be listened on.</exception>
    public UdpRelay(IReadOnlyList<UdpRoute> routes, IPAddress address, IReadOnlyList<int>? ports = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(routes.Count);
        _routes = [.. routes];
        _heldBytes = new long[_routes.Length];
        _targets = [.. _routes.Select(r => r.Target.Serialize())];
        List<Socket> opened = [];
        try
        {
            for (int i = 0; i <= _routes.Length; i++)
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

    /// <summary>Completes when the relay has stopped; faults when it had to.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Stops. What is on its way is lost.</summary>
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
                for (int i = 0; i < _entrances.Length; i++)
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
        for (int i = 0; i < MaximumDrain; i++)
        {
            int length = _entrances[route].Receive(_buffer, SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock)
            {
                return;
            }
            if (error != SocketError.Success)
            {
                throw new SocketException((int)error);
            }
            DatagramFate fate = _routes[route].Link.NextDatagram();
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
        if (_heldBytes[route] + length > LargestLine)
        {
            _routes[route].Link.CountOverflow();
            return;
        }
        byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
        _buffer.AsSpan(0, length).CopyTo(bytes);
        _heldBytes[route] += length;
        _held.Enqueue(new Held(route, bytes, length), (Now + (long)delay.TotalMicroseconds, _order++));
    }

    // Microseconds until the next is due.
    private long SendDue()
    {
        while (_held.TryPeek(out Held held, out (long Due, long Order) when))
        {
            long rest = when.Due - Now;
            if (rest > 0)
            {
                return Math.Min(rest, LongestSleep);
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
        return LongestSleep;
    }

    private void Send(int route, ReadOnlySpan<byte> datagram)
    {
        try
        {
            _exit.SendTo(datagram, SocketFlags.None, _targets[route]);
        }
        catch (SocketException)
        {
            // A full buffer or an unreachable receiver: lost, as on any network.
            _routes[route].Link.CountOverflow();
        }
    }

    private static long Now => (long)Stopwatch.GetElapsedTime(0).TotalMicroseconds;

    private readonly record struct Held(int Route, byte[] Bytes, int Length);
}
