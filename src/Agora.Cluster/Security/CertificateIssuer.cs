using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Agora.Cluster;

/// <summary>Makes the certificates of a cluster: its authority's, and with that one those of its processes.</summary>
internal static class CertificateIssuer
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    // Certificates begin a day early: the clocks of a cluster's hosts may differ.
    private static readonly TimeSpan s_skew = TimeSpan.FromDays(1);
    private static readonly TimeSpan s_authorityLife = TimeSpan.FromDays(20 * 365);
    private static readonly TimeSpan s_certificateLife = TimeSpan.FromDays(3 * 365);

    /// <summary>Makes an authority with a new key, and writes both.</summary>
    public static X509Certificate2 MakeAuthority(string certificateFile, string keyFile, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var name = $"Agora cluster authority {Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
        CertificateRequest request = new(new X500DistinguishedName($"CN={name}"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(
                certificateAuthority: true,
                hasPathLengthConstraint: true,
                pathLengthConstraint: 0,
                critical: true
            )
        );
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true)
        );
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var authority = request.CreateSelfSigned(now - s_skew, now + s_authorityLife);

        // The key first: a certificate without its key would look like a host's copy, which cannot issue anything.
        SecretFiles.Replace(keyFile, Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
        SecretFiles.Replace(certificateFile, Encoding.ASCII.GetBytes(authority.ExportCertificatePem() + "\n"));
        return authority;
    }

    /// <summary>Issues a process's certificate for the key in its file; makes the key if there is none.</summary>
    /// <param name="authority">The authority, with its key.</param>
    /// <param name="certificateFile">Receives the certificate.</param>
    /// <param name="keyFile">Holds the key.</param>
    /// <param name="name">The name of the process, such as <c>products/3</c>.</param>
    /// <param name="host">The host that it runs on; null for the operator.</param>
    /// <param name="now">The time at which the certificate begins.</param>
    public static void Issue(
        X509Certificate2 authority,
        string certificateFile,
        string keyFile,
        string name,
        string? host,
        DateTimeOffset now
    )
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(keyFile))
        {
            _ = Usable(
                keyFile,
                "holds no key in PEM",
                ClusterSecrets.HowToReplace(certificateFile, keyFile),
                () =>
                {
                    key.ImportFromPem(File.ReadAllText(keyFile));
                    return keyFile;
                }
            );
        }
        else
        {
            SecretFiles.Replace(keyFile, Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
        }

        CertificateRequest request = new(new X500DistinguishedName($"CN={name}"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(
                certificateAuthority: false,
                hasPathLengthConstraint: false,
                pathLengthConstraint: 0,
                critical: true
            )
        );
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true)
        );
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension(
                [new Oid(ServerAuthentication), new Oid(ClientAuthentication)],
                critical: false
            )
        );
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(
                authority,
                includeKeyIdentifier: true,
                includeIssuerAndSerial: false
            )
        );
        request.CertificateExtensions.Add(NamesOf(name, host));
        DateTimeOffset end = now + s_certificateLife,
            last = authority.NotAfter;
        using var certificate = request.Create(
            authority,
            now - s_skew,
            end < last ? end : last,
            RandomNumberGenerator.GetBytes(16)
        );
        SecretFiles.Replace(certificateFile, Encoding.ASCII.GetBytes(certificate.ExportCertificatePem() + "\n"));
    }

    /// <summary>
    /// Reads a key or certificate. If the file holds something else, the exception says what is wrong and how to fix
    /// it.
    /// </summary>
    public static T Usable<T>(string file, string problem, string fix, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e)
            when (e is CryptographicException or ArgumentException or NotSupportedException or FormatException)
        {
            throw new FixableException(file, problem, fix, e);
        }
    }

    private static X509Extension NamesOf(string name, string? host)
    {
        SubjectAlternativeNameBuilder names = new();
        foreach (var dnsName in ComponentIdentity.DnsNames(name))
        {
            names.AddDnsName(dnsName);
        }

        // Clients that are not ours know a server by its address.
        if (IPAddress.TryParse(host, out var ip))
        {
            names.AddIpAddress(ip);
        }
        else if (host is not null)
        {
            names.AddDnsName(host);
        }

        return names.Build();
    }
}
