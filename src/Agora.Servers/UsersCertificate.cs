using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;

namespace Agora.Servers;

/// <summary>
/// The certificate that users see. Read again when its file has changed, looked at once a minute at most: public authorities give certificates
/// for weeks, and whoever renews one need not stop the servers. One that cannot be read then is left for the next look.
/// </summary>
internal sealed class UsersCertificate
{
    private static readonly long s_look = (long)TimeSpan.FromMinutes(1).TotalMilliseconds;

    private readonly HttpsSettings _files;
    private readonly Lock _lock = new();
    private SslServerAuthenticationOptions _options;
    private DateTime _written;
    private long _looked = Environment.TickCount64;

    /// <exception cref="IOException">It cannot be used; the message says which file and why.</exception>
    public UsersCertificate(HttpsSettings files)
    {
        _files = files;
        _written = File.GetLastWriteTimeUtc(files.Certificate);
        _options = Read(files);
    }

    public SslServerAuthenticationOptions Options()
    {
        if (Environment.TickCount64 - Volatile.Read(ref _looked) < s_look)
        {
            return Volatile.Read(ref _options);
        }
        lock (_lock)
        {
            Volatile.Write(ref _looked, Environment.TickCount64);
            var written = File.GetLastWriteTimeUtc(_files.Certificate);
            if (written != _written)
            {
                try
                {
                    Volatile.Write(ref _options, Read(_files));
                    _written = written;
                }
                catch (IOException)
                {
                    // Half written, perhaps: the one in use is still good, and the next look finds it whole.
                }
            }
            return _options;
        }
    }

    private static SslServerAuthenticationOptions Read(HttpsSettings files)
    {
        const string Fix = "Name another in the cluster file (https), or put a good one there";
        var file = files.Certificate;
        try
        {
            X509Certificate2Collection chain = [];
            chain.ImportFromPemFile(file);
            if (chain.Count == 0)
            {
                throw new FixableException(file, "the certificate for users is none in PEM", Fix);
            }
            file = files.Key;
            var certificate = X509Certificate2.CreateFromPemFile(files.Certificate, file);
            if (certificate.NotAfter < DateTime.Now)
            {
                throw new FixableException(
                    files.Certificate, FormattableString.Invariant($"the certificate for users expired on {certificate.NotAfter:yyyy-MM-dd}"), Fix);
            }
            return new SslServerAuthenticationOptions
            {
                // All connections share this: Kestrel is to write nothing into it.
                ApplicationProtocols = [SslApplicationProtocol.Http11],
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            };
        }
        // What .NET throws for a file of no use depends on what it holds instead.
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException or FormatException)
        {
            throw new FixableException(file, file == files.Key
                ? $"holds no key in PEM, or not the one that the certificate for users, {files.Certificate}, is for"
                : "the certificate for users is none in PEM", Fix, e);
        }
        catch (Exception e) when (e is (IOException and not FixableException) or UnauthorizedAccessException)
        {
            throw FileFault.Of(file, e);
        }
    }
}
