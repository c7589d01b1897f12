using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>A session that is known and has the right role.</summary>
internal readonly record struct SessionRow(long Id, long Account, long LastUse);

/// <summary>
/// Sessions and their recorded last use. The record lags behind the real last use by at most <see cref="RenewAfter"/>, so that
/// not every call is a write; <see cref="ExpireAfter"/> makes up for it. A session so lives at least five and at most five and
/// a half minutes after the last call on it. Only commands decide that one has expired, by the commands' time, which never
/// runs backwards: all replicas decide alike, and what has expired stays so.
/// </summary>
internal sealed class Sessions(SqliteConnection connection, Accounts accounts, Carts carts)
{
    /// <summary>A recorded use older than this is renewed by the next call.</summary>
    public const long RenewAfter = 30_000;

    /// <summary>A recorded use older than this is the end of the session.</summary>
    public const long ExpireAfter = 5 * 60_000 + RenewAfter;

    /// <summary>A login adds one session and sweeps away up to so many expired ones: their number falls, and no command takes long.</summary>
    private const int SweepAtMost = 20;

    private readonly Statement _find = connection.Prepared(
        "SELECT id, account, last_use FROM session WHERE token_hash = ?1 AND role = ?2");

    private readonly Statement _add = connection.Prepared(
        "INSERT INTO session (token_hash, account, role, last_use) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING RETURNING id");

    private readonly Statement _renew = connection.Prepared("UPDATE session SET last_use = ?2 WHERE id = ?1");

    private readonly Statement _remove = connection.Prepared("DELETE FROM session WHERE id = ?1");

    private readonly Statement _expired = connection.Prepared(
        "SELECT id FROM session WHERE last_use < ?1 ORDER BY last_use, id LIMIT ?2");

    public Reply Open(OpenSession command, long time)
    {
        if (accounts.RoleOf(command.AccountId) != command.Role)
        {
            return Refusal.Of(Error.NoSuchAccount);
        }

        Sweep(time);
        if (_add.Number(command.TokenHash.Memory, command.AccountId, (long)command.Role, time) is { } id)
        {
            carts.Restore(id, command.AccountId);
        }
        else if (Find(command.TokenHash, command.Role) is not { } same || same.Account != command.AccountId)
        {
            // Tokens are random, so this one is a repeat of the command; a token of somebody else's session opens nothing.
            return Refusal.Of(Error.NotLoggedIn);
        }

        return new Reply { Session = new SessionReply { AccountId = command.AccountId } };
    }

    public Reply Close(SessionRow session)
    {
        End(session.Id);
        return new Reply { Session = new SessionReply { AccountId = session.Account } };
    }

    /// <summary>The session, its use recorded where the record is old; null where there is none, or it had expired and is ended.</summary>
    public SessionRow? Use(Session named, long time)
    {
        if (Find(named) is not { } session)
        {
            return null;
        }

        var age = time - session.LastUse;
        if (age > ExpireAfter)
        {
            End(session.Id);
            return null;
        }

        if (age > RenewAfter)
        {
            _renew.Run(session.Id, time);
        }

        return session;
    }

    /// <summary>
    /// Whether a query may take the session for alive by a replica's own clock. Where it may not, the commands' time decides. A record that
    /// lies ahead of the clock by as much is not trusted either, so a replica whose clock is wrong never keeps a session alive.
    /// </summary>
    public static bool IsFresh(SessionRow session, long now) => Math.Abs(now - session.LastUse) <= RenewAfter;

    /// <summary>The session as recorded, expired or not.</summary>
    public SessionRow? Find(Session named) => Find(named.TokenHash, named.Role);

    private SessionRow? Find(ByteString tokenHash, Role role)
    {
        using var rows = _find.Query(tokenHash.Memory, (long)role);
        return rows.Read() ? new SessionRow(rows.Int64(0), rows.Int64(1), rows.Int64(2)) : null;
    }

    private void Sweep(long time)
    {
        Span<long> expired = stackalloc long[SweepAtMost];
        var count = 0;
        using (var rows = _expired.Query(time - ExpireAfter, SweepAtMost))
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
        carts.Drop(id);
        _remove.Run(id);
    }
}
