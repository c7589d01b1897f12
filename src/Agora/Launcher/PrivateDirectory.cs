namespace Agora.Launcher;

/// <summary>Directories and files of one user, in places where others may write too.</summary>
internal static class PrivateDirectory
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes a directory for its owner only, or takes from others what they may do in one that is there.</summary>
    public static void Make(string directory)
    {
        // The parents are none of ours.
        if (Path.GetDirectoryName(directory) is { } parent)
        {
            Directory.CreateDirectory(parent);
        }
        Directory.CreateDirectory(directory, Owner);
        Tighten(directory);
    }

    /// <summary>Leaves of a file's or directory's mode what its owner may do. One that is another user's is left as it is: its owner decides.</summary>
    public static void Tighten(string path)
    {
        UnixFileMode mode = File.GetUnixFileMode(path);
        if ((mode & ~Owner) != 0 && Posix.IsOurs(path))
        {
            File.SetUnixFileMode(path, mode & Owner);
        }
    }

    /// <summary>Why a directory may hold what somebody else has put there; null where only this user can.</summary>
    public static string? Problem(string directory) =>
        new FileInfo(directory).LinkTarget is not null ? $"{directory} is a link"
            : !Posix.IsOurs(directory) ? $"{directory} belongs to another user"
            : (File.GetUnixFileMode(directory) & ~Owner) != 0 ? $"others may enter {directory}"
            : null;

    /// <summary>A new directory under a short path, whose name nobody can foresee: among what runs for this user where the system says where, else among temporary files.</summary>
    public static string MakeElsewhere()
    {
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return string.IsNullOrEmpty(runtime) || !Directory.Exists(runtime) || Problem(runtime) is not null
            ? Directory.CreateTempSubdirectory("agora-").FullName
            : Directory.CreateDirectory(Path.Combine(runtime, $"agora-{Path.GetRandomFileName()}"), Owner).FullName;
    }
}
