using System.Text.Json;
using System.Text.Json.Serialization;
using Agora.Launcher;
using Agora.Replication;

namespace Agora.Backups;

/// <summary>
/// <c>manifest.json</c> in the directory of a back-up: what it holds, with what can be compared. A directory without
/// one is no back-up.
/// </summary>
/// <param name="Format">The version of this file and of the directory around it.</param>
/// <param name="Program">The version of the program that made it.</param>
/// <param name="Time">When it was begun. What was acknowledged before is in it.</param>
/// <param name="Cluster">The id of the cluster that it is of.</param>
/// <param name="StateFormat">The format of the databases' states.</param>
/// <param name="Customers">The customers database.</param>
/// <param name="Products">The products database.</param>
/// <param name="Payments">The payment service's books.</param>
/// <param name="Undone">What the databases and payments had done after the state of customers was taken.</param>
/// <param name="Problems">Where the books did not balance; empty unless something was lost before.</param>
internal sealed record BackupManifest(
    int Format,
    string Program,
    DateTimeOffset Time,
    string Cluster,
    int StateFormat,
    DatabasePart Customers,
    DatabasePart Products,
    BackupPart Payments,
    UndoneWork Undone,
    IReadOnlyList<string> Problems
)
{
    public const int CurrentFormat = 1;

    /// <summary>The file's name.</summary>
    public const string FileName = "manifest.json";

    [JsonIgnore]
    public IReadOnlyList<BackupPart> Parts => [Customers, Products, Payments];

    /// <summary>Reads the manifest of a back-up.</summary>
    /// <exception cref="CommandFailedException">There is none, or it cannot be used.</exception>
    public static BackupManifest Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        try
        {
            var found = JsonSerializer.Deserialize(File.ReadAllText(path), BackupJson.Default.BackupManifest);
            return found is null ? throw new CommandFailedException($"{path} is empty; name another back-up")
                : found.Format != CurrentFormat
                    ? throw new CommandFailedException(
                        $"{path} is of format {found.Format}, and this program reads {CurrentFormat}; "
                            + $"use the version of the program that made it, {found.Program}"
                    )
                : found;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CommandFailedException(
                $"{directory} is no back-up: it has no {FileName}; name the directory that 'agora backup' made",
                e
            );
        }
        catch (JsonException e)
        {
            throw new CommandFailedException($"{path} is damaged ({e.Message.TrimEnd('.')}); use another back-up", e);
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, BackupJson.Default.BackupManifest);
}

/// <summary>A file of a back-up.</summary>
/// <param name="File">Its name in the directory.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Hexadecimal SHA-256 of the file.</param>
internal record BackupPart(string File, long Bytes, string Sha256);

/// <summary>The state of a database.</summary>
/// <param name="File">Its file.</param>
/// <param name="Bytes">The file's length.</param>
/// <param name="Sha256">The file's SHA-256.</param>
/// <param name="From">The replica that gave it.</param>
/// <param name="Position">Its applied position.</param>
/// <param name="Digest">The digest of the state, which restored replicas have at this position.</param>
internal sealed record DatabasePart(string File, long Bytes, string Sha256, string From, long Position, string Digest)
    : BackupPart(File, Bytes, Sha256)
{
    [JsonIgnore]
    public StateDigest State => new(Position, Digest);
}

/// <summary>The JSON of back-ups.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(BackupManifest))]
[JsonSerializable(typeof(BackupVerdict))]
[JsonSerializable(typeof(RestoredProcesses))]
internal sealed partial class BackupJson : JsonSerializerContext;
