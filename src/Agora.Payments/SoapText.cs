using System.Text;
using System.Text.RegularExpressions;

namespace Agora.Payments;

/// <summary>
/// Decodes a request. The charset of the header, or without one the XML declaration, must name the same encoding as a
/// byte order mark, and the bytes must be of that encoding. Nothing is replaced: two different names must not become
/// one.
/// </summary>
internal static partial class SoapText
{
    /// <summary>The supported encodings, for error messages.</summary>
    public const string Encodings = "UTF-8, UTF-16, ISO-8859-1 or US-ASCII";

    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);
    private static readonly UnicodeEncoding s_littleEndian = new(bigEndian: false, false, throwOnInvalidBytes: true);
    private static readonly UnicodeEncoding s_bigEndian = new(bigEndian: true, false, throwOnInvalidBytes: true);
    private static readonly Encoding s_ascii = Encoding.GetEncoding(
        "us-ascii",
        EncoderFallback.ExceptionFallback,
        DecoderFallback.ExceptionFallback
    );

    /// <param name="bytes">The body of a request.</param>
    /// <param name="charset">The content type's charset; it overrides the XML declaration (RFC 7303).</param>
    /// <exception cref="NotSupportedException">The encoding is not supported.</exception>
    /// <exception cref="DecoderFallbackException">The bytes are not of the encoding that the request names.</exception>
    public static string Decode(ReadOnlySpan<byte> bytes, string? charset)
    {
        var (marked, mark) = Marked(bytes);
        var content = bytes[mark..];
        var named = (charset ?? Declared(content)) is { } name ? Named(name, content) : null;
        if (marked is not null && named is not null && marked != named)
        {
            throw new DecoderFallbackException("The byte order mark belongs to another encoding.");
        }

        return (marked ?? named ?? (Encoding?)Guessed(content) ?? s_utf8).GetString(content);
    }

    private static (Encoding?, int) Marked(ReadOnlySpan<byte> bytes) =>
        bytes switch
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
            // "UTF-16" does not name the byte order: the mark does, or the first character, which must be XML.
            1200 when charset.EndsWith("le", StringComparison.OrdinalIgnoreCase) => s_littleEndian,
            1200 => IsBigEndian(content) ? s_bigEndian : s_littleEndian,
            1201 => s_bigEndian,
            28591 => Encoding.Latin1,
            20127 => s_ascii,
            _ => throw new NotSupportedException(charset),
        };
    }

    // UTF-16 that is not declared: half of the first character's bytes are zero.
    private static UnicodeEncoding? Guessed(ReadOnlySpan<byte> content) =>
        content is not [_, _, ..] ? null
        : content[0] == 0 ? s_bigEndian
        : content[1] == 0 ? s_littleEndian
        : null;

    private static bool IsBigEndian(ReadOnlySpan<byte> content) => content is [0, _, ..];

    /// <summary>The encoding of the XML declaration, whose characters are ASCII in every supported encoding.</summary>
    private static string? Declared(ReadOnlySpan<byte> content)
    {
        var start = Encoding.Latin1.GetString(content[..(content.IndexOf((byte)'>') + 1)]);
        var match = Declaration().Match(start.Replace("\0", "", StringComparison.Ordinal));
        return match.Success ? match.Groups["name"].Value : null;
    }

    [GeneratedRegex("""^<\?xml(\s[^>]*)?\sencoding\s*=\s*["'](?<name>[^"'>]*)["']""", RegexOptions.CultureInvariant)]
    private static partial Regex Declaration();
}
