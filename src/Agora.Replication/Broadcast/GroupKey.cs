using System.Security.Cryptography;
using System.Text;
using Agora.Contracts.Cluster;

namespace Agora.Replication.Broadcast;

/// <summary>The key that authenticates a group's datagrams.</summary>
internal static class GroupKey
{
    /// <summary>Configuration key (in the environment: <c>Agora__GroupKeyFile</c>) of the file that holds the secret.</summary>
    public const string FileSetting = "Agora:GroupKeyFile";

    private const int Size = 32;

    /// <summary>
    /// The group's key, from the secret in the file. Each group gets a key of its own from it, so that the datagrams of two groups that share the
    /// secret are never taken for one another's.
    /// </summary>
    /// <exception cref="IOException">There is no file, it cannot be read, or it holds less than 32 bytes.</exception>
    public static byte[] Load(DatabaseGroup group, string? file)
    {
        if (string.IsNullOrEmpty(file))
        {
            throw new IOException($"There is no key for the group's datagrams: {FileSetting} names no file; 'agora cluster keys' makes one.");
        }

        var members = Encoding.UTF8.GetBytes(string.Join(',', group.Replicas.Select(r => $"{r.Host}:{r.PeerPort}")));

        byte[] secret;
        try
        {
            secret = File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The group's key file {file} cannot be read: {e.Message}", e);
        }

        return secret.Length >= Size
            ? HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, Size, info: members)
            : throw new IOException($"The group's key file {file} holds {secret.Length} bytes; it must hold {Size} random ones.");
    }
}
