using Agora.Contracts.Faults;

namespace Agora.Launcher;

/// <summary>What a process of ours needs of this host before it begins anything.</summary>
internal static class HostLimits
{
    /// <summary>Through it the supervisor starts each process.</summary>
    public const string Shell = "/bin/sh";

    // A replica that nobody uses has up to some 150 files and sockets open; each connection of a client is one more.
    private const ulong MinOpenFiles = 256;

    /// <exception cref="FixableException">A process here may open too few files: it would break off somewhere in its start, or under its first clients.</exception>
    public static void RefuseTooFewOpenFiles() => RefuseTooFewOpenFiles(Posix.MaxOpenFiles());

    internal static void RefuseTooFewOpenFiles(ulong? allowed)
    {
        if (allowed < MinOpenFiles)
        {
            throw new FixableException(
                "ulimit -n", FormattableString.Invariant($"a process may have only {allowed} files open here, and needs {MinOpenFiles}, or more where it has many clients"),
                "Raise it: 'ulimit -n 4096' in the shell that starts it, LimitNOFILE=4096 in a systemd unit, --ulimit nofile=4096 for a container");
        }
    }

    /// <exception cref="FixableException">There is no shell.</exception>
    public static void RefuseMissingShell(string shell = Shell)
    {
        if (!File.Exists(shell))
        {
            throw new FixableException(
                shell, "is missing, and the supervisor starts every process through it", "Install a POSIX shell there, or start each process itself with 'agora run'");
        }
    }
}
