using System.Globalization;
using Agora.Contracts.Payments;
using Agora.Replication;
using Microsoft.Data.Sqlite;

namespace Agora.Backups;

/// <summary>
/// The books of a back-up: the copies of both databases and of payments, in files of their own.
/// </summary>
/// <remarks>
/// <para>The three are copied one after the other while they run, customers first. Customers decide about purchases:
/// what they have not decided by then has not happened in a restored marketplace. What products and payments did
/// for it in the moments between the copies is undone in their copies (<see cref="Settle"/>). Without that, a purchase
/// that was completed in between would be charged and sold, and no buyer would have it.</para>
/// <para>Why nothing else is missing. A purchase is completed by customers only after products have reserved its units
/// and payments have approved its charge. Both are copied later, so what customers completed is there with its units
/// and its charge. An abandoned one is released only after its charge is cancelled. What customers decided and products
/// have not carried out yet is an open reservation, and the buyer servers of the restored marketplace settle it as they
/// settle what a dead server left.</para>
/// <para>The tables are those of the two state machines and of the payment service. They are read here in SQL, because
/// no process that runs has all three.</para>
/// </remarks>
internal sealed class BackupBooks : IDisposable
{
    // Of a reservation: made, confirmed, released.
    private const string Undecided = """
        SELECT r.purchase_id FROM reservation r
        WHERE r.state IN (0, 1) AND NOT EXISTS (SELECT 1 FROM c.purchase p WHERE p.purchase_id = r.purchase_id)
        """;

    private const string CompletedIds = "SELECT lower(hex(purchase_id)) FROM c.purchase WHERE state = 1";

    // Transactions with other ids are not of purchases.
    private static readonly string s_orphanCharges = string.Create(
        CultureInfo.InvariantCulture,
        $"""
        state = {(int)TransactionState.Approved} AND length(id) = 32 AND id NOT GLOB '*[^0-9a-f]*'
            AND id NOT IN ({CompletedIds})
        """
    );

    private readonly SqliteConnection _books;

