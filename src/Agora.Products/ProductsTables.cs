using Microsoft.Data.Sqlite;

namespace Agora.Products;

/// <summary>
/// The tables through one connection: the writer's for commands, a reader's for queries. A statement is prepared when
/// it is first used, so a reader never prepares the writer's statements.
/// </summary>
internal sealed class ProductsTables
{
    public ProductsTables(SqliteConnection connection)
    {
        Items = new Items(connection);
        Reservations = new Reservations(connection, Items);
        Search = new Search(connection, Items);
    }

    public Items Items { get; }

    public Reservations Reservations { get; }

    public Search Search { get; }
}
