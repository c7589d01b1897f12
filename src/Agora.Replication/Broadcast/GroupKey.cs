using System.Security.Cryptography;
using Agora.Cluster;

namespace Agora.Replication.Broadcast;

/// <summary>The key that authenticates a group's datagrams.</summary>
internal static class GroupKey
{
    /// <summary>
    /// Configuration key (in the environment: <c>Agora__GroupKeyFile</c>) of the file that holds the secret.
    /// </summary>
    public const string FileSetting = "Agora:GroupKeyFile";

    private const int Size = 32;
    private const string HowToCopy = "Copy it from another host of the cluster: all replicas need the same";

    /// <summary>
    /// The group's key, from the secret in the file. Each group gets a key of its own from it, so that the datagrams of
    /// two groups that share the secret are never taken for one another's. It says nothing of addresses: a replica may
    /// move to another host while the others go on.
    /// </summary>
    /// <param name="owner">Names the cluster, the database and how many replicas it has; one that was told something
    /// else is never heard.</param>
    /// <param name="file">The file of the cluster's secret.</param>
    /// <exception cref="IOException">There is no file, it cannot be read, or it holds less than 32 bytes.</exception>
    public static byte[] Load(ReplicaOwner owner, string? file)
    {
        if (string.IsNullOrEmpty(file))
        {
            throw new FixableException(
                FileSetting,
                "names no file with the key for the group's datagrams",
                "'agora cluster keys' makes one"
            );
        }

        var group = new byte[OwnerMark.Size];
        owner.Group.Write(group);

        byte[] secret;
        try
        {
            secret = File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw File.Exists(file)
                ? FileFault.Of(file, e)
                : new FixableException(
                    file,
                    $"the group's key {(Directory.Exists(file) ? "is a directory" : "is missing")}",
                    HowToCopy,
                    e
                );
        }

        return secret.Length >= Size
            ? HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, Size, info: group)
            : throw new FixableException(
                file,
                $"the group's key has {secret.Length} bytes instead of {Size}",
                HowToCopy
            );
    }
}
