using Agora.Backups;
using Agora.Contracts.Customers;
using Agora.Replication;

namespace Agora.Tests.Backups;

/// <summary>A back-up of a small marketplace that never ran, for tests of what is done with one.</summary>
internal static class BackupOnDisk
{
    public const string Cluster = "0123456789abcdef0123456789abcdef";

    private static readonly DateTimeOffset s_time = new(2026, 11, 30, 4, 0, 0, TimeSpan.Zero);

    /// <summary>Makes it in a directory; the number tells several apart, and is their order.</summary>
    public static BackupManifest Make(string directory, int number = 0)
    {
        using BooksUnderTest books = new();
        var item = books.Item(books.Account(Role.Seller, "sam"));
        books.Buy(books.Account(Role.Buyer, "bea"), item);
        books.CopyCustomers();
        books.CopyProducts();
        books.CopyPayments();
        books.Own(Cluster);
        BackupShelf shelf = new(directory);
        using var work = shelf.Begin();
        foreach (var file in (string[])[books.Customers, books.Products, books.Payments])
        {
            File.Copy(file, work[Path.GetFileName(file)]);
        }

        BackupManifest manifest = new(
            BackupManifest.CurrentFormat,
            "0.0.0-test",
            s_time.AddDays(number),
            Cluster,
            DatabaseCopy.FormatVersion,
            Database(work["customers.db"]),
            Database(work["products.db"]),
            Part(work["payments.db"]),
            new UndoneWork(0, 0, 0, 0),
            []
        );
        work.Complete(manifest);
        return manifest;
    }

    private static DatabasePart Database(string path)
    {
        var (part, state) = (Part(path), DatabaseCopy.DigestOf(path));
        return new DatabasePart(part.File, part.Bytes, part.Sha256, "test/0", state.Position, state.Sha256);
    }

    private static BackupPart Part(string path) =>
        new(Path.GetFileName(path), new FileInfo(path).Length, BackupCheck.Sha256Of(path));
}
