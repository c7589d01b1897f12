using System.Security.Cryptography;
using System.Text;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Agora.Testing;

/// <summary>A state machine over a database in memory; the test sets its clock.</summary>
public abstract class DatabaseUnderTest : IDisposable
{
    private readonly Func<IStateMachine> _create;
    private IStateMachine _machine;
    private long _requests;

    protected DatabaseUnderTest(Func<IStateMachine> create)
    {
        _create = create;
        _machine = create();
        Connection.Open();
        Connection.Handle!.enable_sqlite3_next_stmt(true);
        using var schema = Connection.CreateCommand();
        schema.CommandText = _machine.Schema;
        schema.ExecuteNonQuery();
        _machine.Open(Connection);
    }

    public SqliteConnection Connection { get; } = new("Data Source=:memory:");

    public long Time { get; set; } = 1_800_000_000_000;

    /// <summary>An id of a purchase, a vote or a cart: the same one for the same name.</summary>
    public static ByteString Id(string name) =>
        ByteString.CopyFrom(SHA256.HashData(Encoding.UTF8.GetBytes(name)), 0, 16);

    public void Dispose()
    {
        Connection.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A new state machine continues with the same tables, as after a restart of the process.</summary>
    public void Restart()
    {
        _machine = _create();
        _machine.Open(Connection);
    }

    /// <summary>Whether the reply to the last command is kept, which uses up its request id.</summary>
    public bool Kept { get; private set; }

    public byte[] Apply(byte[] payload)
    {
        var reply = _machine.Apply(Stamped(payload), out var keep);
        Kept = keep;
        return reply;
    }

    /// <summary>Repeats a command, with the reply that was kept or none.</summary>
    public byte[] Repeat(byte[] payload, byte[]? reply) => _machine.Repeat(Stamped(payload), reply);

    private Command Stamped(byte[] payload) => new(new Guid((int)++_requests, 0, 0, new byte[8]), Time, payload);

    /// <summary>The rows that a query returns, one in each line.</summary>
    public string Rows(string sql)
    {
        using var command = Connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new StringBuilder();
        while (reader.Read())
        {
            for (var i = 0; i < reader.FieldCount; i++)
            {
                rows.Append(reader.GetValue(i) is byte[] blob ? Convert.ToHexString(blob) : reader.GetValue(i))
                    .Append('|');
            }

            rows.Append('\n');
        }

        return rows.ToString();
    }

    public long Number(string sql) => long.Parse(Rows(sql).TrimEnd('\n', '|'), provider: null);

    /// <summary>Every row of every table, in the order of its key.</summary>
    public string Everything()
    {
        var all = new StringBuilder();
        foreach (var table in TableNames())
        {
            all.Append(table).Append('\n').Append(Rows($"SELECT * FROM {table}"));
        }

        return all.ToString();
    }

    private string[] TableNames() =>
        Rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
            .Split("|\n", StringSplitOptions.RemoveEmptyEntries);

    /// <summary>
    /// SQLite's plan of every statement that has been prepared so far: one line for each step, after its statement.
    /// </summary>
    public IEnumerable<string> Plans()
    {
        var texts = new List<string>();
        for (
            var statement = raw.sqlite3_next_stmt(Connection.Handle, null!);
            statement is { IsInvalid: false };
            statement = raw.sqlite3_next_stmt(Connection.Handle, statement)
        )
        {
            texts.Add(raw.sqlite3_sql(statement).utf8_to_string());
        }

        return texts
            .SelectMany(text =>
                Rows("EXPLAIN QUERY PLAN " + text)
                    .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Select(step => $"{text} => {step}")
            )
            .ToList();
    }
}
