namespace Agora.Contracts.Security;

/// <summary>
/// What was read from files that are replaced while the process runs, as certificates are: read again once one of them has changed. What cannot be read
/// then, since perhaps only half of it has been written, leaves the one in use in place, and is tried again at each look.
/// </summary>
/// <typeparam name="T">What they hold.</typeparam>
public sealed class Renewed<T>
    where T : class
{
    private readonly string[] _files;
    private readonly Func<T> _read;
    private readonly Lock _lock = new();
    private DateTime[] _written;
    private T _current;

    /// <summary>Reads them for the first time.</summary>
    /// <param name="read">Reads them; throws <see cref="IOException"/> where they cannot be used.</param>
    /// <param name="files">The files.</param>
    /// <exception cref="IOException">They cannot be used.</exception>
    public Renewed(Func<T> read, params string[] files)
    {
        (_read, _files) = (read, files);
        _written = Written();
        _current = read();
    }

    /// <summary>What was last read.</summary>
    public T Current => Volatile.Read(ref _current);

    /// <summary>Looks whether the files have changed.</summary>
    /// <returns>Null where nothing has changed; otherwise why what is there now cannot be used, or an empty text where it is in use from now on.</returns>
    public string? Look()
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
