namespace Agora.Replication;

/// <summary>
/// What SQLite does not check in the header of a file when it opens it, and what would make it misread the file, or
/// refuse to write it for ever. All of it has one value in every file of ours, from its first page on.
/// </summary>
/// <remarks>
/// Damage of the other fields shows when SQLite opens the file or allocates a page, or is harmless.
/// See https://www.sqlite.org/fileformat.html#the_database_header.
/// </remarks>
internal static class StoreHeader
{
    private const int Size = 100;
    private const int WriteVersion = 18; // 1, and 2 with a WAL; a file with another is only read.
    private const int ReservedBytes = 20; // At the end of each page; they move what overflows a page.

    // Two fields for automatic vacuuming, which no file of ours uses.
    private const int LargestRoot = 52;
    private const int IncrementalVacuum = 64;

    /// <summary>Refuses a file whose header is damaged; one that is not there yet, or still empty, is right.</summary>
    /// <exception cref="ReplicaDamagedException">It is damaged.</exception>
    public static void Check(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        Span<byte> header = stackalloc byte[Size];
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
        {
            if (RandomAccess.Read(file, header, 0) < Size)
            {
                return;
            }
        }

        if (
            header[WriteVersion] is not (1 or 2)
            || header[ReservedBytes] != 0
            || header.Slice(LargestRoot, sizeof(int)).ContainsAnyExcept((byte)0)
            || header.Slice(IncrementalVacuum, sizeof(int)).ContainsAnyExcept((byte)0)
        )
        {
            throw new ReplicaDamagedException(path, "has a damaged header");
        }
    }
}
