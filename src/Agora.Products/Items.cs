using System.Text.Json;
using Agora.Contracts.Products;
using Agora.Replication;
using Google.Protobuf.Collections;
using Microsoft.Data.Sqlite;

namespace Agora.Products;

/// <summary>Items with their keywords, price, units and feedback.</summary>
internal sealed class Items(SqliteConnection connection)
{
    private const string Columns =
        "number, category, name, keywords, condition, price, quantity, seller, thumbs_up, thumbs_down, version";

    private readonly Statement _find = connection.Prepared($"SELECT {Columns} FROM item WHERE number = ?1");

    private readonly Statement _ofSeller = connection.Prepared(
        $"SELECT {Columns} FROM item WHERE seller = ?1 AND number > ?2 ORDER BY number LIMIT ?3"
    );

    private readonly Statement _add = connection.Prepared(
        """
        INSERT INTO item (category, seller, name, keywords, condition, price, registered, quantity)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) RETURNING number
        """
    );

    private readonly Statement _addKeyword = connection.Prepared(
        "INSERT INTO keyword (category, keyword, number) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"
    );

    private readonly Statement _changePrice = connection.Prepared(
        "UPDATE item SET price = ?2, version = version + (price <> ?2) WHERE number = ?1"
    );

    private readonly Statement _addUnits = connection.Prepared(
        """
        UPDATE item SET quantity = quantity + ?2, registered = registered + ?2, version = version + 1
        WHERE number = ?1
        """
    );

    private readonly Statement _withdraw = connection.Prepared(
        """
        UPDATE item SET quantity = quantity - ?2, withdrawn = withdrawn + ?2, version = version + 1
        WHERE number = ?1
        """
    );

    private readonly Statement _reserve = connection.Prepared(
        "UPDATE item SET quantity = quantity - ?2, reserved = reserved + ?2, version = version + 1 WHERE number = ?1"
    );

    // A reader sees only the units on sale, so this change keeps the version.
    private readonly Statement _sell = connection.Prepared(
        "UPDATE item SET reserved = reserved - ?2, sold = sold + ?2 WHERE number = ?1"
    );

    private readonly Statement _addVote = connection.Prepared(
        "INSERT INTO vote (vote_id, category, number, rank) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
    );

    private readonly Statement _vote = connection.Prepared("SELECT sequence FROM vote WHERE vote_id = ?1");

    private readonly Statement _count = connection.Prepared(
        """
        UPDATE item SET thumbs_up = thumbs_up + ?2, thumbs_down = thumbs_down + 1 - ?2, version = version + 1
        WHERE number = ?1
        """
    );

    public ProductsReply Register(RegisterItem command)
    {
        var number = _add.Number(
            command.Category,
            command.SellerId,
            command.Name,
            JsonSerializer.Serialize(command.Keywords),
            (long)command.Condition,
            command.PriceCents,
            command.Quantity
        )!.Value;
        foreach (var keyword in command.SearchKeywords)
        {
            _addKeyword.Run(command.Category, keyword, number);
        }

        return new ProductsReply { Item = Get(number) };
    }

    public ProductsReply ChangePrice(ChangePrice command)
    {
        if (Refuse(command.ItemId, command.SellerId, command.IfVersion, out var number) is { } refusal)
        {
            return refusal;
        }

        _changePrice.Run(number, command.PriceCents);
        return new ProductsReply { Item = Get(number) };
    }

    public ProductsReply AddUnits(AddUnits command)
    {
        if (Refuse(command.ItemId, command.SellerId, command.IfVersion, out var number) is { } refusal)
        {
            return refusal;
        }

        _addUnits.Run(number, command.Quantity);
        return new ProductsReply { Item = Get(number) };
    }

    public ProductsReply Withdraw(WithdrawUnits command)
    {
        if (Refuse(command.ItemId, command.SellerId, command.IfVersion, out var number) is { } refusal)
        {
            return refusal;
        }

        var item = Get(number)!;
        if (item.Quantity < command.Quantity)
        {
            return new ProductsReply
            {
                Error = ProductsError.NotEnoughUnits,
                ItemId = item.ItemId,
                Available = item.Quantity,
                Item = item,
            };
        }

        _withdraw.Run(number, command.Quantity);
        return new ProductsReply { Item = Get(number) };
    }

