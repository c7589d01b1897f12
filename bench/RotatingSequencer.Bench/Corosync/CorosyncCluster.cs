using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace RotatingSequencer.Bench.Corosync;

/// <summary>
/// Corosync (Totem, a rotating token) as the reference: at each host a daemon with its own configuration, and a small
/// client in C, compiled here, that does the same as the bench's members.
/// </summary>
internal sealed class CorosyncCluster : IDisposable
{
    private readonly List<Process> _daemons = [];

    private CorosyncCluster() { }

    /// <summary>The client at each host.</summary>
    public List<BenchProcess> Clients { get; } = [];

    /// <summary>Why corosync cannot run here; null if it can.</summary>
    public static string? WhyNot =>
        Hosts.WhyNoNamespaces
        ?? (
            Shell.Find("corosync") is null ? "corosync is not installed (Debian package corosync)"
            : Shell.Find("cc") is null ? "no C compiler is installed (Debian package gcc)"
            : File.Exists("/usr/include/corosync/cpg.h") ? null
            : "corosync's client library is not installed (Debian package libcpg-dev)"
        );

    /// <summary>Starts a daemon and a client at each host.</summary>
    /// <param name="hosts">Where to run them.</param>
    /// <param name="transport">udp (multicast), udpu (unicast, neither can authenticate) or knet (with SHA-256
    /// here).</param>
    /// <param name="tuned">Whether a lost token is sent again after 25 ms instead of 714 ms.</param>
    /// <param name="directory">For the configurations and the client.</param>
    public static CorosyncCluster Start(Hosts hosts, string transport, bool tuned, string directory)
    {
        Directory.CreateDirectory(directory);
        var client = Path.Combine(directory, "cpg-bench");
        var source = Path.Combine(directory, "cpg-bench.c");
        using (var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("cpg-bench.c")!)
        using (var file = File.Create(source))
        {
            stream.CopyTo(file);
        }

        Shell.Run($"cc -O2 -o {client} {source} -lcpg");
        File.WriteAllBytes(Path.Combine(directory, "authkey"), new byte[256]);
        var corosync = new CorosyncCluster();
        try
        {
            for (var i = 0; i < hosts.Members.Length; i++)
            {
                var configuration = Path.Combine(directory, $"corosync-{i}.conf");
                File.WriteAllText(configuration, Configure(hosts, i, transport, tuned, directory));
                // The daemon's directories are fixed, so each daemon gets mounts of its own. The shell becomes the
                // daemon, so its process id is the daemon's.
                var start = hosts.At(
                    i,
                    "sh",
                    "-c",
                    "mount -t tmpfs none /var/lib/corosync && mount -t tmpfs none /run"
                        + $" && exec corosync -f -c {configuration}"
                );
                start.RedirectStandardError = start.RedirectStandardOutput = true;
                corosync._daemons.Add(Process.Start(start)!);
            }

            for (var i = 0; i < hosts.Members.Length; i++)
            {
                var daemon = corosync._daemons[i].Id.ToString(CultureInfo.InvariantCulture);
                corosync.Clients.Add(BenchProcess.Start(hosts.At(i, client, $"{hosts.Members.Length}", daemon)));
            }

            return corosync;
        }
        catch
        {
            corosync.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Clients.ForEach(client => client.Dispose());
        foreach (var daemon in _daemons)
        {
            daemon.Kill(entireProcessTree: true);
            daemon.WaitForExit();
            daemon.Dispose();
        }
    }

    private static string Configure(Hosts hosts, int member, string transport, bool tuned, string directory)
    {
        var nodes = string.Concat(
            hosts.Members.Select(
                (address, i) =>
                    $$"""
                          node {
                            nodeid: {{i + 1}}
                            name: node{{i + 1}}
                            ring0_addr: {{address.Address}}
                          }

                        """
            )
        );
        return $$"""
            totem {
              version: 2
              cluster_name: bench
              transport: {{transport}}
              crypto_hash: {{(transport == "knet" ? "sha256" : "none")}}
              keyfile: {{Path.Combine(directory, "authkey")}}
              {{(tuned ? "token: 1000\n  token_retransmits_before_loss_const: 40" : "")}}
              {{(
                transport == "udp"
                    ? "interface {\n    ringnumber: 0\n    bindnetaddr: 10.77.0.0\n    mcastaddr: 239.255.77.1\n"
                        + "    mcastport: 5405\n  }"
                    : ""
            )}}
            }
            nodelist {
            {{nodes}}}
            quorum {
              provider: corosync_votequorum
            }
            logging {
              to_stderr: no
              to_syslog: no
              to_logfile: yes
              logfile: {{Path.Combine(directory, $"corosync-{member}.log")}}
            }

            """;
    }
}
