using Agora.Contracts.Customers;
using Agora.Replication;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>
/// The carts of sessions, and the carts that accounts have saved. Lines keep the order in which they were first added.
/// </summary>
internal sealed class Carts(SqliteConnection connection)
{
    /// <summary>
    /// How many different items a cart may hold. It bounds every purchase, every reservation and every reply.
    /// </summary>
    public const int MaxLines = 200;

    private const long OfSession = 0;
    private const long OfAccount = 1;

    private readonly Statement _lines = connection.Prepared(
        "SELECT item, quantity FROM cart_line WHERE kind = ?1 AND owner = ?2 ORDER BY position"
    );

    private readonly Statement _quantity = connection.Prepared(
        "SELECT quantity FROM cart_line WHERE kind = ?1 AND owner = ?2 AND item = ?3"
    );

    private readonly Statement _count = connection.Prepared(
        "SELECT COUNT(*) FROM cart_line WHERE kind = ?1 AND owner = ?2"
    );

    private readonly Statement _put = connection.Prepared(
        """
        INSERT INTO cart_line (kind, owner, item, quantity, position)
        VALUES (?1, ?2, ?3, ?4, (SELECT COALESCE(MAX(position), 0) + 1 FROM cart_line WHERE kind = ?1 AND owner = ?2))
        ON CONFLICT DO UPDATE SET quantity = excluded.quantity
        """
    );

    private readonly Statement _remove = connection.Prepared(
        "DELETE FROM cart_line WHERE kind = ?1 AND owner = ?2 AND item = ?3"
    );

    private readonly Statement _clear = connection.Prepared("DELETE FROM cart_line WHERE kind = ?1 AND owner = ?2");

    private readonly Statement _copy = connection.Prepared(
        """
        INSERT INTO cart_line (kind, owner, item, quantity, position)
        SELECT ?3, ?4, item, quantity, position FROM cart_line WHERE kind = ?1 AND owner = ?2
        """
    );

    public CustomersReply Add(SessionRow session, AddToCart command)
    {
        var held = _quantity.Number(OfSession, session.Id, command.ItemId);
        var wanted = (held ?? 0) + command.Quantity;
        if (wanted > Math.Min(command.Available, int.MaxValue))
        {
            // With what the cart holds already, so that the refusal can say how many units would be needed.
            CartEntry entry = new() { ItemId = command.ItemId, Quantity = (int)(held ?? 0) };
            return new CustomersReply
            {
                Error = CustomersError.NotEnoughUnits,
                Cart = new CartReply { Lines = { entry } },
            };
        }

        if (held is null && _count.Number(OfSession, session.Id) >= MaxLines)
        {
            return new CustomersReply { Error = CustomersError.CartFull };
        }

        _put.Run(OfSession, session.Id, command.ItemId, wanted);
        return Reply(session);
    }

    /// <summary>Removes the line when no unit is left.</summary>
    public CustomersReply Remove(SessionRow session, RemoveFromCart command)
    {
        if (_quantity.Number(OfSession, session.Id, command.ItemId) is not { } held)
        {
            return new CustomersReply { Error = CustomersError.NotInCart };
        }

        TakeUnits(OfSession, session.Id, command.ItemId, held, command.HasQuantity ? command.Quantity : held);
        return Reply(session);
    }

    /// <summary>The cart replaces what the account had saved before, even when the cart is empty.</summary>
    public CustomersReply Save(SessionRow session)
    {
        _clear.Run(OfAccount, session.Account);
        _copy.Run(OfSession, session.Id, OfAccount, session.Account);
        return Reply(session);
    }

    /// <summary>Empties the session's cart, and keeps the account's saved cart.</summary>
    public CustomersReply Clear(SessionRow session)
    {
        Remove(session.Id);
        return Reply(session);
    }

    public CartReply Read(long session)
    {
        var cart = new CartReply();
        using var rows = _lines.Query(OfSession, session);
        while (rows.Read())
        {
            cart.Lines.Add(new CartEntry { ItemId = rows.Text(0), Quantity = rows.Int32(1) });
        }

        return cart;
    }

    /// <summary>A new session starts with the account's saved cart.</summary>
    public void Restore(long session, long account) => _copy.Run(OfAccount, account, OfSession, session);

    public void Remove(long session) => _clear.Run(OfSession, session);

    /// <summary>
    /// Removes bought units from the session's cart, if the session is still there, and from the saved cart, so that
    /// they do not come back at the next login. Units that were added after the purchase began stay.
    /// </summary>
    public void TakeBought(long session, long account, string item, long quantity)
    {
        if (_quantity.Number(OfSession, session, item) is { } held)
        {
            TakeUnits(OfSession, session, item, held, quantity);
        }

        if (_quantity.Number(OfAccount, account, item) is { } saved)
        {
            TakeUnits(OfAccount, account, item, saved, quantity);
        }
    }

    private void TakeUnits(long kind, long owner, string item, long held, long quantity)
    {
        if (quantity < held)
        {
            _put.Run(kind, owner, item, held - quantity);
        }
        else
        {
            _remove.Run(kind, owner, item);
        }
    }

    private CustomersReply Reply(SessionRow session) => new() { Cart = Read(session.Id) };
}
