using Agora.Backups;
using Agora.Contracts.Customers;
using Agora.Contracts.Payments;
using Agora.Contracts.Products;
using Xunit;

namespace Agora.Tests.Backups;

/// <summary>
/// Customers are copied first. What products and payments do for a purchase, a vote or a seller that the copy does not
/// know is undone in their copies; what it knows stays.
/// </summary>
public sealed class BackupBooksTests : IDisposable
{
    private readonly BooksUnderTest _books = new();
    private readonly long _seller;
    private readonly long _buyer;
    private readonly string _item;

    public BackupBooksTests()
    {
        _seller = _books.Account(Role.Seller, "sam");
        _buyer = _books.Account(Role.Buyer, "bea");
        _item = _books.Item(_seller);
    }

    public void Dispose() => _books.Dispose();

    [Fact]
    public void What_customers_completed_before_their_copy_stays_whether_its_units_are_sold_or_still_reserved()
    {
        var sold = _books.Buy(_buyer, _item);
        var reserved = _books.Reserve(_buyer, _item);
        _books.Complete(reserved);
        Copy();

        using var books = _books.Open();
        Assert.Equal(new UndoneWork(0, 0, 0, 0), books.Settle());
        Assert.Empty(books.Problems());
        Assert.Equal(["8 1 1"], _books.OfProducts("SELECT quantity, reserved, sold FROM item"));
        Assert.Equal(
            [BooksUnderTest.Hex(sold.Id), BooksUnderTest.Hex(reserved.Id)],
            _books.OfPayments(Approved("ORDER BY rowid"))
        );
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void A_purchase_that_customers_decide_after_their_copy_gives_units_and_money_back(
        bool isCompleted,
        bool isConfirmed
    )
    {
        var before = _books.Buy(_buyer, _item);
        var other = _books.Item(_seller);
        _books.CopyCustomers();
        var order = _books.Reserve(_buyer, _item, other);
        if (isCompleted)
        {
            _books.Complete(order);
        }

        if (isConfirmed)
        {
            _books.Confirm(order);
        }

        _books.CopyProducts();
        _books.CopyPayments();
        using var books = _books.Open();
        Assert.NotEmpty(books.Problems());

        Assert.Equal(new UndoneWork(Purchases: 1, Charges: 1, Votes: 0, Items: 0), books.Settle());

        Assert.Empty(books.Problems());
        Assert.Equal(
            ["9 0 1", "10 0 0"],
            _books.OfProducts("SELECT quantity, reserved, sold FROM item ORDER BY number")
        );
        Assert.Equal([BooksUnderTest.Hex(before.Id)], _books.OfPayments(Approved()));

        // A repeat under its key finds it released, and so abandons it.
        Assert.Equal(ProductsError.Released, _books.GoOn(new() { Reserve = order.Request }).Error);
        var again = order.Request.Clone();
        again.PurchaseId = Google.Protobuf.ByteString.CopyFrom(new byte[16]);
        Assert.NotNull(_books.GoOn(new() { Reserve = again }).Reservation);
    }

    /// <summary>The bank answers between the copy of products and that of payments.</summary>
    [Fact]
    public void A_charge_of_a_purchase_that_products_do_not_know_yet_is_cancelled()
    {
        _books.CopyCustomers();
        _books.CopyProducts();
        _books.Buy(_buyer, _item);
        _books.CopyPayments();
        using var books = _books.Open();

        Assert.Equal(new UndoneWork(Purchases: 0, Charges: 1, Votes: 0, Items: 0), books.Settle());

        Assert.Empty(books.Problems());
        Assert.Empty(_books.OfPayments(Approved()));
    }

    [Fact]
    public void A_vote_that_customers_do_not_know_goes_and_the_ranks_behind_it_are_as_without_it()
    {
        for (var i = 0; i < 5; i++)
        {
            _books.Buy(_buyer, _item);
        }

        var first = _books.Vote(_buyer, _item, up: true);
        var late = _books.Vote(_buyer, _item, up: true);
        _books.CopyCustomers();
        var unknown = _books.Vote(_buyer, _item, up: false);
        var unknownToo = _books.Vote(_buyer, _item, up: true);
        _books.Forward(first, _item, up: true);
        _books.Forward(unknown, _item, up: false);
        _books.Forward(unknownToo, _item, up: true);
        _books.Forward(late, _item, up: true);
        _books.CopyProducts();
        _books.CopyPayments();
        using var books = _books.Open();
        Assert.NotEmpty(books.Problems());

        Assert.Equal(new UndoneWork(Purchases: 0, Charges: 0, Votes: 2, Items: 0), books.Settle());

        Assert.Empty(books.Problems());
        Assert.Equal(["2 0"], _books.OfProducts("SELECT thumbs_up, thumbs_down FROM item"));
        Assert.Equal(
            [$"{BooksUnderTest.Hex(first)} 0", $"{BooksUnderTest.Hex(late)} -1"],
            _books.OfProducts("SELECT lower(hex(vote_id)), rank FROM vote ORDER BY sequence")
        );
    }

    [Fact]
    public void An_item_of_a_seller_that_customers_do_not_know_goes_with_all_that_was_bought_of_it()
    {
        _books.CopyCustomers();
        var stranger = _books.Account(Role.Seller, "sue");
        var strange = _books.Item(stranger);
        _books.Buy(_buyer, _item, strange);
        _books.Forward(_books.Vote(_buyer, strange, up: true), strange, up: true);
        _books.CopyProducts();
        _books.CopyPayments();
        using var books = _books.Open();

        Assert.Equal(new UndoneWork(Purchases: 1, Charges: 1, Votes: 1, Items: 1), books.Settle());

        Assert.Empty(books.Problems());
        Assert.Equal(["1 10 0 0"], _books.OfProducts("SELECT number, quantity, reserved, sold FROM item"));
        Assert.Equal(["1"], _books.OfProducts("SELECT number FROM keyword"));

        // The next account gets the same id: it must not own what another one registered.
        Assert.Equal(
            strange,
            _books
                .GoOn(
                    new()
                    {
                        RegisterItem = new()
                        {
                            SellerId = _seller,
                            Name = "new",
                            Category = BooksUnderTest.Category,
                            Condition = Condition.New,
                            PriceCents = 1,
                            Quantity = 1,
                        },
                    }
                )
                .Item.ItemId
        );
    }

    private void Copy()
    {
        _books.CopyCustomers();
        _books.CopyProducts();
        _books.CopyPayments();
    }

    private static string Approved(string order = "") =>
        $"SELECT id FROM transactions WHERE state = {(int)TransactionState.Approved} {order}";
}
