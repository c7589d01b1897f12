using Agora.Contracts.Customers;
using Agora.Replication;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>Sessions' carts, and the ones that accounts have saved. Lines stand in the order in which they were first added.</summary>
internal sealed class Carts(SqliteConnection connection)
{
    /// <summary>Most different items in a cart: bounds every purchase, every reservation and every answer.</summary>
    public const int MostLines = 200;

    private const long OfSession = 0;
    private const long OfAccount = 1;

    private readonly Statement _lines = connection.Prepared(
        "SELECT item, quantity FROM cart_line WHERE kind = ?1 AND owner = ?2 ORDER BY position");

    private readonly Statement _quantity = connection.Prepared(
        "SELECT quantity FROM cart_line WHERE kind = ?1 AND owner = ?2 AND item = ?3");

    private readonly Statement _count = connection.Prepared("SELECT COUNT(*) FROM cart_line WHERE kind = ?1 AND owner = ?2");

    private readonly Statement _put = connection.Prepared("""
        INSERT INTO cart_line (kind, owner, item, quantity, position)
        VALUES (?1, ?2, ?3, ?4, (SELECT COALESCE(MAX(position), 0) + 1 FROM cart_line WHERE kind = ?1 AND owner = ?2))
        ON CONFLICT DO UPDATE SET quantity = excluded.quantity
        """);

    private readonly Statement _remove = connection.Prepared("DELETE FROM cart_line WHERE kind = ?1 AND owner = ?2 AND item = ?3");

    private readonly Statement _clear = connection.Prepared("DELETE FROM cart_line WHERE kind = ?1 AND owner = ?2");

    private readonly Statement _copy = connection.Prepared("""
        INSERT INTO cart_line (kind, owner, item, quantity, position)
        SELECT ?3, ?4, item, quantity, position FROM cart_line WHERE kind = ?1 AND owner = ?2
        """);

    public Reply Add(SessionRow session, AddToCart command)
    {
        var held = _quantity.Number(OfSession, session.Id, command.ItemId);
        var wanted = (held ?? 0) + command.Quantity;
        if (wanted > Math.Min(command.Available, int.MaxValue))
        {
            return Refusal.Of(Error.NotEnoughUnits);
        }

        if (held is null && _count.Number(OfSession, session.Id) >= MostLines)
        {
            return Refusal.Of(Error.CartFull);
        }

        _put.Run(OfSession, session.Id, command.ItemId, wanted);
        return Answer(session);
    }

    /// <summary>Removing as many units as there are, or more, removes the line.</summary>
    public Reply Remove(SessionRow session, RemoveFromCart command)
    {
        if (_quantity.Number(OfSession, session.Id, command.ItemId) is not { } held)
        {
            return Refusal.Of(Error.NotInCart);
        }

        Take(OfSession, session.Id, command.ItemId, held, command.HasQuantity ? command.Quantity : held);
        return Answer(session);
    }

    /// <summary>The cart replaces what the account had saved before; an empty one too.</summary>
    public Reply Save(SessionRow session)
    {
        _clear.Run(OfAccount, session.Account);
        _copy.Run(OfSession, session.Id, OfAccount, session.Account);
        return Answer(session);
    }

    /// <summary>What the account has saved stays.</summary>
    public Reply Clear(SessionRow session)
    {
        Drop(session.Id);
        return Answer(session);
    }

    public CartReply Read(long session)
    {
        var cart = new CartReply();
        using var rows = _lines.Query(OfSession, session);
        while (rows.Read())
        {
            cart.Lines.Add(new CartLine { ItemId = rows.Text(0), Quantity = rows.Int32(1) });
        }

        return cart;
    }

    /// <summary>A new session starts with the account's saved cart.</summary>
    public void Restore(long session, long account) => _copy.Run(OfAccount, account, OfSession, session);

    public void Drop(long session) => _clear.Run(OfSession, session);

    /// <summary>
    /// Bought units leave the cart they were bought from, where it still is, and the saved one, so that they do not come back
    /// at the next login. Units that were added since the purchase began stay.
    /// </summary>
    public void TakeBought(long session, long account, string item, long quantity)
    {
        if (_quantity.Number(OfSession, session, item) is { } held)
        {
            Take(OfSession, session, item, held, quantity);
        }

        if (_quantity.Number(OfAccount, account, item) is { } saved)
        {
            Take(OfAccount, account, item, saved, quantity);
        }
    }

    private void Take(long kind, long owner, string item, long held, long quantity)
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

    private Reply Answer(SessionRow session) => new() { Cart = Read(session.Id) };
}
