using System.Net;
using System.Net.Sockets;
using RotatingSequencer.Core;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Hosting;

/// <summary>
/// Seals datagrams and sends them. On Linux consecutive full datagrams to the same member go to the system in one call,
/// which cuts them apart again (UDP segmentation offload): most of what a datagram costs in the system, it then costs
/// once for all of them.
/// </summary>
internal sealed class DatagramSender(
    Socket socket,
    Seal seal,
    int self,
    SocketAddress?[] members,
    CoreCounters counters
)
{
    private const int UdpLevel = 17;
    private const int UdpSegment = 103;

    /// <summary>The system takes no more datagrams at once.</summary>
    private const int MaxSegments = 64;

    /// <summary>Nor more bytes: they go through its stack as one packet.</summary>
    private const int MaxBytes = 65_000;

    private readonly byte[] _run = new byte[MaxBytes];
    private bool _canSegment = OperatingSystem.IsLinux();
    private int _segment;

    /// <summary>Sends them in their order; a datagram to all goes to the next sequencer first.</summary>
    public void Send(IReadOnlyList<OutgoingDatagram> datagrams)
    {
        for (var i = 0; i < datagrams.Count; )
        {
            var first = datagrams[i];
            var count = LengthOfRun(datagrams, i);
            var bytes = Close(first);
            if (count > 1)
            {
                var length = 0;
                for (var next = i; next < i + count; next++)
                {
                    var closed = next == i ? bytes : Close(datagrams[next]);
                    closed.CopyTo(_run.AsSpan(length));
                    length += closed.Length;
                }

                bytes = _run.AsSpan(0, length);
            }

            i += count;
            if (first.Destination != Outbox.All)
            {
                SendTo(first.Destination, bytes, count);
                continue;
            }

            for (var offset = 1; offset < members.Length; offset++)
            {
                SendTo((self + offset) % members.Length, bytes, count);
            }
        }
    }

    /// <summary>How many datagrams from an index on can be sent at once: all of one length, but for the last.</summary>
    private int LengthOfRun(IReadOnlyList<OutgoingDatagram> datagrams, int start)
    {
        var first = datagrams[start];
        var segment = first.Length + Seal.Length;
        var most = Math.Min(MaxSegments, MaxBytes / segment);
        var count = 1;
        while (
            count < most
            && start + count < datagrams.Count
            && datagrams[start + count - 1].Length == first.Length
            && datagrams[start + count].Length <= first.Length
            && datagrams[start + count].Destination == first.Destination
        )
        {
            count++;
        }

        return count > 1 && TrySetSegment(segment) ? count : 1;
    }

    private bool TrySetSegment(int length)
    {
        if (!_canSegment || _segment == length)
        {
            return _canSegment;
        }

        try
        {
            socket.SetRawSocketOption(UdpLevel, UdpSegment, BitConverter.GetBytes(length));
            _segment = length;
        }
        catch (SocketException)
        {
            // An older system: each datagram goes alone.
            _canSegment = false;
        }

        return _canSegment;
    }

    private ReadOnlySpan<byte> Close(in OutgoingDatagram datagram) =>
        datagram.Buffer.AsSpan(datagram.Offset, seal.Close(datagram.Buffer, datagram.Offset, datagram.Length));

    private void SendTo(int member, ReadOnlySpan<byte> bytes, int count)
    {
        if (members[member] is not { } address)
        {
            // Nobody knows yet where it is: lost like any other.
            counters.SendFailures += count;
            return;
        }

        try
        {
            socket.SendTo(bytes, SocketFlags.None, address);
            counters.Sent += count;
            counters.To[member] += count;
            counters.SentBytes += bytes.Length;
        }
        catch (SocketException)
        {
            // A full send buffer or an unreachable host loses a datagram like any other; the protocol repairs it.
            counters.SendFailures += count;
        }
    }
}
