using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;

namespace Agora.Servers;

/// <summary>
/// Request ids of 16 bytes. With an Idempotency-Key, the id follows from function, account (or username) and key: a
/// repeat through any server carries the same id, and the database answers it as it did the first time. Without a key
/// the id is random, but all retries of one call share it.
/// </summary>
internal static class RequestIds
{
    public const int Length = 16;

    public static ByteString Random()
    {
        Span<byte> id = stackalloc byte[Length];
        RandomNumberGenerator.Fill(id);
        return ByteString.CopyFrom(id);
    }

    public static ByteString Derive(string function, ReadOnlySpan<byte> scope, string key)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, Encoding.UTF8.GetBytes(function));
        Append(hash, scope);
        Append(hash, Encoding.UTF8.GetBytes(key));
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return ByteString.CopyFrom(digest[..Length]);
    }

    // Each part follows its length, so that no two triples hash the same bytes.
    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, part.Length);
        hash.AppendData(length);
        hash.AppendData(part);
    }
}
