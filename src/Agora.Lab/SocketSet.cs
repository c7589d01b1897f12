using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Agora.Lab;

/// <summary>Waits for several sockets at once, to the microsecond: <see cref="Socket.Select(System.Collections.IList, System.Collections.IList, System.Collections.IList, int)"/> cuts to whole milliseconds on Unix.</summary>
internal sealed partial class SocketSet
{
    private const short PollIn = 1;

    private readonly Socket[] _sockets;
    private readonly PollDescriptor[] _descriptors;
    private readonly List<Socket> _selected = [];

    public SocketSet(IEnumerable<Socket> sockets)
    {
        _sockets = [.. sockets];
        _descriptors = [.. _sockets.Select(s => new PollDescriptor { Descriptor = (int)s.SafeHandle.DangerousGetHandle(), Events = PollIn })];
    }

    /// <summary>Returns when there is something to read, after <paramref name="microseconds"/>, or sooner for no reason.</summary>
    public void Wait(long microseconds)
    {
        if (OperatingSystem.IsLinux() && Environment.Is64BitProcess)
        {
            TimeSpec timeout = new() { Seconds = microseconds / 1_000_000, Nanoseconds = microseconds % 1_000_000 * 1_000 };
            if (NativePoll(ref _descriptors[0], (nuint)_descriptors.Length, in timeout, 0) < 0)
            {
                // A signal came first, and the answers are the last wait's.
                foreach (ref PollDescriptor descriptor in _descriptors.AsSpan())
                {
                    descriptor.Returned = 0;
                }
            }
            return;
        }
        _selected.Clear();
        _selected.AddRange(_sockets);
        Socket.Select(_selected, null, null, (int)Math.Max(microseconds, 1_000));
        for (int i = 0; i < _sockets.Length; i++)
        {
            _descriptors[i].Returned = _selected.Contains(_sockets[i]) ? PollIn : (short)0;
        }
    }

    /// <summary>Whether the socket had something to read, or an error to tell, at the end of the last wait.</summary>
    public bool IsReadable(int index) => _descriptors[index].Returned != 0;

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
