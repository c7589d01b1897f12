using System.Buffers;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Agora.Replication;

/// <summary>
/// One SQL statement, prepared at its first use on its connection and kept. State machines and queries run a handful of
/// these per call on every replica. So binding and reading go straight to SQLite: no boxing, no reader object, no
/// allocation but for the text and blobs that are read. Parameters are <c>?1</c>, <c>?2</c>, … in the order of the
/// arguments. Like its connection, it is not for several threads at a time.
/// </summary>
/// <remarks>
/// It takes no part in <see cref="SqliteTransaction"/>: it runs in whatever transaction is open on the connection.
/// </remarks>
public sealed class Statement(SqliteConnection connection, string sql) : IDisposable
{
    private sqlite3_stmt? _statement;

    /// <summary>Runs the statement to its end, and returns how many rows it changed.</summary>
    public int Run(params ReadOnlySpan<SqlValue> parameters)
    {
        using var rows = Query(parameters);
        while (rows.Read()) { }

        return raw.sqlite3_changes(Database);
    }

    /// <summary>
    /// Runs the statement and returns the integer in the first column of its first row, or null where there is no row
    /// or it is NULL.
    /// </summary>
    public long? Number(params ReadOnlySpan<SqlValue> parameters)
    {
        using var rows = Query(parameters);
        return rows.Read() && !rows.IsNull(0) ? rows.Int64(0) : null;
    }

    /// <summary>Starts the statement; the rows must be disposed before it is used again.</summary>
    public SqlRows Query(params ReadOnlySpan<SqlValue> parameters)
    {
        var statement = _statement ??= Prepare();
        for (var i = 0; i < parameters.Length; i++)
        {
            Check(parameters[i].Bind(statement, i + 1));
        }

        return new SqlRows(this, statement);
    }

    /// <inheritdoc/>
    public void Dispose() => _statement?.Dispose();

    private sqlite3 Database => connection.Handle ?? throw new InvalidOperationException("The connection is closed.");

    private sqlite3_stmt Prepare()
    {
        const uint SqlitePreparePersistent = 1;
        Check(raw.sqlite3_prepare_v3(Database, sql, SqlitePreparePersistent, out var statement));
        return statement;
    }

    internal bool Step(sqlite3_stmt statement)
    {
        var result = raw.sqlite3_step(statement);
        if (result is raw.SQLITE_ROW)
        {
            return true;
        }

        if (result is not raw.SQLITE_DONE)
        {
            Check(result);
        }

        return false;
    }

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, connection.Handle);
}

/// <summary>The rows of a running <see cref="Statement"/>, one at a time.</summary>
public readonly ref struct SqlRows
{
    private readonly Statement _owner;
    private readonly sqlite3_stmt _statement;

    internal SqlRows(Statement owner, sqlite3_stmt statement) => (_owner, _statement) = (owner, statement);

    /// <summary>Moves to the next row; false after the last.</summary>
    public bool Read() => _owner.Step(_statement);

    /// <summary>The column holds no value.</summary>
    public bool IsNull(int column) => raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL;

    /// <summary>The column's integer.</summary>
    public long Int64(int column) => raw.sqlite3_column_int64(_statement, column);

    /// <summary>The column's integer, which is known to be small.</summary>
    public int Int32(int column) => raw.sqlite3_column_int(_statement, column);

    /// <summary>The column's integer, other than 0.</summary>
    public bool Bool(int column) => raw.sqlite3_column_int(_statement, column) != 0;

    /// <summary>The column's text.</summary>
    public string Text(int column) => Encoding.UTF8.GetString(Bytes(column));

    /// <summary>The column's blob, or the UTF-8 of its text; valid until the next row.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(_statement, column);

    /// <summary>Ends the run, so that the statement holds no lock and no reference to what was bound.</summary>
    public void Dispose()
    {
        // The result repeats the error of the last step, which has been thrown already.
        _ = raw.sqlite3_reset(_statement);
        _ = raw.sqlite3_clear_bindings(_statement);
    }
}

/// <summary>A parameter's value.</summary>
public readonly struct SqlValue
{
    private readonly Kind _kind;
    private readonly long _integer;
    private readonly string? _text;
    private readonly ReadOnlyMemory<byte> _blob;

    private enum Kind : byte
    {
        Null,
        Integer,
        Text,
        Blob,
    }

    private SqlValue(long integer) => (_kind, _integer) = (Kind.Integer, integer);

    private SqlValue(string? text) => (_kind, _text) = (text is null ? Kind.Null : Kind.Text, text);

    private SqlValue(ReadOnlyMemory<byte> blob) => (_kind, _blob) = (Kind.Blob, blob);

    /// <summary>No value.</summary>
    public static SqlValue Null => default;

    /// <summary>An integer.</summary>
    public static implicit operator SqlValue(long value) => new(value);

    /// <summary>0 or 1.</summary>
    public static implicit operator SqlValue(bool value) => new(value ? 1L : 0L);

    /// <summary>Text, or NULL.</summary>
    public static implicit operator SqlValue(string? value) => new(value);

    /// <summary>A blob.</summary>
    public static implicit operator SqlValue(ReadOnlyMemory<byte> value) => new(value);

    internal int Bind(sqlite3_stmt statement, int index)
    {
        // An empty span has no address, which SQLite takes for NULL: hence the two special cases.
        switch (_kind)
        {
            case Kind.Integer:
                return raw.sqlite3_bind_int64(statement, index, _integer);
            case Kind.Text when _text!.Length == 0:
                return raw.sqlite3_bind_text(statement, index, "");
            case Kind.Text:
                return BindText(statement, index, _text!);
            case Kind.Blob when _blob.IsEmpty:
                return raw.sqlite3_bind_zeroblob(statement, index, 0);
            case Kind.Blob:
                return raw.sqlite3_bind_blob(statement, index, _blob.Span);
            default:
                return raw.sqlite3_bind_null(statement, index);
        }
    }

    private static int BindText(sqlite3_stmt statement, int index, string text)
    {
        const int OnStack = 512;
        var maxBytes = Encoding.UTF8.GetMaxByteCount(text.Length);
        var rented = maxBytes > OnStack ? ArrayPool<byte>.Shared.Rent(maxBytes) : null;
        var buffer = rented ?? stackalloc byte[OnStack];
        var result = raw.sqlite3_bind_text(statement, index, buffer[..Encoding.UTF8.GetBytes(text, buffer)]);
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return result;
    }
}
