using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>
/// The certificate that the servers show to users, as files in PEM. Relative paths start at the cluster file's
/// directory.
/// </summary>
public sealed record HttpsSettings
{
    /// <summary>How a cluster file names a certificate.</summary>
    public const string Example = "\"https\": { \"certificate\": \"shop.pem\", \"key\": \"shop.key\" }";

    /// <summary>How a cluster file says that there is no certificate on purpose.</summary>
    public const string Refused = "\"https\": false";

    /// <summary>
    /// The certificate, followed by those of the authorities between it and the one that users trust.
    /// </summary>
    [JsonRequired]
    public string Certificate { get; init; } = "";

    /// <summary>The certificate's key.</summary>
    [JsonRequired]
    public string Key { get; init; } = "";

    /// <summary>An authority that the command-line clients trust in addition to the system's.</summary>
    public string? Authority { get; init; }

    internal HttpsSettings From(string directory) =>
        this with
        {
            Certificate = Path.Combine(directory, Certificate),
            Key = Path.Combine(directory, Key),
            Authority = Authority is null ? null : Path.Combine(directory, Authority),
        };
}