    /// <summary>A vote that was counted before changes nothing; the reply is the item as it is now.</summary>
    public ProductsReply AddFeedback(AddFeedback command)
    {
        if (Find(command.ItemId, out var number) is not { } item)
        {
            return new ProductsReply { Error = ProductsError.NoSuchItem, ItemId = command.ItemId };
        }

        if (_addVote.Run(command.VoteId.Memory, item.Category, number, item.ThumbsDown - item.ThumbsUp) == 0)
        {
            return new ProductsReply { Item = item };
        }

        _count.Run(number, command.Up);
        return new ProductsReply { Item = Get(number) };
    }

    /// <summary>The reply to a vote whose id is known; null where it is not known.</summary>
    public ProductsReply? Repeat(AddFeedback command) =>
        Find(command.ItemId, out _) is { } item && _vote.Number(command.VoteId.Memory) is not null
            ? new ProductsReply { Item = item, Replayed = true }
            : null;

    /// <summary>Takes units off sale for a purchase; a negative quantity puts them back on sale.</summary>
    public void Reserve(long number, long quantity) => _reserve.Run(number, quantity);

    /// <summary>Reserved units are sold.</summary>
    public void Sell(long number, long quantity) => _sell.Run(number, quantity);

    /// <summary>The item with this id, whose two parts must both match; null where there is none.</summary>
    public ItemRecord? Find(string itemId, out long number)
    {
        var item = ItemId.TryParse(itemId, out var id) ? Get(id.Number) : null;
        number = id.Number;
        return item?.Category == id.Category ? item : null;
    }

    public ItemRecord? Get(long number)
    {
        using var rows = _find.Query(number);
        return rows.Read() ? Read(rows) : null;
    }

    /// <summary>The items that exist among these, in the order of their ids here.</summary>
    public ItemsReply FindAll(IEnumerable<string> itemIds)
    {
        var reply = new ItemsReply();
        reply.Items.AddRange(itemIds.Select(id => Find(id, out _)).OfType<ItemRecord>());
        return reply;
    }

    /// <summary>All items of a seller by number, sold-out items included.</summary>
    public ItemsReply OfSeller(long seller, string cursor, int limit)
    {
        // The seller is the query's fingerprint.
        Span<long> after = [0];
        if (cursor.Length > 0 && !PageCursor.TryDecode(cursor, seller, after))
        {
            return new ItemsReply { Error = ProductsError.InvalidCursor };
        }

        var reply = new ItemsReply();
        long last = 0;
        using var rows = _ofSeller.Query(seller, after[0], limit + 1);
        while (rows.Read())
        {
            if (reply.Items.Count == limit)
            {
                reply.NextCursor = PageCursor.Encode(seller, last);
                break;
            }

            reply.Items.Add(Read(rows));
            last = rows.Int64(0);
        }

        return reply;
    }

    private ProductsReply? Refuse(string itemId, long seller, RepeatedField<long> versions, out long number)
    {
        if (Find(itemId, out number) is not { } item)
        {
            return new ProductsReply { Error = ProductsError.NoSuchItem, ItemId = itemId };
        }

        if (item.SellerId != seller)
        {
            return new ProductsReply { Error = ProductsError.NotYours, ItemId = itemId };
        }

        return versions.Count == 0 || versions.Contains(item.Version)
            ? null
            : new ProductsReply { Error = ProductsError.ChangedMeanwhile, ItemId = itemId };
    }

    private static ItemRecord Read(SqlRows rows)
    {
        var item = new ItemRecord
        {
            ItemId = new ItemId(rows.Int32(1), rows.Int64(0)).ToString(),
            Category = rows.Int32(1),
            Name = rows.Text(2),
            Condition = (Condition)rows.Int32(4),
            PriceCents = rows.Int64(5),
            Quantity = rows.Int64(6),
            SellerId = rows.Int64(7),
            ThumbsUp = rows.Int64(8),
            ThumbsDown = rows.Int64(9),
            Version = rows.Int64(10),
        };
        item.Keywords.AddRange(JsonSerializer.Deserialize<string[]>(rows.Bytes(3)));
        return item;
    }
}
