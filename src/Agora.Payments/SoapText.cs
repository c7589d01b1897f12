using System.Text;
using System.Text.RegularExpressions;

namespace Agora.Payments;

/// <summary>
/// The characters of a request. Its bytes must be of the one encoding that all who say something of it agree on: the
/// charset of the header, or where there is none the XML declaration, and a byte order mark. Nothing is replaced: of
/// two different names none may become the other.
/// </summary>
internal static partial class SoapText
{
    /// <summary>What is read, for people.</summary>
    public const string Encodings = "UTF-8, UTF-16, ISO-8859-1 or US-ASCII";

    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);
    private static readonly UnicodeEncoding s_littleEndian = new(bigEndian: false, false, throwOnInvalidBytes: true);
    private static readonly UnicodeEncoding s_bigEndian = new(bigEndian: true, false, throwOnInvalidBytes: true);
    private static readonly Encoding s_ascii = Encoding.GetEncoding(
        "us-ascii", EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);

    /// <param name="bytes">The body of a request.</param>
    /// <param name="charset">What its content type says; that goes before what its XML says (RFC 7303).</param>
    /// <exception cref="NotSupportedException">The encoding is none that is read.</exception>
    /// <exception cref="DecoderFallbackException">The bytes are of another encoding than they are said to be.</exception>
    public static string Decode(ReadOnlySpan<byte> bytes, string? charset)
    {
        var (marked, mark) = Marked(bytes);
        var content = bytes[mark..];
        var said = (charset ?? Declared(content)) is { } name ? Named(name, content) : null;
        if (marked is not null && said is not null && marked != said)
        {
            throw new DecoderFallbackException("The byte order mark is of another encoding.");
        }
        return (marked ?? said ?? (Encoding?)Guessed(content) ?? s_utf8).GetString(content);
    }

    private static (Encoding?, int) Marked(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0xEF, 0xBB, 0xBF, ..] => (s_utf8, 3),
        [0xFF, 0xFE, 0, 0, ..] or [0, 0, 0xFE, 0xFF, ..] => throw new NotSupportedException("UTF-32"),
        [0xFF, 0xFE, ..] => (s_littleEndian, 2),
        [0xFE, 0xFF, ..] => (s_bigEndian, 2),
        _ => (null, 0),
    };

    private static Encoding Named(string charset, ReadOnlySpan<byte> content)
    {
        int codePage;
        try
        {
            codePage = Encoding.GetEncoding(charset).CodePage;
        }
        catch (ArgumentException e)
        {
            throw new NotSupportedException(charset, e);
        }
        return codePage switch
        {
            65001 => s_utf8,
            // "UTF-16" leaves the order of the bytes to the mark, or to what can only be the beginning of XML.
            1200 when charset.EndsWith("le", StringComparison.OrdinalIgnoreCase) => s_littleEndian,
            1200 => IsBigEndian(content) ? s_bigEndian : s_littleEndian,
            1201 => s_bigEndian,
            28591 => Encoding.Latin1,
            20127 => s_ascii,
            _ => throw new NotSupportedException(charset),
        };
    }

    // UTF-16 that says nothing of itself.
    private static UnicodeEncoding? Guessed(ReadOnlySpan<byte> content) =>
        content is not [_, _, ..] ? null : content[0] == 0 ? s_bigEndian : content[1] == 0 ? s_littleEndian : null;

    private static bool IsBigEndian(ReadOnlySpan<byte> content) => content is [0, _, ..];

    /// <summary>What the XML says of itself, whose characters are ASCII in every encoding that is read.</summary>
    private static string? Declared(ReadOnlySpan<byte> content)
    {
        var start = Encoding.Latin1.GetString(content[..(content.IndexOf((byte)'>') + 1)]);
        var match = Declaration().Match(start.Replace("\0", "", StringComparison.Ordinal));
        return match.Success ? match.Groups["name"].Value : null;
    }

    [GeneratedRegex("""^<\?xml(\s[^>]*)?\sencoding\s*=\s*["'](?<name>[^"'>]*)["']""", RegexOptions.CultureInvariant)]
    private static partial Regex Declaration();
}
