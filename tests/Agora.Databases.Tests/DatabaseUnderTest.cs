using System.Text;
using Agora.Replication;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Agora.Databases.Tests;

/// <summary>A state machine over a database in memory, its clock in the test's hand.</summary>
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

    public void Dispose()
    {
        Connection.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A new state machine goes on over the same tables, as after the process's restart.</summary>
    public void Restart()
    {
        _machine = _create();
        _machine.Open(Connection);
    }

    /// <summary>Whether the request id of the last command is used up.</summary>
    public bool Kept { get; private set; }

    public byte[] Apply(byte[] payload)
    {
        var reply = _machine.Apply(Stamped(payload), out var keep);
        Kept = keep;
        return reply;
    }

    /// <summary>A command that comes again, with the reply that was kept or none.</summary>
    public byte[] Repeat(byte[] payload, byte[]? reply) => _machine.Repeat(Stamped(payload), reply);

    private Command Stamped(byte[] payload) => new(new Guid((int)++_requests, 0, 0, new byte[8]), Time, payload);

    /// <summary>The rows that a query returns, one a line.</summary>
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
                rows.Append(reader.GetValue(i) is byte[] blob ? Convert.ToHexString(blob) : reader.GetValue(i)).Append('|');
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

    /// <summary>How SQLite goes about every statement that has been prepared so far: one line a step, behind its statement.</summary>
    public IEnumerable<string> Plans()
    {
        var texts = new List<string>();
        for (var statement = raw.sqlite3_next_stmt(Connection.Handle, null!);
            statement is { IsInvalid: false };
            statement = raw.sqlite3_next_stmt(Connection.Handle, statement))
        {
            texts.Add(raw.sqlite3_sql(statement).utf8_to_string());
        }

        return texts
            .SelectMany(text => Rows("EXPLAIN QUERY PLAN " + text).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(step => $"{text} => {step}"))
            .ToList();
    }
}
