using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace RotatingSequencer.Hosting;

/// <summary>
/// Lets one thread sleep until its socket can be read, another thread wakes it, or a time is over. It is exact to the
/// microsecond; <see cref="Socket.Poll(int, SelectMode)"/> cuts to whole milliseconds, so a shorter wait would spin.
/// Linux has ppoll and an eventfd for this; elsewhere the socket sends a datagram to itself.
/// </summary>
internal sealed partial class Sleeper : IDisposable
{
    /// <summary>Length of the datagram that wakes a socket; no member sends such a short one.</summary>
    public const int WakeLength = 1;

    private const short PollIn = 1;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;

    private readonly Socket _socket;
    private readonly SocketAddress _own;
    private readonly SafeFileHandle? _event;
    private int _asleep;

    public Sleeper(Socket socket, SocketAddress own)
    {
        _socket = socket;
        _own = own;
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            return;
        }

        var descriptor = NativeEvent(0, NonBlocking | CloseOnExec);
        if (descriptor < 0)
        {
            throw new IOException($"No eventfd could be created: {Marshal.GetLastPInvokeErrorMessage()}.");
        }

        _event = new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>
    /// Returns when there is something to read, after a <see cref="Wake"/>, after <paramref name="microseconds"/>, or
    /// sooner for no reason. Another thread adds its work before it calls <see cref="Wake"/>;
    /// <paramref name="hasWork"/> looks for work after this thread has marked itself as asleep. So one of the two sees
    /// the other.
    /// </summary>
    public void Sleep(long microseconds, Func<bool> hasWork)
    {
        Volatile.Write(ref _asleep, 1);
        Interlocked.MemoryBarrier();
        if (microseconds > 0 && !hasWork())
        {
            Wait(microseconds);
        }

        Volatile.Write(ref _asleep, 0);
    }

    /// <summary>Ends the sleep, if there is one.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref _asleep, 0) == 0)
        {
            return;
        }

        try
        {
            if (_event is null)
            {
                _socket.SendTo(stackalloc byte[WakeLength], SocketFlags.None, _own);
                return;
            }

            // Fails only when the event is set already.
            _ = NativeWrite(_event, 1, sizeof(ulong));
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The sleeping thread has ended, or wakes up when its time is over.
        }
    }

    public void Dispose() => _event?.Dispose();

    private void Wait(long microseconds)
    {
        if (_event is null)
        {
            _socket.Poll((int)Math.Max(microseconds, 1_000), SelectMode.SelectRead);
            return;
        }

        Span<PollEntry> descriptors =
        [
            new() { Descriptor = (int)_socket.SafeHandle.DangerousGetHandle(), Events = PollIn },
            new() { Descriptor = (int)_event.DangerousGetHandle(), Events = PollIn },
        ];
        var timeout = new PollTimeout
        {
            Seconds = microseconds / 1_000_000,
            Nanoseconds = microseconds % 1_000_000 * 1_000,
        };
        _ = NativePoll(ref descriptors[0], (nuint)descriptors.Length, in timeout, 0);
        if ((descriptors[1].Returned & PollIn) != 0)
        {
            _ = NativeRead(_event, out _, sizeof(ulong));
        }
    }

    [LibraryImport("libc", EntryPoint = "ppoll")]
    private static partial int NativePoll(
        ref PollEntry descriptors,
        nuint count,
        in PollTimeout timeout,
        nint signalMask
    );

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int NativeEvent(uint value, int flags);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint NativeWrite(SafeFileHandle file, in ulong value, nuint length);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint NativeRead(SafeFileHandle file, out ulong value, nuint length);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollTimeout
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
