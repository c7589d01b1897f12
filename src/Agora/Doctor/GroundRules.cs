using System.Globalization;
using Agora.Cluster;

namespace Agora.Doctor;

/// <summary>Findings about what processes stand on: disks, clocks, certificates.</summary>
internal static class GroundRules
{
    public const string ClockAdvice =
        "Set its host's clock, and keep it right with NTP (chrony, systemd-timesyncd); the replica goes on by itself";

    private const double Gibibyte = 1 << 30;

    public static void Look(ClusterStatus status, DateTime now, List<Finding> found)
    {
        Disks(status, found);
        Clocks(status, found);
        Certificates(status, now, found);
    }

    /// <summary>A replica's own words about its clock.</summary>
    public static bool IsAboutClock(string problem) => problem.Contains("clock", StringComparison.OrdinalIgnoreCase);

    // Processes of one host share their disk: one finding for all of them.
    private static void Disks(ClusterStatus status, List<Finding> found)
    {
        foreach (
            var disk in status
                .Processes.Where(p => p.Disk is not null)
                .GroupBy(p => (Host: HostOf(p), p.Disk!.Size))
                .Select(g => (g.Key.Host, g.MinBy(p => p.Disk!.Free)!.Disk, Names: g.Select(p => p.Name).ToArray()))
        )
        {
            var (free, size) = disk.Disk!;
            var isVeryLow = free < Thresholds.VeryLowBytes;
            if (isVeryLow || (free < Thresholds.LowBytes && free < Thresholds.LowShare * size))
            {
                found.Add(
                    new(
                        isVeryLow ? Finding.Critical : Finding.Warning,
                        disk.Host,
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"has {free / Gibibyte:0.0} of {size / Gibibyte:0.0} GiB left on the disk of "
                                + $"{Some(disk.Names)}"
                        ),
                        "Make room or a larger disk: a process whose disk is full ends. Old copies in set-aside/ "
                            + "and logs may go"
                    )
                );
            }
        }
    }

    private static void Clocks(ClusterStatus status, List<Finding> found)
    {
        foreach (var process in status.Processes)
        {
            // What the replica says itself is a finding already.
            if (
                process.Database is { ClockAheadMilliseconds: { } ahead } database
                && Math.Abs(ahead) >= Thresholds.ClockApart.TotalMilliseconds
                && !database.Problems.Any(IsAboutClock)
            )
            {
                found.Add(
                    new(
                        Finding.Warning,
                        process.Name,
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"has a clock that is {Math.Abs(ahead) / 1000.0:0.0} s "
                                + $"{(ahead > 0 ? "ahead of" : "behind")} the others"
                        ),
                        ClockAdvice
                    )
                );
            }
        }
    }

    // All that end on the same day were made together, and are renewed together.
    private static void Certificates(ClusterStatus status, DateTime now, List<Finding> found)
    {
        foreach (
            var day in status
                .Processes.Where(p => p.CertificateUntil is { } until && until - now < ComponentIdentity.ExpiresSoon)
                .GroupBy(p => p.CertificateUntil!.Value.Date)
                .OrderBy(g => g.Key)
        )
        {
            var hasEnded = day.Any(p => p.CertificateUntil < now);
            found.Add(
                new(
                    hasEnded ? Finding.Critical : Finding.Warning,
                    Some([.. day.Select(p => p.Name)]),
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{(hasEnded ? "had a certificate until" : "has a certificate until")} {day.Key:yyyy-MM-dd}"
                    ),
                    "'agora cluster keys --renew' makes new ones where the authority's key is; copy them to the hosts: "
                        + "processes take them up within a minute. The authority's own: docs/security.md"
                )
            );
        }
    }

    private static string Some(string[] names) =>
        names.Length <= 3
            ? string.Join(", ", names)
            : string.Create(CultureInfo.InvariantCulture, $"{names[0]} and {names.Length - 1} others");

    private static string HostOf(ProcessStatus process) =>
        process.Addresses.Values.FirstOrDefault() is { } address && address.LastIndexOf(':') is > 0 and var colon
            ? address[..colon]
            : process.Name;
}
