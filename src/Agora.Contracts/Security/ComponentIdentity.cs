using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Agora.Contracts.Faults;

namespace Agora.Contracts.Security;

/// <summary>
/// Who a process is towards the others, and how it recognises them: a certificate of the cluster's own authority at both ends of every
/// connection. A certificate is good for a component, wherever that listens: it carries the component's names, and whoever calls a component
/// demands one of them; addresses and ports are not looked at, since a connection may come through something that forwards it.
/// </summary>
public sealed class ComponentIdentity : IDisposable
{
    /// <summary>A certificate with less time left is warned of, at each start and every day.</summary>
    public static readonly TimeSpan ExpiresSoon = TimeSpan.FromDays(30);

    private const string Domain = ".agora.internal";

    private readonly X509Certificate2 _authority;
    private readonly Renewed<Own> _own;
    private readonly Lock _lock = new();
    private readonly List<SslServerAuthenticationOptions> _ports = [];
    private long _toldAt = long.MinValue;

    private ComponentIdentity(string name, X509Certificate2 authority, Renewed<Own> own) => (Name, _authority, _own) = (name, authority, own);

    /// <summary>Whose it is, such as <c>products/3</c>.</summary>
    public string Name { get; }

    /// <summary>The component that it is a replica of.</summary>
    public string Component => ComponentOf(Name);

    /// <summary>Told, at most once a second, why a connection was refused.</summary>
    public event Action<string>? Refused;

