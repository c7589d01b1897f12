using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>A session that exists and has the right role.</summary>
internal readonly record struct SessionRow(long Id, long Account, long LastUse);

/// <summary>
/// Sessions and their recorded last use. The record is at most <see cref="RenewAfter"/> behind the real last use, so
/// that not every call is a write; <see cref="ExpireAfter"/> allows for it. A session therefore lives at least five and
/// at most five and a half minutes after its last call. Only a command decides that a session has expired, and it
/// decides by the commands' time, which never runs backwards. So all replicas decide alike.
/// </summary>
/// <remarks>
/// An expired session is refused, but it is removed only when it has been expired for long. After an outage, commands
/// that waited for it arrive in any order. One that judges by a record from before the outage must not destroy a
/// session that was in use all the time: a replica has noted its uses (<see cref="SessionUses"/>), and the command that
/// records the last of them may come next. Nothing else moves the record of an expired session, so one that was not in
/// use stays expired.
/// </remarks>
internal sealed class Sessions(SqliteConnection connection, Accounts accounts, Carts carts)
{
    /// <summary>The next call renews a recorded use that is older than this.</summary>
    public const long RenewAfter = 30_000;

    /// <summary>A session is alive for so long after its last use.</summary>
    public const long LiveFor = 5 * 60_000;

    /// <summary>A recorded use older than this is the end of the session.</summary>
    public const long ExpireAfter = LiveFor + RenewAfter;

    /// <summary>
    /// A session whose recorded use is older than this is removed. An outage for longer may end sessions that are in
    /// use, if a login is ordered after it before their notes are.
    /// </summary>
    public const long SweepAfter = 60 * 60_000;

    /// <summary>
    /// A login adds one session and removes up to so many old ones. So their number falls, and no command takes
    /// long.
    /// </summary>
    private const int MaxSwept = 20;

    private readonly Statement _find = connection.Prepared(
        "SELECT id, account, last_use FROM session WHERE token_hash = ?1 AND role = ?2"
    );

    private readonly Statement _add = connection.Prepared(
        """
        INSERT INTO session (token_hash, account, role, last_use) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO NOTHING RETURNING id
        """
    );

    private readonly Statement _renew = connection.Prepared("UPDATE session SET last_use = ?2 WHERE id = ?1");

    private readonly Statement _remove = connection.Prepared("DELETE FROM session WHERE id = ?1");

    private readonly Statement _expired = connection.Prepared(
        "SELECT id FROM session WHERE last_use < ?1 ORDER BY last_use, id LIMIT ?2"
    );

    public CustomersReply Open(OpenSession command, long time)
    {
        if (accounts.RoleOf(command.AccountId) != command.Role)
        {
            return new CustomersReply { Error = CustomersError.NoSuchAccount };
        }

        Sweep(time);
        if (_add.Number(command.TokenHash.Memory, command.AccountId, (long)command.Role, time) is { } id)
        {
            carts.Restore(id, command.AccountId);
        }
        else if (Find(command.TokenHash, command.Role) is not { } same || same.Account != command.AccountId)
        {
            // Tokens are random, so a known token of the same account is a repeat of this command. The token of another
            // account's session opens nothing.
            return new CustomersReply { Error = CustomersError.NotLoggedIn };
        }

        return new CustomersReply { Session = new SessionReply { AccountId = command.AccountId } };
    }

    public CustomersReply Close(SessionRow session)
    {
        End(session.Id);
        return new CustomersReply { Session = new SessionReply { AccountId = session.Account } };
    }

    /// <summary>
    /// The session, after its use is recorded where the record was old. Null where there is none, or it has expired.
    /// </summary>
    public SessionRow? Use(Session named, long time)
    {
        if (Find(named) is not { } session)
        {
            return null;
        }

        var age = time - session.LastUse;
        if (age > ExpireAfter)
        {
            return null;
        }

        if (age > RenewAfter)
        {
            _renew.Run(session.Id, time);
        }

        return session;
    }

    /// <summary>
    /// Records a use that a replica saw some time ago, while nothing could be ordered. The replica knows that the
    /// session was alive then, from the uses that it saw before; null where it has ended since, or expired.
    /// </summary>
    /// <param name="named">The session.</param>
    /// <param name="usedAt">When it was used.</param>
    /// <param name="time">The command's time: no use is later.</param>
    public SessionRow? Touch(Session named, long usedAt, long time)
    {
        if (Find(named) is not { } session)
        {
            return null;
        }

        var lastUse = Math.Max(session.LastUse, Math.Min(usedAt, time));
        if (time - lastUse > ExpireAfter)
        {
            return null;
        }

        if (lastUse > session.LastUse)
        {
            _renew.Run(session.Id, lastUse);
        }

        return session;
    }

    /// <summary>
    /// Whether the record of the session's last use is so young that a query need not renew it. A record that lies
    /// ahead of the replica's clock by as much is not trusted.
    /// </summary>
    public static bool IsFresh(SessionRow session, long now) => Math.Abs(now - session.LastUse) <= RenewAfter;

    /// <summary>Whether a session whose last use is known is alive, at a replica that knows of all commands.</summary>
    /// <param name="lastUse">Its last use; one that lies ahead of the clock is not trusted.</param>
    /// <param name="now">The replica's time, not below that of any command.</param>
    public static bool IsAlive(long lastUse, long now) => now >= lastUse - RenewAfter && now <= lastUse + LiveFor;

    /// <summary>The session as recorded, expired or not.</summary>
    public SessionRow? Find(Session named) => Find(named.TokenHash, named.Role);

    private SessionRow? Find(ByteString tokenHash, Role role)
    {
        using var rows = _find.Query(tokenHash.Memory, (long)role);
        return rows.Read() ? new SessionRow(rows.Int64(0), rows.Int64(1), rows.Int64(2)) : null;
    }

    private void Sweep(long time)
    {
        Span<long> expired = stackalloc long[MaxSwept];
        var count = 0;
        using (var rows = _expired.Query(time - SweepAfter, MaxSwept))
        {
            while (rows.Read())
            {
                expired[count++] = rows.Int64(0);
            }
        }

        foreach (var id in expired[..count])
        {
            End(id);
        }
    }

    private void End(long id)
    {
        carts.Remove(id);
        _remove.Run(id);
    }
}
