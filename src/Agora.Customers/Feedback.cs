using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>
/// Votes, one for each purchase of an item. A vote counts for the seller here, and is then forwarded to its item in the
/// products database. It is kept for ever, so that a repeat is known.
/// </summary>
internal sealed class Feedback(SqliteConnection connection, Accounts accounts)
{
    private readonly Statement _find = connection.Prepared(
        "SELECT buyer, vote_id, item, up FROM vote WHERE vote_id = ?1"
    );

    private readonly Statement _add = connection.Prepared(
        "INSERT INTO vote (vote_id, buyer, item, up, at) VALUES (?1, ?2, ?3, ?4, ?5)"
    );

    private readonly Statement _oldestUnrated = connection.Prepared(
        """
        SELECT at, purchase, seller FROM bought
        WHERE buyer = ?1 AND item = ?2 AND rated = 0
        ORDER BY at, purchase LIMIT 1
        """
    );

    private readonly Statement _everBought = connection.Prepared(
        "SELECT 1 FROM bought WHERE buyer = ?1 AND item = ?2 LIMIT 1"
    );

    private readonly Statement _markRated = connection.Prepared(
        "UPDATE bought SET rated = 1 WHERE buyer = ?1 AND item = ?2 AND at = ?3 AND purchase = ?4"
    );

    private readonly Statement _markForwarded = connection.Prepared(
        "UPDATE vote SET forwarded = 1 WHERE vote_id = ?1 AND forwarded = 0"
    );

    private readonly Statement _unforwarded = connection.Prepared(
        "SELECT buyer, vote_id, item, up FROM vote WHERE forwarded = 0 AND at < ?1 ORDER BY at, id LIMIT ?2"
    );

    public CustomersReply Record(SessionRow session, RecordVote command, long time)
    {
        if (Repeat(session, command) is { } known)
        {
            return known;
        }

        long at,
            purchase,
            seller;
        using (var rows = _oldestUnrated.Query(session.Account, command.ItemId))
        {
            if (!rows.Read())
            {
                return new CustomersReply
                {
                    Error = _everBought.Number(session.Account, command.ItemId) is null
                        ? CustomersError.NotPurchased
                        : CustomersError.AlreadyRated,
                };
            }

            (at, purchase, seller) = (rows.Int64(0), rows.Int64(1), rows.Int64(2));
        }

        _markRated.Run(session.Account, command.ItemId, at, purchase);
        _add.Run(command.VoteId.Memory, session.Account, command.ItemId, command.Up, time);
        accounts.AddVote(seller, command.Up);
        return new CustomersReply
        {
            Vote = new Vote
            {
                VoteId = command.VoteId,
                ItemId = command.ItemId,
                Up = command.Up,
            },
        };
    }

    /// <summary>The reply to a vote whose id is known; null where it is not known. Ids are known for ever.</summary>
    public CustomersReply? Repeat(SessionRow session, RecordVote command)
    {
        if (Find(command.VoteId, out var buyer) is not { } known)
        {
            return null;
        }

        return buyer == session.Account && known.ItemId == command.ItemId && known.Up == command.Up
            ? new CustomersReply { Vote = known, Replayed = true }
            : new CustomersReply { Error = CustomersError.KeyReused };
    }

    public void MarkForwarded(IEnumerable<ByteString> voteIds)
    {
        foreach (var id in voteIds)
        {
            _markForwarded.Run(id.Memory);
        }
    }

    /// <summary>
    /// Votes recorded before a time that may not have reached their item, oldest first.
    /// </summary>
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

    private static Vote Read(SqlRows rows) =>
        new()
        {
            VoteId = ByteString.CopyFrom(rows.Bytes(1)),
            ItemId = rows.Text(2),
            Up = rows.Bool(3),
        };
}
