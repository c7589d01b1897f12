using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;
using Agora.Contracts.Security;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// The certificate that users see. Read again when its file has changed, looked at once a minute at most: public authorities give certificates
/// for weeks, and whoever renews one need not stop the servers. One that cannot be read then is left for the next look.
/// </summary>
internal sealed class UsersCertificate
{
    private static readonly TimeSpan s_look = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_day = TimeSpan.FromDays(1);
    private static readonly TimeSpan s_soon = TimeSpan.FromDays(30);

    private readonly Renewed<Shown> _certificate;
    private readonly TimeProvider _time;
    private long _looked;
    private long _warned;

    /// <exception cref="IOException">It cannot be used; the message says which file and why.</exception>
    public UsersCertificate(HttpsSettings files, TimeProvider time)
    {
        (_time, _looked, _warned) = (time, time.GetTimestamp(), time.GetTimestamp() - time.TimestampFrequency * (long)s_day.TotalSeconds);
        _certificate = new(() => Read(files, time.GetUtcNow()), files.Certificate, files.Key);
    }

    /// <summary>TLS for a connection that begins now.</summary>
    public SslServerAuthenticationOptions Options(ILogger logger)
    {
        var looked = Volatile.Read(ref _looked);
        if (_time.GetElapsedTime(looked) >= s_look && Interlocked.CompareExchange(ref _looked, _time.GetTimestamp(), looked) == looked)
        {
            if (_certificate.Look() is { Length: > 0 } problem)
            {
                logger.LogWarning("The new certificate for users is not used: {Problem}", problem);
            }
            Warn(logger);
        }
        return _certificate.Current.Options;
    }

    /// <summary>
    /// Says that it ends soon, once a day. Authorities that give certificates for weeks expect them to be renewed in their last third, and till then there is
    /// nothing to be said.
    /// </summary>
    public void Warn(ILogger logger)
    {
        var (from, to) = (_certificate.Current.From, _certificate.Current.To);
        var soon = (to - from) / 3 < s_soon ? (to - from) / 3 : s_soon;
        if (to - _time.GetUtcNow() < soon && _time.GetElapsedTime(_warned) >= s_day)
        {
            _warned = _time.GetTimestamp();
            logger.LogWarning("The certificate for users expires on {Date:yyyy-MM-dd}; put a new one and its key in place, and they are taken up within a minute", to);
        }
    }

    private static Shown Read(HttpsSettings files, DateTimeOffset now)
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
            if (certificate.NotAfter.ToUniversalTime() < now)
            {
                throw new FixableException(
                    files.Certificate, FormattableString.Invariant($"the certificate for users expired on {certificate.NotAfter:yyyy-MM-dd}"), Fix);
            }
            SslServerAuthenticationOptions options = new()
            {
                // All connections share this: Kestrel is to write nothing into it.
                ApplicationProtocols = [SslApplicationProtocol.Http11],
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            };
            return new Shown(options, certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime());
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

    /// <summary>A certificate as connections show it, and its dates.</summary>
    private sealed record Shown(SslServerAuthenticationOptions Options, DateTimeOffset From, DateTimeOffset To);
}
