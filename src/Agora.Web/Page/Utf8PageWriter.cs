using System.Buffers;
using System.Text;

namespace Agora.Web.Page;

/// <summary>Collects the text of a page as UTF-8, in a buffer that the next page uses again.</summary>
internal sealed class Utf8PageWriter : TextWriter
{
    private const int FirstBytes = 32 * 1024;

    private readonly Encoder _encoder = Encoding.UTF8.GetEncoder();
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBytes);
    private int _length;

    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>What was written.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, _length);

    public override void Write(char value) => Write(new ReadOnlySpan<char>(in value));

    public override void Write(string? value) => Write(value.AsSpan());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer) => Encode(buffer, flush: false);

    public override void Flush() => Encode([], flush: true);

    protected override void Dispose(bool disposing)
    {
        if (disposing && _buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }

        base.Dispose(disposing);
    }

    private void Encode(ReadOnlySpan<char> chars, bool flush)
    {
        var needed = _length + Encoding.UTF8.GetMaxByteCount(chars.Length);
        if (needed > _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, 2 * _buffer.Length));
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        _length += _encoder.GetBytes(chars, _buffer.AsSpan(_length), flush);
    }
}
