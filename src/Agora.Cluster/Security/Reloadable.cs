namespace Agora.Cluster;

/// <summary>
/// A value read from files that may be replaced while the process runs, as certificates are. It is read again once one
/// of the files has changed. If the new files cannot be read, perhaps because they are only half written, the old value
/// stays in use, and the next call of <see cref="Reload"/> tries again.
/// </summary>
/// <typeparam name="T">The type of the value.</typeparam>
public sealed class Reloadable<T>
    where T : class
{
    private readonly string[] _files;
    private readonly Func<T> _read;
    private readonly Lock _lock = new();
    private DateTime[] _written;
    private T _current;

    /// <summary>Reads the value for the first time.</summary>
    /// <param name="read">Reads the files; throws <see cref="IOException"/> if they cannot be used.</param>
    /// <param name="files">The files.</param>
    /// <exception cref="IOException">The files cannot be used.</exception>
    public Reloadable(Func<T> read, params string[] files)
    {
        (_read, _files) = (read, files);
        _written = Written();
        _current = read();
    }

    /// <summary>The value in use.</summary>
    public T Current => Volatile.Read(ref _current);

    /// <summary>Reads the value again if the files have changed.</summary>
    /// <returns>Null if nothing has changed; an empty text if the new value is in use; otherwise why the new files
    /// cannot be used.</returns>
    public string? Reload()
    {
        lock (_lock)
        {
            var written = Written();
            if (written.SequenceEqual(_written))
            {
                return null;
            }

            try
            {
                Volatile.Write(ref _current, _read());
                _written = written;
                return "";
            }
            catch (IOException e)
            {
                return e.Message;
            }
        }
    }

    private DateTime[] Written() => [.. _files.Select(File.GetLastWriteTimeUtc)];
}