    /// <summary>Reads a certificate and its key.</summary>
    /// <param name="name">Whose they are.</param>
    /// <param name="authority">The file of the authority's certificate.</param>
    /// <param name="certificate">The file of the certificate.</param>
    /// <param name="key">The file of its key.</param>
    /// <param name="now">What its dates are compared with.</param>
    /// <exception cref="IOException">They cannot be used; the message says which, why, and what mends it.</exception>
    public static ComponentIdentity Load(string name, string authority, string certificate, string key, DateTimeOffset now)
    {
        X509Certificate2? trusted = null;
        try
        {
            trusted = Read(authority, "holds no certificate in PEM", ClusterSecrets.HowToCopy, () => X509CertificateLoader.LoadCertificateFromFile(authority));
            ThrowIfUntimely(trusted, authority, now);
            var (issuer, began) = (trusted, TimeProvider.System.GetTimestamp());
            return new ComponentIdentity(name, trusted, new Renewed<Own>(
                () => Read(issuer, authority, certificate, key, now + TimeProvider.System.GetElapsedTime(began)), certificate, key));
        }
        catch
        {
            trusted?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Takes up the certificate and the key that lie in the files now, where they have changed: for every connection that is made from now on, at either end.
    /// Those that there are go on as they began.
    /// </summary>
    /// <returns>What happened, for the log; null where nothing has changed.</returns>
    public string? Renew()
    {
        if (_own.Look() is not { } problem)
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
        return FormattableString.Invariant($"the new certificate of {Name}, good until {_own.Current.Certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}, is in use for new connections");
    }

    /// <summary>What is to be done soon; null where nothing is.</summary>
    public string? Warning(DateTimeOffset now) =>
        Soon(_own.Current.Certificate, $"the certificate of {Name}", ClusterSecrets.HowToRenew, now)
        ?? Soon(_authority, "the certificate of the cluster's authority", "docs/security.md says how to replace it", now);

    /// <summary>The component whose certificate this is, by the name that the authority gave to it.</summary>
    public static string ComponentOf(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        return ComponentOf(certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false));
    }

    /// <summary>TLS for a port that only these components may call; all its connections share it.</summary>
    /// <param name="protocol">
    /// What is spoken there, where it is HTTP. Not left to Kestrel: that would write it into what is shared when the first connections come, and whichever of
    /// them reads it in between negotiates nothing. A client of HTTP/2 then takes the port for one of HTTP/1.1, for as long as it lives.
    /// </param>
    /// <param name="components">Who may call.</param>
    public SslServerAuthenticationOptions ForCallers(SslApplicationProtocol? protocol, params IReadOnlyList<string> components)
    {
        lock (_lock)
        {
            SslServerAuthenticationOptions options = new()
            {
                ApplicationProtocols = protocol is { } spoken ? [spoken] : [],
                // One for all connections: what resumes a session is kept with it. Each connection reads it when it begins, so a new one may take its place.
                ServerCertificateContext = _own.Current.Context,
                ClientCertificateRequired = true,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                CertificateChainPolicy = Trusting(_authority),
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                    Admit("a caller", certificate, chain, errors, names => components.Any(c => names.Contains(c + Domain, StringComparer.OrdinalIgnoreCase)),
                        $"only {string.Join(", ", components)} may call here"),
            };
            _ports.Add(options);
            return options;
        }
    }

    /// <summary>TLS towards one replica of a component, and nobody else in its place.</summary>
    public SslClientAuthenticationOptions Towards(string component, int replica) => Towards(FormattableString.Invariant($"{component}/{replica}"));

    private SslClientAuthenticationOptions Towards(string process) => new()
    {
        TargetHost = DnsName(process),
        // Asked at each connection, since HTTP handlers copy all else once and for all.
        LocalCertificateSelectionCallback = (_, _, _, _, _) => _own.Current.Certificate,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = Trusting(_authority),
        RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            Admit(process, certificate, chain, errors, names => names.Contains(DnsName(process), StringComparer.OrdinalIgnoreCase), $"it is not {process}"),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        _own.Current.Certificate.Dispose();
        _authority.Dispose();
    }

    /// <summary>The names that a process's certificate carries: its own, and its component's.</summary>
    internal static IEnumerable<string> DnsNames(string name) =>
        name.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash ? [DnsName(name), name[..slash] + Domain] : [name + Domain];

    private static string DnsName(string process) => process.Replace('/', '-') + Domain;

    private bool Admit(
        string who, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, Func<IReadOnlyList<string>, bool> isExpected, string otherwise)
    {
        // Its name is looked at below; the address by which it was called says nothing.
        errors &= ~SslPolicyErrors.RemoteCertificateNameMismatch;
        string? why = certificate is not X509Certificate2 theirs ? "it shows no certificate"
            : errors == SslPolicyErrors.None ? isExpected(NamesIn(theirs)) ? null : $"its certificate is that of {theirs.GetNameInfo(X509NameType.SimpleName, false)}, and {otherwise}"
            : chain?.ChainStatus.Any(s => s.Status.HasFlag(X509ChainStatusFlags.NotTimeValid)) == true
                ? FormattableString.Invariant($"its certificate is good from {theirs.NotBefore.ToUniversalTime():yyyy-MM-dd} to {theirs.NotAfter.ToUniversalTime():yyyy-MM-dd}; set the clocks, or {ClusterSecrets.HowToRenew}")
            : "its certificate is not one of this cluster's authority";
        if (why is not null)
        {
            Tell($"{who} is refused: {why}");
        }
        return why is null;
    }

    // Somebody who knocks again and again must not fill the log.
    private void Tell(string what)
    {
        var told = Interlocked.Read(ref _toldAt);
        var now = Environment.TickCount64;
        if ((told == long.MinValue || now - told > 1000) && Interlocked.CompareExchange(ref _toldAt, now, told) == told)
        {
            Refused?.Invoke(what);
        }
    }

    private static string[] NamesIn(X509Certificate2 certificate) =>
        [.. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(e => e.EnumerateDnsNames())];

    private static X509ChainPolicy Trusting(X509Certificate2 authority)
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

    private static Own Read(X509Certificate2 issuer, string authority, string certificate, string key, DateTimeOffset now)
    {
        string fix = ClusterSecrets.HowToReplace(certificate, key);
        using (Read(certificate, "holds no certificate in PEM", fix, () => X509CertificateLoader.LoadCertificateFromFile(certificate)))
        {
        }
        X509Certificate2 own = Read(key, $"holds no key in PEM, or not the one that {certificate} is for: they do not match", fix,
            () => X509Certificate2.CreateFromPemFile(certificate, key));
        try
        {
            ThrowIfUntimely(own, certificate, now);
            return !Foreign(own, issuer)
                ? new Own(own, SslStreamCertificateContext.Create(own, additionalCertificates: null, offline: true))
                : throw new FixableException(certificate, $"was not issued by {authority}: they are of two clusters", fix);
        }
        catch
        {
            own.Dispose();
            throw;
        }
    }

    private static string ComponentOf(string name) => name.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash ? name[..slash] : name;

    private static string? Soon(X509Certificate2 certificate, string whose, string remedy, DateTimeOffset now) =>
        certificate.NotAfter.ToUniversalTime() - now < ExpiresSoon
            ? FormattableString.Invariant($"{whose} expires on {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}; {remedy}")
            : null;

    private static bool Foreign(X509Certificate2 own, X509Certificate2 authority)
    {
        using X509Chain chain = new() { ChainPolicy = Trusting(authority) };
        return !chain.Build(own);
    }

    // What .NET throws for a file of no use depends on what it holds instead.
    private static X509Certificate2 Read(string file, string whatIfUseless, string fix, Func<X509Certificate2> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (Directory.Exists(file))
        {
            throw new FixableException(file, "is a directory, where a file belongs", fix, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw !File.Exists(file) ? new FixableException(file, "is missing", fix, e) : FileFault.Of(file, e);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException or FormatException)
        {
            throw !File.Exists(file) ? new FixableException(file, "is missing", fix, e) : new FixableException(file, whatIfUseless, fix, e);
        }
    }

    private static void ThrowIfUntimely(X509Certificate2 certificate, string file, DateTimeOffset now)
    {
        if (certificate.NotAfter.ToUniversalTime() < now)
        {
            throw new FixableException(file, FormattableString.Invariant($"expired on {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}"), ClusterSecrets.HowToRenew);
        }
        if (certificate.NotBefore.ToUniversalTime() > now)
        {
            throw new FixableException(
                file, FormattableString.Invariant($"is good from {certificate.NotBefore.ToUniversalTime():yyyy-MM-dd} on only"), "Set this host's clock right");
        }
    }

    /// <summary>The certificate with its key, and what its connections share.</summary>
    private sealed record Own(X509Certificate2 Certificate, SslStreamCertificateContext Context);
}
