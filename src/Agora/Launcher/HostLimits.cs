using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>Checks what a process of ours needs from this host, before it begins anything.</summary>
internal static class HostLimits
{
    /// <summary>The shell through which the supervisor starts each process.</summary>
    public const string Shell = "/bin/sh";

    // An idle replica has up to about 150 files and sockets open; each client connection is one more.
    private const ulong MinOpenFiles = 256;

    /// <summary>Checks all of them.</summary>
    /// <exception cref="FixableException">Something is missing.</exception>
    public static void Check()
    {
        RefuseTooFewOpenFiles();
        RefuseMissingShell();
    }

    /// <exception cref="FixableException">A process here may open too few files: it would fail during its start, or
    /// with its first clients.</exception>
    public static void RefuseTooFewOpenFiles() => RefuseTooFewOpenFiles(Posix.MaxOpenFiles());

    internal static void RefuseTooFewOpenFiles(ulong? allowed)
    {
        if (allowed < MinOpenFiles)
        {
            throw new FixableException(
                "ulimit -n",
                FormattableString.Invariant($"a process may have only {allowed} files open here, ")
                    + FormattableString.Invariant($"and needs {MinOpenFiles}, or more with many clients"),
                "Raise it: 'ulimit -n 4096' in the shell that starts it, LimitNOFILE=4096 in a systemd unit, "
                    + "--ulimit nofile=4096 for a container"
            );
        }
    }

    /// <exception cref="FixableException">There is no shell.</exception>
    public static void RefuseMissingShell(string shell = Shell)
    {
        if (!File.Exists(shell))
        {
            throw new FixableException(
                shell,
                "is missing, and the supervisor starts every process through it",
                "Install a POSIX shell there, or start each process itself with 'agora run'"
            );
        }
    }
}
