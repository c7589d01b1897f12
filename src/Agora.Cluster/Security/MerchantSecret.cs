using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace Agora.Cluster;

/// <summary>
/// The secret by which the payment service recognises the marketplace on plain HTTP, where it sees no certificate. Its
/// owner can cancel charges and read the books. It is sent as HTTP Basic, user <c>merchant</c>.
/// </summary>
public sealed class MerchantSecret
{
    /// <summary>The setting that names its file.</summary>
    public const string FileSetting = "Agora:PaymentsSecretFile";

    /// <summary>The user's name in HTTP Basic.</summary>
    public const string User = "merchant";

    // So many characters cannot be guessed. The file that Agora makes holds 64 hexadecimal digits.
    private const int MinCharacters = 32;

    private readonly byte[] _credentials;

    private MerchantSecret(string secret) => _credentials = Encoding.ASCII.GetBytes($"{User}:{secret}");

    /// <summary>The header that a client sends with its requests.</summary>
    public AuthenticationHeaderValue Header => new("Basic", Convert.ToBase64String(_credentials));

    /// <summary>
    /// The secret that callers of a payment service send; null if they show a certificate, or if no file is named.
    /// </summary>
    /// <exception cref="IOException">The file cannot be used; the message says which, why, and what to do.</exception>
    public static MerchantSecret? For(PaymentsGroup payments, string? file)
    {
        ArgumentNullException.ThrowIfNull(payments);
        return payments.UsesHttps || file is null ? null : Read(file);
    }

    /// <summary>
    /// Whether an <c>Authorization</c> header holds the secret. Takes the same time whatever is wrong with it.
    /// </summary>
    public bool IsIn(string? authorization)
    {
        byte[] shown = [];
        if (
            AuthenticationHeaderValue.TryParse(authorization, out var header)
            && "Basic".Equals(header.Scheme, StringComparison.OrdinalIgnoreCase)
        )
        {
            shown = new byte[header.Parameter?.Length ?? 0];
            shown = Convert.TryFromBase64String(header.Parameter ?? "", shown, out var length) ? shown[..length] : [];
        }

        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(shown), SHA256.HashData(_credentials));
    }

    private const string Fix =
        "'agora cluster keys' makes it, where the authority's key is; "
        + "payments, buyer servers and the operator need the same";

    private static MerchantSecret Read(string file)
    {
        string secret;
        try
        {
            secret = File.ReadAllText(file).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw File.Exists(file)
                ? FileFault.Of(file, e)
                : new FixableException(file, "the merchant's secret is missing", Fix, e);
        }

        return secret.Length >= MinCharacters && secret.All(c => c is > ' ' and <= '~')
            ? new MerchantSecret(secret)
            : throw new FixableException(
                file,
                $"holds no merchant's secret, which has {MinCharacters} visible ASCII characters or more",
                Fix
            );
    }
}
