using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace RotatingSequencer.Hosting;

/// <summary>
/// Waits until a socket can be read, to the microsecond: <see cref="Socket.Poll(int, SelectMode)"/> cuts to whole milliseconds on Unix, so that
/// a shorter wait would spin.
/// </summary>
internal static partial class SocketWait
{
    private const short PollIn = 1;

    /// <summary>Returns when there is something to read, after <paramref name="microseconds"/>, or sooner for no reason.</summary>
    public static void UntilReadable(Socket socket, long microseconds)
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            socket.Poll((int)Math.Max(microseconds, 1_000), SelectMode.SelectRead);
            return;
        }

        var descriptor = new PollDescriptor { Descriptor = (int)socket.SafeHandle.DangerousGetHandle(), Events = PollIn };
        var timeout = new TimeSpec { Seconds = microseconds / 1_000_000, Nanoseconds = microseconds % 1_000_000 * 1_000 };
        _ = NativePoll(ref descriptor, 1, in timeout, 0);
    }

    [LibraryImport("libc", EntryPoint = "ppoll")]
    private static partial int NativePoll(ref PollDescriptor descriptors, nuint count, in TimeSpec timeout, nint signalMask);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
