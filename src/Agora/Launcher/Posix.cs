using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Agora.Launcher;

/// <summary>The few system calls that .NET does not offer.</summary>
internal static partial class Posix
{
    private const int SigTerm = 15;
    private const int RlimitNoFileLinux = 7;
    private const int RlimitNoFileElsewhere = 8;

    // Linux's AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX_TYPE, STATX_UID, S_IFMT and S_IFREG.
    private const int CurrentDirectory = -100;
    private const int NoFollow = 0x100;
    private const uint StatxType = 0x1;
    private const uint StatxUid = 0x8;
    private const int TypeMask = 0xf000;
    private const int RegularFile = 0x8000;

    // Linux and the BSDs, macOS among them, number these differently.
    private static readonly int s_sigStop = OperatingSystem.IsLinux() ? 19 : 17;
    private static readonly int s_sigCont = OperatingSystem.IsLinux() ? 18 : 19;

    /// <summary>Asks a process to end in order. False if it no longer exists.</summary>
    public static bool Terminate(int pid) => Kill(pid, SigTerm) == 0;

    /// <summary>
    /// Freezes a process, or continues it. False if it no longer exists.
    /// </summary>
    public static bool Freeze(int pid, bool frozen) => Kill(pid, frozen ? s_sigStop : s_sigCont) == 0;

    /// <summary>
    /// Makes this process the leader of a new session, so that neither Ctrl-C nor the end of its terminal reaches it.
    /// </summary>
    public static void LeaveTerminal()
    {
        if (SetSid() < 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "setsid failed");
        }
    }

    /// <summary>
    /// Leaves the supervisor's process group, so that Ctrl-C reaches only the supervisor, which then stops all
    /// processes in order.
    /// </summary>
    public static void LeaveProcessGroup()
    {
        if (SetPgid(0, 0) < 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "setpgid failed");
        }
    }

    /// <summary>
    /// Gives a file a second name. False where the file system cannot, as between two of them.
    /// </summary>
    public static bool TryLink(string existing, string name) => Link(existing, name) == 0;

    /// <summary>A file or directory belongs to the user of this process. Links are not followed.</summary>
    public static bool IsOurs(string path)
    {
        if (OperatingSystem.IsLinux())
        {
            // struct statx is the same on all architectures. Mask, block size, attributes and the number of links
            // precede the owner.
            var status = new byte[256];
            return Statx(CurrentDirectory, path, NoFollow, StatxUid, status) == 0
                && BitConverter.ToUInt32(status, 20) == GetEffectiveUser();
        }

        try
        {
            // Only the owner, or root, may change the mode.
            File.SetUnixFileMode(path, File.GetUnixFileMode(path));
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// The path leads, links followed, to something that is not a regular file. To open a pipe, for example, waits for
    /// a writer. Known on Linux only.
    /// </summary>
    public static bool IsSpecialFile(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        // In struct statx the kind of file comes after owner and group.
        var status = new byte[256];
        return Statx(CurrentDirectory, path, 0, StatxType, status) == 0
            && (BitConverter.ToUInt16(status, 28) & TypeMask) != RegularFile;
    }

    /// <summary>How many files and sockets a process may have open; null if the system does not say.</summary>
    public static ulong? MaxOpenFiles() =>
        GetRlimit(OperatingSystem.IsLinux() ? RlimitNoFileLinux : RlimitNoFileElsewhere, out var limit) == 0
            ? limit.Current
            : null;

    /// <summary>A signal, such as SIGSTOP or Ctrl-Z, has stopped the process. Known on Linux only.</summary>
    public static bool IsStopped(int pid)
    {
        try
        {
            // The number, the name in brackets, which may hold any character, then the state.
            var stat = File.ReadAllText(FormattableString.Invariant($"/proc/{pid}/stat"));
            return stat[(stat.LastIndexOf(')') + 1)..].TrimStart().StartsWith('T');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Statx(int directory, string path, int flags, uint mask, byte[] status);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public ulong Current;
        public ulong Highest;
    }

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    private static partial int GetRlimit(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Link(string existing, string name);

    [LibraryImport("libc", EntryPoint = "setsid", SetLastError = true)]
    private static partial int SetSid();

    [LibraryImport("libc", EntryPoint = "setpgid", SetLastError = true)]
    private static partial int SetPgid(int pid, int pgid);
}
