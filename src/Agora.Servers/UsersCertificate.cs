using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Agora.Contracts.Cluster;

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
        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(files.Certificate, files.Key);
            X509Certificate2Collection chain = [];
            chain.ImportFromPemFile(files.Certificate);
            if (certificate.NotAfter < DateTime.Now)
            {
                throw new IOException(FormattableString.Invariant($"it expired on {certificate.NotAfter:yyyy-MM-dd}"));
            }
            return new SslServerAuthenticationOptions
            {
                // All connections share this: Kestrel is to write nothing into it.
                ApplicationProtocols = [SslApplicationProtocol.Http11],
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            };
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new IOException($"the certificate for users, {files.Certificate} with the key {files.Key} (https in the cluster file), cannot be used: {e.Message}", e);
        }
    }
}
