using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>A digest of a replica's whole state at one position.</summary>
/// <param name="Position">The applied position that it belongs to.</param>
/// <param name="Sha256">Hexadecimal SHA-256 over every table.</param>
public readonly record struct StateDigest(long Position, string Sha256)
{
    // Tables by name, rows by primary key, values with their types: the layout of the file does not count. SQLite's own
    // tables and those in which a full-text index keeps itself are left out: both depend on the history of
    // transactions. So is the owner's table, which differs by its purpose.
    internal static StateDigest Compute(SqliteConnection connection)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var table in Tables(connection))
        {
            AppendTable(connection, hash, table);
        }

        var position = connection.Prepared("SELECT applied FROM replication_state").Number() ?? -1;
        return new StateDigest(position, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static List<string> Tables(SqliteConnection connection)
    {
        List<string> tables = [];
        using var rows = connection
            .Prepared(
                """
                SELECT name FROM pragma_table_list
                WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
                    AND name <> 'replication_owner'
                ORDER BY name
                """
            )
            .Query();
        while (rows.Read())
        {
            tables.Add(rows.Text(0));
        }

        return tables;
    }

    private static void AppendTable(SqliteConnection connection, IncrementalHash hash, string table)
    {
        List<(string Name, long KeyOrder)> columns = [];
        using (var rows = connection.Prepared("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid").Query(table))
        {
            while (rows.Read())
            {
                columns.Add((rows.Text(0), rows.Int64(1)));
            }
        }

        // A row number that SQLite chose may change with VACUUM: where there is no key, the whole row decides the
        // order.
        List<(string Name, long KeyOrder)> order = [.. columns.Where(c => c.KeyOrder > 0).OrderBy(c => c.KeyOrder)];
        var list = string.Join(", ", columns.Select(c => Quoted(c.Name)));
        var by = string.Join(", ", (order.Count > 0 ? order : columns).Select(c => Quoted(c.Name)));
        Append(hash, 'T', Encoding.UTF8.GetBytes(table));
        using var select = connection.CreateCommand();
#pragma warning disable CA2100 // Names from the schema, quoted.
        select.CommandText = $"SELECT {list} FROM {Quoted(table)} ORDER BY {by}";
#pragma warning restore CA2100
        using var reader = select.ExecuteReader();
        while (reader.Read())
        {
            Append(hash, 'R', []);
            for (var i = 0; i < columns.Count; i++)
            {
                AppendValue(hash, reader.GetValue(i));
            }
        }
    }

    private static void AppendValue(IncrementalHash hash, object value)
    {
        Span<byte> number = stackalloc byte[sizeof(long)];
        switch (value)
        {
            case long integer:
                BinaryPrimitives.WriteInt64LittleEndian(number, integer);
                Append(hash, 'i', number);
                break;
            case double real:
                BinaryPrimitives.WriteDoubleLittleEndian(number, real);
                Append(hash, 'd', number);
                break;
            case string text:
                Append(hash, 's', Encoding.UTF8.GetBytes(text));
                break;
            case byte[] blob:
                Append(hash, 'b', blob);
                break;
            default:
                Append(hash, '0', []);
                break;
        }
    }

    // The length in front keeps two neighbours from passing as two others.
    private static void Append(IncrementalHash hash, char kind, ReadOnlySpan<byte> bytes)
    {
        Span<byte> head = stackalloc byte[1 + sizeof(int)];
        head[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(head[1..], bytes.Length);
        hash.AppendData(head);
        hash.AppendData(bytes);
    }

    private static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
