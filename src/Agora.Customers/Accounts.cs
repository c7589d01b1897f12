using Agora.Contracts.Customers;
using Agora.Replication;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>Sellers' and buyers' accounts with their counts.</summary>
internal sealed class Accounts(SqliteConnection connection)
{
    private readonly Statement _add = connection.Prepared(
        """
        INSERT INTO account (role, username, username_key, name, password_hash)
        VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id
        """
    );

    private readonly Statement _byUsername = connection.Prepared(
        "SELECT id, password_hash FROM account WHERE role = ?1 AND username_key = ?2"
    );

    private readonly Statement _role = connection.Prepared("SELECT role FROM account WHERE id = ?1");

    private readonly Statement _rating = connection.Prepared(
        "SELECT thumbs_up, thumbs_down, units, role, name, username FROM account WHERE id = ?1"
    );

    private readonly Statement _addUnits = connection.Prepared("UPDATE account SET units = units + ?2 WHERE id = ?1");

    private readonly Statement _addVote = connection.Prepared(
        "UPDATE account SET thumbs_up = thumbs_up + ?2, thumbs_down = thumbs_down + 1 - ?2 WHERE id = ?1"
    );

    public CustomersReply Create(CreateAccount command)
    {
        if (_byUsername.Number((long)command.Role, command.UsernameKey) is not null)
        {
            return new CustomersReply { Error = CustomersError.UsernameTaken };
        }

        // Accounts are never deleted, so the next id is new.
        var id = _add.Number(
            (long)command.Role,
            command.Username,
            command.UsernameKey,
            command.Name,
            command.PasswordHash
        )!.Value;
        return new CustomersReply { AccountCreated = new AccountCreated { AccountId = id } };
    }

    public Role RoleOf(long account) => (Role)(_role.Number(account) ?? (long)Role.Unspecified);

    public void AddUnits(long account, long units) => _addUnits.Run(account, units);

    public void AddVote(long seller, bool up) => _addVote.Run(seller, up);

    public CredentialsReply Credentials(CredentialsQuery query)
    {
        using var rows = _byUsername.Query((long)query.Role, query.UsernameKey);
        return rows.Read()
            ? new CredentialsReply
            {
                Found = true,
                AccountId = rows.Int64(0),
                PasswordHash = rows.Text(1),
            }
            : new CredentialsReply();
    }

    /// <summary>
    /// The counts of the seller that the query names; of the session's own account where it names none.
    /// </summary>
    public RatingReply Rating(SessionRow? session, RatingQuery query)
    {
        var account = query.HasSellerId ? query.SellerId : session!.Value.Account;
        using var rows = _rating.Query(account);
        if (!rows.Read() || (query.HasSellerId && rows.Int32(3) != (int)Role.Seller))
        {
            return new RatingReply { Error = CustomersError.NoSuchSeller };
        }

        return new RatingReply
        {
            AccountId = account,
            ThumbsUp = rows.Int64(0),
            ThumbsDown = rows.Int64(1),
            Units = rows.Int64(2),
            Name = rows.Text(4),
            Username = query.HasSellerId ? "" : rows.Text(5),
        };
    }
}
