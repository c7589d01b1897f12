using System.Collections.Frozen;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Agora.Web.Assets;

/// <summary>
/// The style sheets, scripts, fonts and pictures that pages name. Each is embedded in the program, and its URL holds a
/// hash of its content, so browsers may keep it for ever.
/// </summary>
public static class AssetFiles
{
    /// <summary>The path under which all of them are served.</summary>
    public const string Prefix = "/assets/";

    private const string ResourcePrefix = "assets/";

    private static readonly FrozenDictionary<string, AssetFile> s_byName = Load();

    private static readonly FrozenDictionary<string, AssetFile> s_byPath = s_byName.Values.ToFrozenDictionary(
        file => file.HashedName,
        StringComparer.Ordinal
    );

    /// <summary>The URL of a file, such as <c>protocol.js</c>.</summary>
    /// <exception cref="ArgumentException">There is no such file: a page names one that is not embedded.</exception>
    public static string Url(string name) =>
        s_byName.TryGetValue(name, out var file)
            ? Prefix + file.HashedName
            : throw new ArgumentException($"no asset is called {name}", nameof(name));

    /// <summary>
    /// The file of a path below <see cref="Prefix"/>, and whether it is the one that the path's hash names. A replica
    /// of another version may have rendered the page: then this version's file is better than none.
    /// </summary>
    internal static (AssetFile? File, bool IsExact) Find(string path)
    {
        if (s_byPath.TryGetValue(path, out var exact))
        {
            return (exact, true);
        }

        // name.hash.css
        var parts = path.Split('.');
        return parts.Length == 3 && s_byName.TryGetValue($"{parts[0]}.{parts[2]}", out var other)
            ? (other, false)
            : (null, false);
    }

    private static FrozenDictionary<string, AssetFile> Load()
    {
        var assembly = typeof(AssetFiles).Assembly;
        List<AssetFile> files = [];
        // Style sheets come last, because they name fonts by their hashed names.
        foreach (
            var resource in assembly
                .GetManifestResourceNames()
                .Where(n => n.StartsWith(ResourcePrefix, StringComparison.Ordinal))
                .OrderBy(n => n.EndsWith(".css", StringComparison.Ordinal))
        )
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            var name = resource[ResourcePrefix.Length..];
            if (name.EndsWith(".css", StringComparison.Ordinal))
            {
                var text = Encoding.UTF8.GetString(content);
                foreach (var other in files)
                {
                    text = text.Replace(
                        $"url(\"{other.Name}\")",
                        $"url(\"{other.HashedName}\")",
                        StringComparison.Ordinal
                    );
                }

                content = Encoding.UTF8.GetBytes(text);
            }

            files.Add(new AssetFile(name, content));
        }

        return files.ToFrozenDictionary(file => file.Name, StringComparer.Ordinal);
    }
}

/// <summary>One embedded file.</summary>
internal sealed class AssetFile
{
    private const int HashDigits = 10;

    private readonly Lazy<byte[]> _brotli;

    public AssetFile(string name, byte[] content)
    {
        Name = name;
        Content = content;
        var dot = name.LastIndexOf('.');
        HashedName = $"{name[..dot]}.{Convert.ToHexStringLower(SHA256.HashData(content))[..HashDigits]}{name[dot..]}";
        ContentType = name[dot..] switch
        {
            ".css" => "text/css; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".svg" => "image/svg+xml",
            ".woff2" => "font/woff2",
            _ => "application/octet-stream",
        };
        _brotli = new(() => Compress(content));
    }

    public string Name { get; }

    /// <summary>The name with the hash of the content before the extension.</summary>
    public string HashedName { get; }

    public string ContentType { get; }

    public byte[] Content { get; }

    /// <summary>Compressed, if that makes it smaller; null for a font, which is compressed already.</summary>
    public byte[]? Brotli => ContentType == "font/woff2" ? null : _brotli.Value;

    private static byte[] Compress(byte[] content)
    {
        MemoryStream compressed = new();
        using (BrotliStream encoder = new(compressed, CompressionLevel.SmallestSize))
        {
            encoder.Write(content);
        }

        return compressed.ToArray();
    }
}
