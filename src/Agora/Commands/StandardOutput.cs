using System.Runtime.InteropServices;

namespace Agora.Commands;

/// <summary>
/// Standard output that reports every failure in the same way. .NET's own stream ignores a reader that is gone, so a
/// command that writes every second would run for ever, and it reports a closed output as a path without access.
/// </summary>
internal sealed partial class StandardOutput : Stream
{
    private const int Descriptor = 1;
    private const int Interrupted = 4;
    private const int BadDescriptor = 9;
    private const int BrokenPipe = 32;
    private const int NoSuchDevice = 6;
    private const int InvalidArgument = 22;
    private const short Writable = 4;

    // EAGAIN on Linux and macOS, from a terminal that another program has left in non-blocking mode.
    private static bool MustWait(int error) => error is 11 or 35;

    public static void Install() =>
        Console.SetOut(
            new StreamWriter(new StandardOutput(), Console.OutputEncoding, bufferSize: 4096, leaveOpen: true)
            {
                AutoFlush = true,
            }
        );

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        // Appends instead of writing at an offset, because other programs may write to the same output.
        while (buffer.Length > 0)
        {
            var written = WriteTo(Descriptor, buffer, buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }

            var error = Marshal.GetLastPInvokeError();
            if (MustWait(error))
            {
                Poll poll = new() { Descriptor = Descriptor, Events = Writable };
                _ = Wait(ref poll, 1, -1);
            }
            else if (error != Interrupted)
            {
                var why = error is BadDescriptor or NoSuchDevice or InvalidArgument
                    ? "it is closed"
                    : Marshal.GetPInvokeErrorMessage(error);
                throw new OutputException($"standard output cannot be written: {why}", error == BrokenPipe);
            }
        }
    }

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteTo(int descriptor, ReadOnlySpan<byte> bytes, nint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Wait(ref Poll descriptors, nuint count, int milliseconds);

    [StructLayout(LayoutKind.Sequential)]
    private struct Poll
    {
        public int Descriptor;
        public short Events;
        public short Happened;
    }
}
