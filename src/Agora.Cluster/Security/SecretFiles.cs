namespace Agora.Cluster;

/// <summary>Files and directories of keys, which only their owner can read.</summary>
internal static class SecretFiles
{
    private const UnixFileMode OwnerOnlyDirectory =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OwnerOnlyFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static void MakeDirectory(string directory)
    {
        Directory.CreateDirectory(directory, OwnerOnlyDirectory);

        // CreateDirectory does not change the mode of a directory that exists.
        File.SetUnixFileMode(directory, OwnerOnlyDirectory);
    }

    public static void WriteIfMissing(string file, Func<byte[]> content)
    {
        if (!File.Exists(file))
        {
            Replace(file, content());
        }
    }

    /// <summary>
    /// Writes a temporary file and renames it, so that a crash between two steps never leaves half a key.
    /// </summary>
    public static void Replace(string file, byte[] content)
    {
        var temporary = file + ".new";
        File.Delete(temporary);
        using (
            FileStream stream = new(
                temporary,
                new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    UnixCreateMode = OwnerOnlyFile,
                }
            )
        )
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, file, overwrite: true);
    }

    /// <summary>
    /// Takes a lock that one process holds at a time. Replicas that start together wait here until one of them has made
    /// the keys.
    /// </summary>
    public static async Task<FileStream> LockAsync(string file, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(
                    file,
                    new FileStreamOptions
                    {
                        Mode = FileMode.OpenOrCreate,
                        Access = FileAccess.ReadWrite,
                        Share = FileShare.None,
                        UnixCreateMode = OwnerOnlyFile,
                    }
                );
            }
            catch (IOException) when (attempt < 200)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
            }
            catch (IOException e)
            {
                throw FileFault.Of(file, e);
            }
        }
    }
}
