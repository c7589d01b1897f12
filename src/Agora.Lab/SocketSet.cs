using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Agora.Lab;

/// <summary>
/// Waits for several sockets at once, with timeouts in microseconds.
/// <see cref="Socket.Select(System.Collections.IList, System.Collections.IList, System.Collections.IList, int)"/>
/// truncates timeouts to whole milliseconds on Unix.
/// </summary>
internal sealed partial class SocketSet
{
    private const short PollIn = 1;

    private readonly Socket[] _sockets;
    private readonly PolledSocket[] _descriptors;
    private readonly List<Socket> _selected = [];

    public SocketSet(IEnumerable<Socket> sockets)
    {
        _sockets = [.. sockets];
        _descriptors =
        [
            .. _sockets.Select(s => new PolledSocket
            {
                Descriptor = (int)s.SafeHandle.DangerousGetHandle(),
                Events = PollIn,
            }),
        ];
    }

    /// <summary>
    /// Returns when there is something to read, or after <paramref name="microseconds"/>. It may also return early.
    /// </summary>
    public void Wait(long microseconds)
    {
        if (OperatingSystem.IsLinux() && Environment.Is64BitProcess)
        {
            PollTimeout timeout = new()
            {
                Seconds = microseconds / 1_000_000,
                Nanoseconds = microseconds % 1_000_000 * 1_000,
            };
            if (NativePoll(ref _descriptors[0], (nuint)_descriptors.Length, in timeout, 0) < 0)
            {
                // A signal interrupted the wait, so the results are those of the previous one.
                foreach (ref var descriptor in _descriptors.AsSpan())
                {
                    descriptor.Returned = 0;
                }
            }

            return;
        }

        _selected.Clear();
        _selected.AddRange(_sockets);
        Socket.Select(_selected, null, null, (int)Math.Max(microseconds, 1_000));
        for (var i = 0; i < _sockets.Length; i++)
        {
            _descriptors[i].Returned = _selected.Contains(_sockets[i]) ? PollIn : (short)0;
        }
    }

    /// <summary>Whether the socket had data or an error to read at the end of the last wait.</summary>
    public bool IsReadable(int index) => _descriptors[index].Returned != 0;

    [LibraryImport("libc", EntryPoint = "ppoll")]
    private static partial int NativePoll(
        ref PolledSocket descriptors,
        nuint count,
        in PollTimeout timeout,
        nint signalMask
    );

    [StructLayout(LayoutKind.Sequential)]
    private struct PolledSocket
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
