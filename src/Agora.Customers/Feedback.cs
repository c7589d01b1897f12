using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>Votes, one for each purchase of an item, kept until their item in the products database is known to have them, and after.</summary>
internal sealed class Feedback(SqliteConnection connection, Accounts accounts)
{
    private readonly Statement _find = connection.Prepared("SELECT buyer, vote_id, item, up FROM vote WHERE vote_id = ?1");

    private readonly Statement _add = connection.Prepared("INSERT INTO vote (vote_id, buyer, item, up, at) VALUES (?1, ?2, ?3, ?4, ?5)");

    private readonly Statement _oldestUnrated = connection.Prepared("""
        SELECT at, purchase, seller FROM bought
        WHERE buyer = ?1 AND item = ?2 AND rated = 0
        ORDER BY at, purchase LIMIT 1
        """);

    private readonly Statement _everBought = connection.Prepared("SELECT 1 FROM bought WHERE buyer = ?1 AND item = ?2 LIMIT 1");

    private readonly Statement _markRated = connection.Prepared(
        "UPDATE bought SET rated = 1 WHERE buyer = ?1 AND item = ?2 AND at = ?3 AND purchase = ?4");

    private readonly Statement _markForwarded = connection.Prepared("UPDATE vote SET forwarded = 1 WHERE vote_id = ?1 AND forwarded = 0");

    private readonly Statement _unforwarded = connection.Prepared(
        "SELECT buyer, vote_id, item, up FROM vote WHERE forwarded = 0 AND at < ?1 ORDER BY at, id LIMIT ?2");

    public Reply Record(SessionRow session, RecordVote command, long time)
    {
        if (Repeat(session, command) is { } known)
        {
            return known;
        }

        long at, purchase, seller;
        using (var rows = _oldestUnrated.Query(session.Account, command.ItemId))
        {
            if (!rows.Read())
            {
                return Refusal.Of(_everBought.Number(session.Account, command.ItemId) is null ? Error.NotPurchased : Error.AlreadyRated);
            }

            (at, purchase, seller) = (rows.Int64(0), rows.Int64(1), rows.Int64(2));
        }

        _markRated.Run(session.Account, command.ItemId, at, purchase);
        _add.Run(command.VoteId.Memory, session.Account, command.ItemId, command.Up, time);
        accounts.AddVote(seller, command.Up);
        return new Reply { Vote = new Vote { VoteId = command.VoteId, ItemId = command.ItemId, Up = command.Up } };
    }

    /// <summary>What is answered where the vote's id is known already, for ever; null where it is not.</summary>
    public Reply? Repeat(SessionRow session, RecordVote command)
    {
        if (Find(command.VoteId, out var buyer) is not { } known)
        {
            return null;
        }

        return buyer == session.Account && known.ItemId == command.ItemId && known.Up == command.Up
            ? new Reply { Vote = known, Replayed = true }
            : Refusal.Of(Error.KeyReused);
    }

    public void MarkForwarded(IEnumerable<ByteString> voteIds)
    {
        foreach (var id in voteIds)
        {
            _markForwarded.Run(id.Memory);
        }
    }

    /// <summary>Votes that their item may lack, recorded before a time, oldest first.</summary>
    public List<Vote> Unforwarded(long before, int limit)
    {
        var votes = new List<Vote>();
        using var rows = _unforwarded.Query(before, limit);
        while (rows.Read())
        {
            votes.Add(Read(rows));
        }

        return votes;
    }

    private Vote? Find(ByteString voteId, out long buyer)
    {
        using var rows = _find.Query(voteId.Memory);
        var found = rows.Read();
        buyer = found ? rows.Int64(0) : 0;
        return found ? Read(rows) : null;
    }

    private static Vote Read(SqlRows rows) => new()
    {
        VoteId = ByteString.CopyFrom(rows.Bytes(1)),
        ItemId = rows.Text(2),
        Up = rows.Bool(3),
    };
}
