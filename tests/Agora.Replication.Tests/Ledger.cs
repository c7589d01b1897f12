using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;

namespace Agora.Replication.Tests;

/// <summary>
/// A state machine to test with. Its tables show order and time: "name" counts up, and each call leaves a line with the
/// time it was given. "!" throws halfway through its work.
/// </summary>
internal sealed class Ledger : IStateMachine
{
    private SqliteConnection? _writer;

    public int Calls { get; private set; }

    public string Schema =>
        """
            CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS lines (text TEXT, time INTEGER);
            """;

    public void Open(SqliteConnection writer) => _writer = writer;

    // "?" is answered, but its request id stays unused.
    public byte[] Apply(in Command command, out bool keep)
    {
        Calls++;
        var name = Encoding.UTF8.GetString(command.Payload.Span);
        keep = name != "?";
        _writer!.Prepared("INSERT INTO lines VALUES (?1, ?2)").Run(name, command.Time);
        if (name == "!")
        {
            throw new InvalidDataException("a broken invariant");
        }

        _writer!
            .Prepared("INSERT INTO counters VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1")
            .Run(name);
        var value = _writer!.Prepared("SELECT value FROM counters WHERE name = ?1").Number(name) ?? 0;
        return Encoding.UTF8.GetBytes(value.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The reply that was kept, or "expired".</summary>
    public byte[] Repeat(in Command command, byte[]? reply) => reply ?? "expired"u8.ToArray();

    public static Command Count(string name, long time = 0, Guid? id = null, int keptFor = Command.DefaultKeptFor) =>
        new(id ?? Guid.NewGuid(), time, Encoding.UTF8.GetBytes(name), keptFor);

    public static long Value(ReplicatedStore store, string name) =>
        store.Read(c => c.Prepared("SELECT value FROM counters WHERE name = ?1").Number(name) ?? 0);

    public static List<(string Text, long Time)> Lines(ReplicatedStore store) =>
        store.Read(connection =>
        {
            List<(string, long)> lines = [];
            using var rows = connection.Prepared("SELECT text, time FROM lines ORDER BY rowid").Query();
            while (rows.Read())
            {
                lines.Add((rows.Text(0), rows.Int64(1)));
            }

            return lines;
        });
}

/// <summary>A directory of a test's own, gone with it.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("agora-replication-");

    public string this[string name] => Path.Combine(_directory.FullName, name);

    public void Dispose() => _directory.Delete(recursive: true);
}
