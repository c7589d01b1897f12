using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Agora.Cluster;

/// <summary>
/// A process's certificate, and the way it checks the certificates of other processes. Both ends of every connection
/// show a certificate of the cluster's own authority. A certificate carries the names of a process and its component,
/// and each end checks the other's name. Addresses and ports are not checked, because a proxy may forward the
/// connection.
/// </summary>
public sealed class ComponentIdentity : IDisposable
{
    /// <summary>A certificate with less time left causes a warning, at each start and every day.</summary>
    public static readonly TimeSpan ExpiresSoon = TimeSpan.FromDays(30);

    private const string Domain = ".agora.internal";

    private readonly X509Certificate2 _authority;
    private readonly Reloadable<OwnCertificate> _own;
    private readonly Lock _lock = new();
    private readonly List<SslServerAuthenticationOptions> _ports = [];
    private long _reportedAt = long.MinValue;

    private ComponentIdentity(string name, X509Certificate2 authority, Reloadable<OwnCertificate> own) =>
        (Name, _authority, _own) = (name, authority, own);

    /// <summary>The name of its process, such as <c>products/3</c>.</summary>
    public string Name { get; }

    /// <summary>The component of its process.</summary>
    public string Component => ComponentOf(Name);

    /// <summary>Raised at most once a second, with the reason why a connection was refused.</summary>
    public event Action<string>? Refused;

