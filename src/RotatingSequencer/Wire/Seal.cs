using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace RotatingSequencer.Wire;

/// <summary>
/// Encrypts and authenticates datagrams: AES-256-GCM under a key of the sender's life, which is derived from the
/// group's key (HKDF-SHA-256). The header stays readable, and is authenticated. After the datagram come its counter (8
/// bytes, the nonce) and the tag (16). A life's datagrams have different counters, and each life has a random name and
/// so a key of its own: no nonce is used twice under a key, whatever restarts.
/// </summary>
/// <remarks>For one thread: it keeps the keys of the lives that it heard last.</remarks>
[SuppressMessage(
    "Design",
    "CA1001",
    Justification = "One lives as long as its member, and its handles free themselves."
)]
internal sealed class Seal(ReadOnlyMemory<byte> groupKey)
{
    /// <summary>Bytes of a seal, after the datagram.</summary>
    public const int Length = CounterLength + TagLength;

    private const int CounterLength = sizeof(long);
    private const int TagLength = 16;
    private const int NonceLength = 12;

    /// <summary>
    /// Lives of a sender whose keys are kept: the present one and one more. A stranger's datagrams under other names
    /// cost a derivation each.
    /// </summary>
    private const int LivesKept = 2;

    private readonly List<LifeKey>[] _keys =
    [
        .. Enumerable.Range(0, Datagram.MaxMembers).Select(_ => new List<LifeKey>(LivesKept)),
    ];

    private long _counter;

    /// <summary>Encrypts the datagram in the buffer and writes the seal after it; returns the sealed length.</summary>
    public int Close(byte[] buffer, int offset, int length)
    {
        var datagram = buffer.AsSpan(offset, length);
        var counter = buffer.AsSpan(offset + length, CounterLength);
        BinaryPrimitives.WriteInt64LittleEndian(counter, ++_counter);
        Span<byte> nonce = stackalloc byte[NonceLength];
        counter.CopyTo(nonce);
        var content = datagram[Datagram.HeaderLength..];
        int sender = datagram[3];
        var key = KeyOf(sender, BinaryPrimitives.ReadInt64LittleEndian(datagram[4..]), out var isKept);
        if (!isKept)
        {
            Keep(sender, key);
        }

        key.Cipher.Encrypt(
            nonce,
            content,
            content,
            buffer.AsSpan(offset + length + CounterLength, TagLength),
            datagram[..Datagram.HeaderLength]
        );
        return length + Length;
    }

    /// <summary>Decrypts a datagram in its place; false when the seal is not this group's.</summary>
    public bool TryOpen(Span<byte> received, out ReadOnlySpan<byte> datagram)
    {
        datagram = default;
        if (received.Length < Datagram.HeaderLength + Length || received[3] >= _keys.Length)
        {
            return false;
        }

        var opened = received[..^Length];
        Span<byte> nonce = stackalloc byte[NonceLength];
        received.Slice(opened.Length, CounterLength).CopyTo(nonce);
        var content = opened[Datagram.HeaderLength..];
        int sender = received[3];
        var key = KeyOf(sender, BinaryPrimitives.ReadInt64LittleEndian(received[4..]), out var isKept);
        try
        {
            key.Cipher.Decrypt(nonce, content, received[^TagLength..], content, opened[..Datagram.HeaderLength]);
        }
        catch (AuthenticationTagMismatchException)
        {
            if (!isKept)
            {
                key.Cipher.Dispose();
            }

            return false;
        }

        if (!isKept)
        {
            Keep(sender, key);
        }

        datagram = opened;
        return true;
    }

    private LifeKey KeyOf(int sender, long life, out bool isKept)
    {
        foreach (var key in _keys[sender])
        {
            if (key.Life == life)
            {
                isKept = true;
                return key;
            }
        }

        isKept = false;
        Span<byte> info = stackalloc byte[1 + sizeof(long)];
        info[0] = (byte)sender;
        BinaryPrimitives.WriteInt64LittleEndian(info[1..], life);
        Span<byte> secret = stackalloc byte[32];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, groupKey.Span, secret, salt: default, info);
        return new LifeKey(life, new AesGcm(secret, TagLength));
    }

    private void Keep(int sender, LifeKey key)
    {
        var keys = _keys[sender];
        if (keys.Count == LivesKept)
        {
            keys[0].Cipher.Dispose();
            keys.RemoveAt(0);
        }

        keys.Add(key);
    }

    private readonly record struct LifeKey(long Life, AesGcm Cipher);
}
