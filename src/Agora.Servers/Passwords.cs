using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using NSec.Cryptography;

namespace Agora.Servers;

/// <summary>
/// Salted, slow hashes of passwords: libsodium's Argon2id with 7 MiB and five passes, written as a PHC string with its
/// parameters, so that they can be raised later. OWASP lists several minima of equal strength, and this one is the
/// cheapest here: with 19 MiB and two passes, the kernel spends half of the time on clearing pages. At most one hash
/// for each core runs at a time, outside the threads that serve requests. The queue is bounded, and clients take turns,
/// so that no client keeps others from logging in.
/// </summary>
internal sealed class Passwords
{
    private const int SaltBytes = 16;
    private const int HashBytes = 32;
    private const int MemoryKiB = 7 * 1024;
    private const int Passes = 5;
    private const int MaxMemoryKiB = 256 * 1024;
    private const int MaxPasses = 10;

    // Compared with the password of an unknown username, so that it costs as much as a known one. No password has this
    // hash.
    private static readonly string s_hashOfNobody = Format(MemoryKiB, Passes, new byte[SaltBytes], new byte[HashBytes]);

    private readonly FairTurns _turns;

    public Passwords(ServerSettings settings) =>
        _turns = new(Math.Max(1, Environment.ProcessorCount), settings.MaxHashesWaiting);

    /// <param name="password">The password that the user sent.</param>
    /// <param name="client">The client, as <see cref="ClientAddress"/> counts clients.</param>
    /// <param name="cancellationToken">Ends the wait for a turn.</param>
    public Task<string> HashAsync(string password, IPAddress client, CancellationToken cancellationToken) =>
        InTurnAsync(
            client,
            () =>
            {
                var salt = RandomNumberGenerator.GetBytes(SaltBytes);
                return Format(MemoryKiB, Passes, salt, Derive(password, MemoryKiB, Passes, salt));
            },
            cancellationToken
        );

    /// <param name="password">The password that the user sent.</param>
    /// <param name="hash">A hash that <see cref="HashAsync"/> made; null if there is no such account, which costs the
    /// same.</param>
    /// <param name="allowed">Called when the turn has come, so that at most one guess for each core passes a limit on
    /// failures.</param>
    /// <param name="client">The client, as <see cref="ClientAddress"/> counts clients.</param>
    /// <param name="cancellationToken">Ends the wait for a turn.</param>
    /// <returns>Null if it was not allowed.</returns>
    public Task<bool?> VerifyAsync(
        string password,
        string? hash,
        Func<bool> allowed,
        IPAddress client,
        CancellationToken cancellationToken
    ) =>
        InTurnAsync(
            client,
            () =>
            {
                if (!allowed())
                {
                    return (bool?)null;
                }

                var (memory, passes, salt, expected) = Parse(hash ?? s_hashOfNobody);
                return CryptographicOperations.FixedTimeEquals(Derive(password, memory, passes, salt), expected)
                    && hash is not null;
            },
            cancellationToken
        );

    private async Task<T> InTurnAsync<T>(IPAddress client, Func<T> work, CancellationToken cancellationToken)
    {
        await _turns.EnterAsync(client, cancellationToken);
        try
        {
            return await Task.Run(work, CancellationToken.None);
        }
        finally
        {
            _turns.Leave();
        }
    }

    private static byte[] Derive(string password, int memoryKiB, int passes, byte[] salt)
    {
        var argon2 = new Argon2id(
            new Argon2Parameters
            {
                DegreeOfParallelism = 1,
                MemorySize = memoryKiB,
                NumberOfPasses = passes,
            }
        );
        // UTF-8, like every other implementation; NSec would take the string's UTF-16.
        var bytes = Encoding.UTF8.GetBytes(password);
        try
        {
            return argon2.DeriveBytes(bytes, salt, HashBytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static string Format(int memoryKiB, int passes, byte[] salt, byte[] hash) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"$argon2id$v=19$m={memoryKiB},t={passes},p=1${ToBase64(salt)}${ToBase64(hash)}"
        );

    // The costs are bounded, so that no stored hash can demand more memory than a login may take.
    private static (int MemoryKiB, int Passes, byte[] Salt, byte[] Hash) Parse(string phc)
    {
        var parts = phc.Split('$');
        var costs = parts.Length == 6 ? parts[3].Split(',') : [];
        if (
            costs is [['m', '=', .. var m], ['t', '=', .. var t], "p=1"]
            && parts is ["", "argon2id", "v=19", _, var salt, var hash]
            && int.TryParse(m, NumberStyles.None, CultureInfo.InvariantCulture, out var memory)
            && memory is >= 8 and <= MaxMemoryKiB
            && int.TryParse(t, NumberStyles.None, CultureInfo.InvariantCulture, out var passes)
            && passes is >= 1 and <= MaxPasses
            && FromBase64(salt, SaltBytes) is { } saltBytes
            && FromBase64(hash, HashBytes) is { } hashBytes
        )
        {
            return (memory, passes, saltBytes, hashBytes);
        }

        throw new InvalidDataException("The customers database holds a password hash that is not Argon2id's.");
    }

    private static string ToBase64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    private static byte[]? FromBase64(string text, int length)
    {
        var bytes = new byte[length];
        var padded = text.PadRight((text.Length + 3) / 4 * 4, '=');
        return Convert.TryFromBase64String(padded, bytes, out var written) && written == length ? bytes : null;
    }
}