    /// <summary>Reads a certificate and its key.</summary>
    /// <param name="name">The name of their process.</param>
    /// <param name="authority">The file of the authority's certificate.</param>
    /// <param name="certificate">The file of the certificate.</param>
    /// <param name="key">The file of its key.</param>
    /// <param name="now">The present time; the certificates must be valid now.</param>
    /// <exception cref="IOException">They cannot be used; the message says which, why, and how to fix it.</exception>
    public static ComponentIdentity Load(
        string name,
        string authority,
        string certificate,
        string key,
        DateTimeOffset now
    )
    {
        X509Certificate2? trusted = null;
        try
        {
            trusted = Read(
                authority,
                "holds no certificate in PEM",
                ClusterSecrets.HowToCopy,
                () => X509CertificateLoader.LoadCertificateFromFile(authority)
            );
            ThrowIfNotValid(trusted, authority, now);
            var (issuer, began) = (trusted, TimeProvider.System.GetTimestamp());
            return new ComponentIdentity(
                name,
                trusted,
                new Reloadable<OwnCertificate>(
                    () => Read(issuer, authority, certificate, key, now + TimeProvider.System.GetElapsedTime(began)),
                    certificate,
                    key
                )
            );
        }
        catch
        {
            trusted?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Reads the certificate and the key again if their files have changed. Every new connection uses them; existing
    /// connections keep the old ones.
    /// </summary>
    /// <returns>A line for the log; null if nothing has changed.</returns>
    public string? Renew()
    {
        if (_own.Reload() is not { } problem)
        {
            return null;
        }

        if (problem.Length > 0)
        {
            return $"the new certificate of {Name} is not used: {problem}";
        }

        lock (_lock)
        {
            foreach (var port in _ports)
            {
                port.ServerCertificateContext = _own.Current.Context;
            }
        }

        var end = End(_own.Current.Certificate);
        return FormattableString.Invariant(
            $"the new certificate of {Name}, valid until {end:yyyy-MM-dd}, is in use for new connections"
        );
    }

    /// <summary>What the operator must do soon; null if nothing.</summary>
    public string? Warning(DateTimeOffset now) =>
        ExpiryWarning(_own.Current.Certificate, $"the certificate of {Name}", ClusterSecrets.HowToRenew, now)
        ?? ExpiryWarning(
            _authority,
            "the certificate of the cluster's authority",
            "docs/security.md says how to replace it",
            now
        );

    /// <summary>When its certificate or the authority's ends, whichever is first, in UTC.</summary>
    public DateTime Expiry =>
        End(_own.Current.Certificate) is var own && End(_authority) is var authority && own < authority
            ? own
            : authority;

    /// <summary>The component whose certificate this is, by the name that the authority wrote into it.</summary>
    public static string ComponentOf(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        return ComponentOf(SimpleName(certificate));
    }

    /// <summary>TLS options for a port that only these components may call; all its connections share them.</summary>
    /// <param name="protocol">
    /// The version of HTTP spoken there; null if it is not HTTP. Kestrel would set it in the shared options when the
    /// first connections arrive, and a connection that reads the options before that negotiates no protocol. A client
    /// of HTTP/2 then takes the port for one of HTTP/1.1, for as long as the client lives.
    /// </param>
    /// <param name="components">The components that may call.</param>
    public SslServerAuthenticationOptions ServerOptions(
        SslApplicationProtocol? protocol,
        params IReadOnlyList<string> components
    )
    {
        lock (_lock)
        {
            SslServerAuthenticationOptions options = new()
            {
                ApplicationProtocols = protocol is { } spoken ? [spoken] : [],
                // All connections share one context, because TLS session tickets are kept in it. Each connection reads
                // it at its start, so a new context may replace it.
                ServerCertificateContext = _own.Current.Context,
                ClientCertificateRequired = true,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                CertificateChainPolicy = PolicyFor(_authority),
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                    Admit(
                        "a caller",
                        certificate,
                        chain,
                        errors,
                        names => components.Any(c => names.Contains(c + Domain, StringComparer.OrdinalIgnoreCase)),
                        $"only {string.Join(", ", components)} may call here"
                    ),
            };
            _ports.Add(options);
            return options;
        }
    }

    /// <summary>
    /// TLS options for calls to one replica of a component; no other process is accepted in its place.
    /// </summary>
    public SslClientAuthenticationOptions ClientOptions(string component, int replica) =>
        ClientOptions(FormattableString.Invariant($"{component}/{replica}"));

    private SslClientAuthenticationOptions ClientOptions(string process) =>
        new()
        {
            TargetHost = DnsName(process),
            // A callback, because HTTP handlers copy every other option once, and this one must change.
            LocalCertificateSelectionCallback = (_, _, _, _, _) => _own.Current.Certificate,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            CertificateChainPolicy = PolicyFor(_authority),
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                Admit(
                    process,
                    certificate,
                    chain,
                    errors,
                    names => names.Contains(DnsName(process), StringComparer.OrdinalIgnoreCase),
                    $"it is not {process}"
                ),
        };

    /// <inheritdoc/>
    public void Dispose()
    {
        _own.Current.Certificate.Dispose();
        _authority.Dispose();
    }

    /// <summary>The DNS names in a process's certificate: its own, and its component's.</summary>
    internal static IEnumerable<string> DnsNames(string name) =>
        name.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash
            ? [DnsName(name), name[..slash] + Domain]
            : [name + Domain];

    private static string DnsName(string process) => process.Replace('/', '-') + Domain;

    private bool Admit(
        string who,
        X509Certificate? certificate,
        X509Chain? chain,
        SslPolicyErrors errors,
        Func<IReadOnlyList<string>, bool> isExpected,
        string otherwise
    )
    {
        // The name is checked below; the address that was dialled does not matter.
        errors &= ~SslPolicyErrors.RemoteCertificateNameMismatch;
        var why =
            certificate is not X509Certificate2 theirs ? "it shows no certificate"
            : errors == SslPolicyErrors.None
                ? isExpected(NamesIn(theirs)) ? null
                    : $"its certificate is that of {SimpleName(theirs)}, and {otherwise}"
            : chain?.ChainStatus.Any(s => s.Status.HasFlag(X509ChainStatusFlags.NotTimeValid)) == true
                ? FormattableString.Invariant(
                    $"its certificate is valid from {Begin(theirs):yyyy-MM-dd} to {End(theirs):yyyy-MM-dd}"
                ) + $"; set the clocks, or {ClusterSecrets.HowToRenew}"
            : "its certificate is not one of this cluster's authority";
        if (why is not null)
        {
            Report($"{who} is refused: {why}");
        }

        return why is null;
    }

    // At most once a second, so that a caller that is refused again and again cannot fill the log.
    private void Report(string refusal)
    {
        var last = Interlocked.Read(ref _reportedAt);
        var now = Environment.TickCount64;
        if (
            (last == long.MinValue || now - last > 1000)
            && Interlocked.CompareExchange(ref _reportedAt, now, last) == last
        )
        {
            Refused?.Invoke(refusal);
        }
    }

    private static string SimpleName(X509Certificate2 certificate) =>
        certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);

    private static string[] NamesIn(X509Certificate2 certificate) =>
        [
            .. certificate
                .Extensions.OfType<X509SubjectAlternativeNameExtension>()
                .SelectMany(e => e.EnumerateDnsNames()),
        ];

    private static DateTime Begin(X509Certificate2 certificate) => certificate.NotBefore.ToUniversalTime();

    private static DateTime End(X509Certificate2 certificate) => certificate.NotAfter.ToUniversalTime();

    private static X509ChainPolicy PolicyFor(X509Certificate2 authority)
    {
        X509ChainPolicy policy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.Add(authority);
        return policy;
    }

    private static OwnCertificate Read(
        X509Certificate2 issuer,
        string authority,
        string certificate,
        string key,
        DateTimeOffset now
    )
    {
        var fix = ClusterSecrets.HowToReplace(certificate, key);
        using (
            Read(
                certificate,
                "holds no certificate in PEM",
                fix,
                () => X509CertificateLoader.LoadCertificateFromFile(certificate)
            )
        ) { }

        var own = Read(
            key,
            $"holds no key in PEM, or not the one that {certificate} is for: they do not match",
            fix,
            () => X509Certificate2.CreateFromPemFile(certificate, key)
        );
        try
        {
            ThrowIfNotValid(own, certificate, now);
            return IsIssuedBy(issuer, own)
                ? new OwnCertificate(
                    own,
                    SslStreamCertificateContext.Create(own, additionalCertificates: null, offline: true)
                )
                : throw new FixableException(
                    certificate,
                    $"was not issued by {authority}: they belong to two clusters",
                    fix
                );
        }
        catch
        {
            own.Dispose();
            throw;
        }
    }

    private static string ComponentOf(string name) =>
        name.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash ? name[..slash] : name;

    private static string? ExpiryWarning(X509Certificate2 certificate, string what, string fix, DateTimeOffset now) =>
        End(certificate) - now < ExpiresSoon
            ? FormattableString.Invariant($"{what} expires on {End(certificate):yyyy-MM-dd}; {fix}")
            : null;

    private static bool IsIssuedBy(X509Certificate2 authority, X509Certificate2 certificate)
    {
        using X509Chain chain = new() { ChainPolicy = PolicyFor(authority) };
        return chain.Build(certificate);
    }

    // What .NET throws for a file that holds no certificate depends on what it holds instead.
    private static X509Certificate2 Read(string file, string problem, string fix, Func<X509Certificate2> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (Directory.Exists(file))
        {
            throw new FixableException(file, "is a directory where a file belongs", fix, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw !File.Exists(file) ? new FixableException(file, "is missing", fix, e) : FileFault.Of(file, e);
        }
        catch (Exception e)
            when (e is CryptographicException or ArgumentException or NotSupportedException or FormatException)
        {
            throw !File.Exists(file)
                ? new FixableException(file, "is missing", fix, e)
                : new FixableException(file, problem, fix, e);
        }
    }

    private static void ThrowIfNotValid(X509Certificate2 certificate, string file, DateTimeOffset now)
    {
        if (End(certificate) < now)
        {
            throw new FixableException(
                file,
                FormattableString.Invariant($"expired on {End(certificate):yyyy-MM-dd}"),
                ClusterSecrets.HowToRenew
            );
        }

        if (Begin(certificate) > now)
        {
            throw new FixableException(
                file,
                FormattableString.Invariant($"is valid only from {Begin(certificate):yyyy-MM-dd} on"),
                "Correct this host's clock"
            );
        }
    }

    /// <summary>The certificate with its key, and the context that its connections share.</summary>
    private sealed record OwnCertificate(X509Certificate2 Certificate, SslStreamCertificateContext Context);
}