    /// <param name="customers">The file of the customers database.</param>
    /// <param name="products">The file of the products database.</param>
    /// <param name="payments">The file of the payment service.</param>
    public BackupBooks(string customers, string products, string payments)
    {
        _books = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = products,
                Mode = SqliteOpenMode.ReadWrite,
                Pooling = false,
            }.ToString()
        );
        try
        {
            _books.Open();
            Run("PRAGMA temp_store = MEMORY");
            Run("ATTACH ?1 AS c", customers);
            Run("ATTACH ?1 AS m", payments);
        }
        catch
        {
            _books.Dispose();
            throw;
        }
    }

    /// <summary>Undoes in products and payments what the older copy of customers does not know.</summary>
    public UndoneWork Settle()
    {
        Run("BEGIN IMMEDIATE");
        UndoneWork undone = new(Release(), Cancel(), Forget(), Withdraw());
        Run("COMMIT");
        return undone;
    }

    /// <summary>Where the books do not balance, as sentences.</summary>
    public IReadOnlyList<string> Problems()
    {
        (string Sql, string What)[] checks =
        [
            (
                """
                SELECT count(*) FROM c.purchase p WHERE p.state = 1 AND NOT EXISTS (
                    SELECT 1 FROM reservation r WHERE r.purchase_id = p.purchase_id AND r.state IN (0, 1))
                """,
                "completed purchases have no units in products"
            ),
            (
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"""
                    SELECT count(*) FROM c.purchase p
                    LEFT JOIN m.transactions t ON t.id = lower(hex(p.purchase_id))
                    WHERE p.state = 1
                        AND (t.state IS NOT {(int)TransactionState.Approved} OR t.amount_in_cents <> p.total)
                    """
                ),
                "completed purchases are not charged with their total"
            ),
            ($"SELECT count(*) FROM m.transactions WHERE {s_orphanCharges}", "charges are of no completed purchase"),
            ($"SELECT count(*) FROM ({Undecided})", "purchases have units, and customers have not decided them"),
            (
                """
                SELECT count(*) FROM reservation r JOIN c.purchase p ON p.purchase_id = r.purchase_id
                WHERE r.state = 1 AND p.state <> 1
                """,
                "purchases are sold in products and abandoned in customers"
            ),
            (
                """
                SELECT count(*) FROM vote v
                WHERE NOT EXISTS (SELECT 1 FROM c.vote o WHERE o.vote_id = v.vote_id)
                """,
                "votes count in products and are unknown to customers"
            ),
            (
                """
                WITH lines AS (
                    SELECT l.number,
                        sum(iif(r.state = 0, l.quantity, 0)) AS reserved,
                        sum(iif(r.state = 1, l.quantity, 0)) AS sold
                    FROM reservation_line l JOIN reservation r ON r.purchase_id = l.purchase_id
                    GROUP BY l.number)
                SELECT count(*) FROM item i LEFT JOIN lines ON lines.number = i.number
                WHERE i.reserved <> coalesce(lines.reserved, 0) OR i.sold <> coalesce(lines.sold, 0)
                """,
                "items have reserved or sold units that are of no purchase"
            ),
            (
                "SELECT count(*) FROM item WHERE seller NOT IN (SELECT id FROM c.account)",
                "items are of sellers without an account"
            ),
        ];
        return
        [
            .. checks
                .Select(check => (Count: Number(check.Sql), check.What))
                .Where(found => found.Count > 0)
                .Select(found => string.Create(CultureInfo.InvariantCulture, $"{found.Count} {found.What}")),
        ];
    }

    public void Dispose() => _books.Dispose();

    // As the products database releases a reservation, and also where it is confirmed.
    private int Release()
    {
        Run($"CREATE TEMP TABLE undecided AS {Undecided}");
        Run(
            """
            UPDATE item SET
                quantity = quantity + u.reserved + u.sold,
                reserved = item.reserved - u.reserved,
                sold = item.sold - u.sold,
                version = version + 1
            FROM (
                SELECT l.number,
                    sum(iif(r.state = 0, l.quantity, 0)) AS reserved,
                    sum(iif(r.state = 1, l.quantity, 0)) AS sold
                FROM reservation_line l JOIN reservation r ON r.purchase_id = l.purchase_id
                WHERE l.purchase_id IN (SELECT purchase_id FROM undecided)
                GROUP BY l.number) u
            WHERE item.number = u.number
            """
        );
        Run("DELETE FROM reservation_line WHERE purchase_id IN (SELECT purchase_id FROM undecided)");
        return Run("UPDATE reservation SET state = 2 WHERE purchase_id IN (SELECT purchase_id FROM undecided)");
    }

    private int Cancel() =>
        Run(
            string.Create(
                CultureInfo.InvariantCulture,
                $"UPDATE m.transactions SET state = {(int)TransactionState.Cancelled} WHERE {s_orphanCharges}"
            )
        );

    // A vote's direction follows from the item's rank before it and behind it. The ranks of the votes behind one that
    // goes are as if it had never been.
    private int Forget()
    {
        var forgotten = 0;
        foreach (
            var item in Numbers(
                """
                SELECT DISTINCT number FROM vote v
                WHERE NOT EXISTS (SELECT 1 FROM c.vote o WHERE o.vote_id = v.vote_id)
                """
            )
        )
        {
            var votes = VotesOf(item);
            var last = Number("SELECT rank FROM item WHERE number = ?1", item);
            var (ups, downs, shift) = (0, 0, 0L);
            for (var i = 0; i < votes.Count; i++)
            {
                var (sequence, rank, isKnown) = votes[i];
                var step = (i + 1 < votes.Count ? votes[i + 1].Rank : last) - rank;
                if (isKnown)
                {
                    Run("UPDATE vote SET rank = rank - ?2 WHERE sequence = ?1", sequence, shift);
                    continue;
                }

                Run("DELETE FROM vote WHERE sequence = ?1", sequence);
                (ups, downs) = step < 0 ? (ups + 1, downs) : (ups, downs + 1);
                shift += step;
            }

            Run(
                """
                UPDATE item SET thumbs_up = thumbs_up - ?2, thumbs_down = thumbs_down - ?3, version = version + 1
                WHERE number = ?1
                """,
                item,
                ups,
                downs
            );
            forgotten += ups + downs;
        }

        return forgotten;
    }

    // Their numbers are given again, like those of all items that were registered after the back-up.
    private int Withdraw()
    {
        const string Unknown = "SELECT number FROM item WHERE seller NOT IN (SELECT id FROM c.account)";
        Run($"DELETE FROM keyword WHERE number IN ({Unknown})");
        Run($"DELETE FROM vote WHERE number IN ({Unknown})");
        return Run($"DELETE FROM item WHERE number IN ({Unknown})");
    }

    private List<(long Sequence, long Rank, bool IsKnown)> VotesOf(long item)
    {
        using Statement select = new(
            _books,
            """
            SELECT v.sequence, v.rank, EXISTS (SELECT 1 FROM c.vote o WHERE o.vote_id = v.vote_id)
            FROM vote v WHERE v.number = ?1 ORDER BY v.sequence
            """
        );
        using var rows = select.Query(item);
        List<(long, long, bool)> votes = [];
        while (rows.Read())
        {
            votes.Add((rows.Int64(0), rows.Int64(1), rows.Bool(2)));
        }

        return votes;
    }

    private List<long> Numbers(string sql)
    {
        using Statement select = new(_books, sql);
        using var rows = select.Query();
        List<long> numbers = [];
        while (rows.Read())
        {
            numbers.Add(rows.Int64(0));
        }

        return numbers;
    }

    private long Number(string sql, params ReadOnlySpan<SqlValue> values)
    {
        using Statement select = new(_books, sql);
        return select.Number(values) ?? 0;
    }

    private int Run(string sql, params ReadOnlySpan<SqlValue> values)
    {
        using Statement statement = new(_books, sql);
        return statement.Run(values);
    }
}
