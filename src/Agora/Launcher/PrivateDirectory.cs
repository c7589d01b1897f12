namespace Agora.Launcher;

/// <summary>Directories and files that belong to one user, in places where other users may write too.</summary>
internal static class PrivateDirectory
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>
    /// Makes a directory that only its owner can use, or closes an existing one to other users.
    /// </summary>
    public static void Make(string directory)
    {
        // The parents keep the usual mode.
        if (Path.GetDirectoryName(directory) is { } parent)
        {
            Directory.CreateDirectory(parent);
        }

        Directory.CreateDirectory(directory, Owner);
        Tighten(directory);
    }

    /// <summary>
    /// Removes all permissions but the owner's from a file or directory. One that belongs to another user stays as it
    /// is.
    /// </summary>
    public static void Tighten(string path)
    {
        var mode = File.GetUnixFileMode(path);
        if ((mode & ~Owner) != 0 && Posix.IsOurs(path))
        {
            File.SetUnixFileMode(path, mode & Owner);
        }
    }

    /// <summary>Why another user may have put files into a directory; null if only this user can.</summary>
    public static string? Problem(string directory) =>
        new FileInfo(directory).LinkTarget is not null ? $"{directory} is a link"
        : !Posix.IsOurs(directory) ? $"{directory} belongs to another user"
        : (File.GetUnixFileMode(directory) & ~Owner) != 0 ? $"others may enter {directory}"
        : null;

    /// <summary>
    /// Makes a new directory with a short path and an unpredictable name: in the user's runtime directory if there is
    /// one, else in the directory for temporary files.
    /// </summary>
    public static string MakeElsewhere()
    {
        var runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return string.IsNullOrEmpty(runtime) || !Directory.Exists(runtime) || Problem(runtime) is not null
            ? Directory.CreateTempSubdirectory("agora-").FullName
            : Directory.CreateDirectory(Path.Combine(runtime, $"agora-{Path.GetRandomFileName()}"), Owner).FullName;
    }
}
