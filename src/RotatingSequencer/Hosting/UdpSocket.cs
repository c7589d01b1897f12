using System.Net;
using System.Net.Sockets;

namespace RotatingSequencer.Hosting;

/// <summary>Opens the UDP socket of a member.</summary>
internal static class UdpSocket
{
    private const int BufferBytes = 4 << 20;

    /// <summary>A socket that is bound, does not block, and has large buffers.</summary>
    public static Socket Bind(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(address);
            socket.Blocking = false;
            socket.ReceiveBufferSize = BufferBytes;
            socket.SendBufferSize = BufferBytes;
            if (OperatingSystem.IsLinux() && socket.ReceiveBufferSize < BufferBytes)
            {
                ForceReceiveBuffer(socket);
            }

            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The system's usual limit is lower than a busy group needs; a privileged process may exceed it.
    /// </summary>
    private static void ForceReceiveBuffer(Socket socket)
    {
        const int SolSocket = 1;
        const int ReceiveBufferForce = 33;
        try
        {
            socket.SetRawSocketOption(SolSocket, ReceiveBufferForce, BitConverter.GetBytes(BufferBytes));
        }
        catch (SocketException)
        {
            // Not privileged: a smaller buffer loses more datagrams under load, and they are repaired.
        }
    }
}
