using System.Globalization;
using System.Security.Cryptography;
using Agora.Cluster;
using Agora.Replication;
using Microsoft.Data.Sqlite;

namespace Agora.Backups;

/// <summary>What a check of a back-up has found.</summary>
/// <param name="Directory">The back-up.</param>
/// <param name="Good">It can be restored: every file is as it was written.</param>
/// <param name="Faults">What is damaged or missing, as sentences.</param>
/// <param name="Problems">Where the books do not balance, as sentences; empty unless something was lost before the
/// back-up.</param>
/// <param name="Manifest">What it holds.</param>
internal sealed record BackupVerdict(
    string Directory,
    bool Good,
    IReadOnlyList<string> Faults,
    IReadOnlyList<string> Problems,
    BackupManifest Manifest
);

/// <summary>Checks a back-up: every file, every state's digest, SQLite's own structure, and the books.</summary>
internal static class BackupCheck
{
    /// <summary>Checks everything that a back-up holds.</summary>
    public static BackupVerdict Run(string directory)
    {
        var full = Path.GetFullPath(directory);
        var manifest = BackupManifest.Read(full);
        List<string> faults =
        [
            .. manifest.Parts.Select(part => FaultOf(full, part)).OfType<string>(),
            .. manifest.StateFormat == DatabaseCopy.FormatVersion
                ? (string[])[]
                :
                [
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"its states are of format {manifest.StateFormat}, and this program reads "
                    ) + $"{DatabaseCopy.FormatVersion}: restore it with the version that made it, {manifest.Program}",
                ],
        ];
        return new BackupVerdict(
            full,
            faults.Count == 0,
            faults,
            faults.Count == 0 ? ProblemsOf(full, manifest) : [],
            manifest
        );
    }

    /// <summary>The SHA-256 of a file, in hexadecimal digits.</summary>
    public static string Sha256Of(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>What is wrong with a part; null if nothing is.</summary>
    public static string? FaultOf(string directory, BackupPart part)
    {
        var path = Path.Combine(directory, part.File);
        if (!File.Exists(path))
        {
            return $"{path} is missing";
        }

        if (new FileInfo(path).Length is var length && length != part.Bytes)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{path} has {length} bytes instead of {part.Bytes}");
        }

        if (Sha256Of(path) != part.Sha256)
        {
            return $"{path} is not as it was written";
        }

        // What was wrong before it was written is as wrong now.
        var fault = part is DatabasePart database ? DatabaseCopy.Fault(path, database.State) : StructureFault(path);
        return fault is null ? null : $"{path}: {fault}";
    }

    // The books are read beside the files, which stay as they are: SQLite writes nothing for a query.
    private static IReadOnlyList<string> ProblemsOf(string directory, BackupManifest manifest)
    {
        string PathOf(BackupPart part) => Path.Combine(directory, part.File);
        try
        {
            using BackupBooks books = new(
                PathOf(manifest.Customers),
                PathOf(manifest.Products),
                PathOf(manifest.Payments)
            );
            return books.Problems();
        }
        catch (SqliteException e)
        {
            throw FileFault.OfSqlite(directory, e.SqliteErrorCode, e, "Use another back-up");
        }
    }

    private static string? StructureFault(string path)
    {
        try
        {
            using SqliteConnection file = new(
                new SqliteConnectionStringBuilder
                {
                    DataSource = path,
                    Mode = SqliteOpenMode.ReadOnly,
                    Pooling = false,
                }.ToString()
            );
            file.Open();
            using Statement check = new(file, "PRAGMA quick_check(1)");
            using var rows = check.Query();
            return rows.Read() && rows.Text(0) == "ok" ? null : $"SQLite finds: {rows.Text(0)}";
        }
        catch (SqliteException e)
        {
            return e.Message;
        }
    }
}
