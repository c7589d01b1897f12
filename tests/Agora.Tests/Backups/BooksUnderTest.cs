using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Agora.Backups;
using Agora.Contracts.Customers;
using Agora.Contracts.Payments;
using Agora.Contracts.Products;
using Agora.Customers;
using Agora.Products;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Agora.Tests.Backups;

/// <summary>
/// Both databases with their real state machines, and the payment service's table: what a back-up copies, at the
/// moments that a test chooses.
/// </summary>
internal sealed class BooksUnderTest : IDisposable
{
    public const long Price = 500;
    public const int Category = 3;

    private readonly Scratch _scratch = new();
    private readonly ReplicatedStore _customers;
    private readonly ReplicatedStore _products;
    private readonly SqliteConnection _payments;

    private long _position;
    private long _session;

    public BooksUnderTest()
    {
        _customers = ReplicatedStore.Open(_scratch["customers"], new CustomersStateMachine());
        _products = ReplicatedStore.Open(_scratch["products"], new ProductsStateMachine());
        _payments = new SqliteConnection($"Data Source={_scratch["payments.live"]};Pooling=False");
        _payments.Open();
        Pay(
            "CREATE TABLE transactions "
                + "(id TEXT PRIMARY KEY, state INTEGER, amount_in_cents INTEGER, decided_at INTEGER)"
        );
    }

    public string Customers => _scratch["customers.db"];

    public string Products => _scratch["products.db"];

    public string Payments => _scratch["payments.db"];

    public void Dispose()
    {
        _customers.Dispose();
        _products.Dispose();
        _payments.Dispose();
        _scratch.Dispose();
    }

    public void CopyCustomers() => _customers.Snapshot(Customers);

    public void CopyProducts() => _products.Snapshot(Products);

    public void CopyPayments() => Pay($"VACUUM INTO '{Payments}'");

    /// <summary>Makes the files of the copies say which cluster they are of, as those of replicas do.</summary>
    public void Own(string cluster)
    {
        foreach (var (file, database) in ((string, string)[])[(Customers, "customers"), (Products, "products")])
        {
            using SqliteConnection copy = new($"Data Source={file};Pooling=False");
            copy.Open();
            using Statement insert = new(
                copy,
                "INSERT OR REPLACE INTO replication_owner VALUES (1, ?1, ?2, ?3, 'Raft', 0, 5)"
            );
            insert.Run((long)DatabaseCopy.FormatVersion, cluster, database);
        }
    }

    public BackupBooks Open() => new(Customers, Products, Payments);

    public long Account(Role role, string name) =>
        Customer(
            new()
            {
                CreateAccount = new()
                {
                    Role = role,
                    Name = name,
                    Username = name,
                    UsernameKey = name,
                    PasswordHash = "hash",
                },
            }
        ).AccountCreated.AccountId;

    public string Item(long seller, int quantity = 10) =>
        Product(
            new()
            {
                RegisterItem = new()
                {
                    SellerId = seller,
                    Name = "thing",
                    Category = Category,
                    Condition = Condition.New,
                    PriceCents = Price,
                    Quantity = quantity,
                    Keywords = { "thing" },
                    SearchKeywords = { "thing" },
                },
            }
        ).Item.ItemId;

    /// <summary>One unit of each item is reserved, and the charge approved.</summary>
    public Order Reserve(long buyer, params string[] items)
    {
        var cart = new byte[24];
        BinaryPrimitives.WriteInt64BigEndian(cart, ++_session);
        BinaryPrimitives.WriteInt64BigEndian(cart.AsSpan(8), buyer);
        var id = ByteString.CopyFrom(Guid.NewGuid().ToByteArray());
        var reserve = new Reserve
        {
            PurchaseId = id,
            CartId = ByteString.CopyFrom(cart),
            Fingerprint = 1,
        };
        reserve.Lines.Add(items.Select(item => new ReservationLine { ItemId = item, Quantity = 1 }));
        var reserved = Product(new() { Reserve = reserve }).Reservation;
        Assert.NotNull(reserved);
        Pay(
            string.Create(
                CultureInfo.InvariantCulture,
                $"INSERT INTO transactions VALUES ('{Hex(id)}', "
                    + $"{(int)TransactionState.Approved}, {reserved.TotalCents}, 1)"
            )
        );
        return new Order(reserve, reserved);
    }

