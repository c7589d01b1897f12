using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Agora.Cluster;
using Microsoft.Extensions.Logging;

namespace Agora.Servers;

/// <summary>
/// The certificate that users see. It is read again when its file has changed, at most once a minute: public
/// authorities issue certificates for weeks, and a renewal must not need a restart. If the new file cannot be read, the
/// next check tries again.
/// </summary>
internal sealed class UsersCertificate
{
    private static readonly TimeSpan s_checkInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_day = TimeSpan.FromDays(1);
    private static readonly TimeSpan s_maxWarningTime = TimeSpan.FromDays(30);

    private readonly Reloadable<LoadedCertificate> _certificate;
    private readonly TimeProvider _time;
    private long _lastCheck;
    private long _lastWarning;

    /// <exception cref="IOException">The certificate cannot be used; the message says which file and why.</exception>
    public UsersCertificate(HttpsSettings files, TimeProvider time)
    {
        (_time, _lastCheck, _lastWarning) = (
            time,
            time.GetTimestamp(),
            time.GetTimestamp() - time.TimestampFrequency * (long)s_day.TotalSeconds
        );
        _certificate = new(() => Read(files, time.GetUtcNow()), files.Certificate, files.Key);
    }

    /// <summary>The TLS options of a new connection.</summary>
    public SslServerAuthenticationOptions Options(ILogger logger)
    {
        var looked = Volatile.Read(ref _lastCheck);
        if (
            _time.GetElapsedTime(looked) >= s_checkInterval
            && Interlocked.CompareExchange(ref _lastCheck, _time.GetTimestamp(), looked) == looked
        )
        {
            if (_certificate.Reload() is { Length: > 0 } problem)
            {
                logger.LogWarning("The new certificate for users cannot be used: {Problem}", problem);
            }

            WarnIfItEndsSoon(logger);
        }

        return _certificate.Current.Options;
    }

    /// <summary>
    /// Logs once a day that the certificate ends soon. Authorities that issue certificates for weeks expect a renewal
    /// in the last third, so there is no warning before.
    /// </summary>
    public void WarnIfItEndsSoon(ILogger logger)
    {
        var (from, to) = (_certificate.Current.From, _certificate.Current.To);
        var soon = (to - from) / 3 < s_maxWarningTime ? (to - from) / 3 : s_maxWarningTime;
        if (to - _time.GetUtcNow() < soon && _time.GetElapsedTime(_lastWarning) >= s_day)
        {
            _lastWarning = _time.GetTimestamp();
            logger.LogWarning(
                "The certificate for users expires on {Date:yyyy-MM-dd}; replace its file and its key's file: "
                    + "the servers use the new ones within a minute",
                to
            );
        }
    }

    private static LoadedCertificate Read(HttpsSettings files, DateTimeOffset now)
    {
        const string Fix = "Name another in the cluster file (https), or replace the file by a valid one";
        var file = files.Certificate;
        try
        {
            X509Certificate2Collection chain = [];
            chain.ImportFromPemFile(file);
            if (chain.Count == 0)
            {
                throw new FixableException(file, "the certificate for users is not a PEM certificate", Fix);
            }

            file = files.Key;
            var certificate = X509Certificate2.CreateFromPemFile(files.Certificate, file);
            if (certificate.NotAfter.ToUniversalTime() < now)
            {
                throw new FixableException(
                    files.Certificate,
                    FormattableString.Invariant(
                        $"the certificate for users expired on {certificate.NotAfter:yyyy-MM-dd}"
                    ),
                    Fix
                );
            }

            SslServerAuthenticationOptions options = new()
            {
                // All connections share this object, so everything is set here: Kestrel must not change it.
                ApplicationProtocols = [SslApplicationProtocol.Http11],
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            };
            return new LoadedCertificate(
                options,
                certificate.NotBefore.ToUniversalTime(),
                certificate.NotAfter.ToUniversalTime()
            );
        }
        // Which exception .NET throws depends on what the file holds instead.
        catch (Exception e)
            when (e is CryptographicException or ArgumentException or NotSupportedException or FormatException)
        {
            throw new FixableException(
                file,
                file == files.Key
                    ? $"holds no PEM key, or not the key of the certificate for users, {files.Certificate}"
                    : "the certificate for users is not a PEM certificate",
                Fix,
                e
            );
        }
        catch (Exception e) when (e is (IOException and not FixableException) or UnauthorizedAccessException)
        {
            throw FileFault.Of(file, e);
        }
    }

    /// <summary>A certificate as connections use it, and its dates.</summary>
    private sealed record LoadedCertificate(
        SslServerAuthenticationOptions Options,
        DateTimeOffset From,
        DateTimeOffset To
    );
}
