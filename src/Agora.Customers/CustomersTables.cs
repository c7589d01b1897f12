using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>
/// The tables through one connection: the writer's for commands, a reader's for queries. A statement is prepared when
/// it is first used, so a reader never prepares the writer's statements.
/// </summary>
internal sealed class CustomersTables
{
    public CustomersTables(SqliteConnection connection)
    {
        Accounts = new Accounts(connection);
        Carts = new Carts(connection);
        Sessions = new Sessions(connection, Accounts, Carts);
        Purchases = new Purchases(connection, Accounts, Carts);
        Feedback = new Feedback(connection, Accounts);
    }

    public Accounts Accounts { get; }

    public Sessions Sessions { get; }

    public Carts Carts { get; }

    public Purchases Purchases { get; }

    public Feedback Feedback { get; }
}
