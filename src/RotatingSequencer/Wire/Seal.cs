using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace RotatingSequencer.Wire;

/// <summary>
/// Authenticates datagrams: HMAC-SHA-256 under the group's key over all bytes, cut to 16. Without the key nobody can
/// make or alter a datagram. A replay passes; within the same group it does no harm, since every claim and message
/// stays true. A group that begins anew needs a new key.
/// </summary>
/// <remarks>
/// For one thread: it keeps the keyed hash between datagrams, since the key's set-up costs more than a small datagram.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "One lives as long as its member, and its handle frees itself.")]
internal sealed class Seal(ReadOnlyMemory<byte> key)
{
    /// <summary>Bytes of a seal, after the datagram.</summary>
    public const int Length = 16;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key.Span);

    /// <summary>Writes the seal after the datagram in the buffer; returns the sealed length.</summary>
    public int Close(byte[] buffer, int offset, int length)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Hash(buffer.AsSpan(offset, length), hash);
        hash[..Length].CopyTo(buffer.AsSpan(offset + length));
        return length + Length;
    }

    /// <summary>The datagram without its seal; false when the seal is not this group's.</summary>
    public bool TryOpen(ReadOnlySpan<byte> received, out ReadOnlySpan<byte> datagram)
    {
        datagram = default;
        if (received.Length < Length)
        {
            return false;
        }

        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Hash(received[..^Length], hash);
        if (!CryptographicOperations.FixedTimeEquals(hash[..Length], received[^Length..]))
        {
            return false;
        }

        datagram = received[..^Length];
        return true;
    }

    private void Hash(ReadOnlySpan<byte> datagram, Span<byte> hash)
    {
        _hash.AppendData(datagram);
        _hash.GetHashAndReset(hash);
    }
}