    public void Complete(Order order)
    {
        var complete = new CompletePurchase
        {
            PurchaseId = order.Id,
            CartId = order.Request.CartId,
            Fingerprint = 1,
        };
        complete.Lines.Add(
            order.Reserved.Lines.Select(line => new PurchaseRecordLine
            {
                ItemId = line.ItemId,
                Quantity = line.Quantity,
                UnitPriceCents = line.UnitPriceCents,
                SellerId = line.SellerId,
            })
        );
        Assert.Equal(PurchaseState.Completed, Customer(new() { CompletePurchase = complete }).Purchase.State);
    }

    public void Confirm(Order order) =>
        Assert.Empty(Product(new() { Confirm = new() { PurchaseIds = { order.Id } } }).Confirmed.RefusedIds);

    public Order Buy(long buyer, params string[] items)
    {
        var order = Reserve(buyer, items);
        Complete(order);
        Confirm(order);
        return order;
    }

    /// <summary>Votes for something that the buyer has bought, at customers; returns the vote's id.</summary>
    public ByteString Vote(long buyer, string item, bool up)
    {
        var token = ByteString.CopyFrom(Guid.NewGuid().ToByteArray().Concat(new byte[16]).ToArray());
        Customer(
            new()
            {
                OpenSession = new()
                {
                    Role = Role.Buyer,
                    AccountId = buyer,
                    TokenHash = token,
                },
            }
        );
        var vote = ByteString.CopyFrom(Guid.NewGuid().ToByteArray());
        var reply = Customer(
            new()
            {
                RecordVote = new()
                {
                    Session = new() { TokenHash = token, Role = Role.Buyer },
                    ItemId = item,
                    Up = up,
                    VoteId = vote,
                },
            }
        );
        Assert.Equal(CustomersError.None, reply.Error);
        return vote;
    }

    public void Forward(ByteString vote, string item, bool up) =>
        Product(
            new()
            {
                AddFeedback = new()
                {
                    VoteId = vote,
                    ItemId = item,
                    Up = up,
                },
            }
        );

    /// <summary>Runs a query on the copy of products.</summary>
    public IReadOnlyList<string> OfProducts(string sql) => Rows(Products, sql);

    /// <summary>Runs a query on the copy of payments.</summary>
    public IReadOnlyList<string> OfPayments(string sql) => Rows(Payments, sql);

    /// <summary>The products database, going on from its copy.</summary>
    public ProductsReply GoOn(ProductsCommand command)
    {
        using var restored = ReplicatedStore.Open(_scratch[$"restored-{Guid.NewGuid():N}"], new ProductsStateMachine());
        var copy = _scratch[$"{Guid.NewGuid():N}.db"];
        File.Copy(Products, copy);
        restored.Restore(copy);
        return ProductsReply.Parser.ParseFrom(Apply(restored, command).Span);
    }

    public static string Hex(ByteString id) => Convert.ToHexStringLower(id.Span);

    private CustomersReply Customer(CustomersCommand command) =>
        CustomersReply.Parser.ParseFrom(Apply(_customers, command).Span);

    private ProductsReply Product(ProductsCommand command) =>
        ProductsReply.Parser.ParseFrom(Apply(_products, command).Span);

    private ReadOnlyMemory<byte> Apply(ReplicatedStore store, IMessage command)
    {
        var replies = new ReadOnlyMemory<byte>[1];
        store.Apply(
            _position = Math.Max(_position, store.Applied) + 1,
            [new Command(Guid.NewGuid(), 1_000_000 + _position, command.ToByteArray())],
            replies
        );
        return replies[0];
    }

    private void Pay(string sql)
    {
        using var command = _payments.CreateCommand();
#pragma warning disable CA2100 // This file's own text.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    private static List<string> Rows(string path, string sql)
    {
        using SqliteConnection file = new($"Data Source={path};Pooling=False;Mode=ReadOnly");
        file.Open();
        using var command = file.CreateCommand();
#pragma warning disable CA2100 // The tests' own text.
        command.CommandText = sql;
#pragma warning restore CA2100
        using var rows = command.ExecuteReader();
        List<string> found = [];
        while (rows.Read())
        {
            StringBuilder row = new();
            for (var i = 0; i < rows.FieldCount; i++)
            {
                row.Append(i > 0 ? " " : "").Append(CultureInfo.InvariantCulture, $"{rows.GetValue(i)}");
            }

            found.Add(row.ToString());
        }

        return found;
    }

    /// <summary>A purchase whose units are reserved.</summary>
    public sealed record Order(Reserve Request, Reservation Reserved)
    {
        public ByteString Id => Request.PurchaseId;
    }
}
