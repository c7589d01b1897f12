using System.Security.Cryptography;
using System.Text;
using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>
/// The key with which somebody who does not sit at this machine may act. It lies in a file that only the owner of the
/// data can read. A browser keeps a value that is made from it, so the key itself is sent once.
/// </summary>
internal sealed class OperatorKey
{
    /// <summary>The name of the file, in the web server's own directory.</summary>
    public const string FileName = "operator.key";

    private const int KeyBytes = 32;

    private readonly string _key;

    /// <summary>Reads the key, or makes one.</summary>
    /// <exception cref="IOException">The file cannot be used; the message says why.</exception>
    public OperatorKey(string directory)
    {
        var path = Path.Combine(directory, FileName);
        try
        {
            if (!File.Exists(path))
            {
                // Whole or not at all: half a key would be easy to guess.
                var unfinished = path + ".new";
                File.Delete(unfinished);
                using (
                    FileStream file = new(
                        unfinished,
                        new FileStreamOptions
                        {
                            Mode = FileMode.CreateNew,
                            Access = FileAccess.Write,
                            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                        }
                    )
                )
                {
                    var made = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyBytes)) + "\n";
                    file.Write(Encoding.ASCII.GetBytes(made));
                }

                File.Move(unfinished, path);
            }

            _key = File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw FileFault.Of(path, e);
        }

        if (_key.Length < KeyBytes)
        {
            throw new FixableException(path, "holds no key", "Remove it, and the next start makes another one");
        }

        Cookie = Convert.ToHexStringLower(
            HMACSHA256.HashData(Encoding.UTF8.GetBytes(_key), "agora operations cookie"u8)
        );
    }

    /// <summary>What a browser keeps once the key was entered.</summary>
    public string Cookie { get; }

    /// <summary>Whether this is the key.</summary>
    public bool IsKey(string? text) => Equal(text?.Trim(), _key);

    /// <summary>Whether a browser has entered the key.</summary>
    public bool IsCookie(string? text) => Equal(text, Cookie);

    // Compares digests, so that the time depends on nothing that is secret.
    private static bool Equal(string? left, string right) =>
        left is not null
        && CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(left)),
            SHA256.HashData(Encoding.UTF8.GetBytes(right))
        );
}
