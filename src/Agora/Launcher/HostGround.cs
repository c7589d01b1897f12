using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// What the processes of a host stand on: the file system of the data directory, and their certificates. Certificates
/// are read at most once a minute, since status is asked for more often.
/// </summary>
internal sealed class HostGround(DataDirectory data, IReadOnlyList<ClusterProcess> processes, TimeProvider time)
{
    private static readonly TimeSpan s_fresh = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private Dictionary<string, DateTime?> _certificates = [];
    private long _readAt;

    public (DiskSpace? Disk, IReadOnlyDictionary<string, DateTime?> Certificates) Now()
    {
        lock (_gate)
        {
            if (_certificates.Count == 0 || time.GetElapsedTime(_readAt) >= s_fresh)
            {
                var secrets = data.SecretsInUse;
                _certificates = processes.ToDictionary(p => p.Name, p => EndOf(secrets.CertificateOf(p)));
                _readAt = time.GetTimestamp();
            }

            return (DiskSpace.Of(data.Root), _certificates);
        }
    }

    // A file that cannot be read is the process's own problem, which says so.
    private static DateTime? EndOf(string file)
    {
        try
        {
            using var certificate = X509CertificateLoader.LoadCertificateFromFile(file);
            return certificate.NotAfter.ToUniversalTime();
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
