using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Google.Protobuf;
using Xunit;

namespace Agora.Evaluation.Tests;

/// <summary>
/// One seller with one item of 10 units, of which 1 was withdrawn and 2 were sold to one buyer, who paid 10.00, gave a
/// thumb up and has saved a cart. Each test changes one thing.
/// </summary>
public sealed class AuditTests
{
    private readonly SellerAnswers _seller = new("sam") { AccountId = 1 };
    private readonly BuyerAnswers _buyer = new("bea") { AccountId = 2 };
    private readonly OwnItem _own = new("bike", 10, 5.00m) { Withdrawn = 1 };
    private readonly ItemRecord _item = new()
    {
        ItemId = "3-1",
        Name = "bike",
        PriceCents = 500,
        Quantity = 7,
        SellerId = 1,
        ThumbsUp = 1,
    };
    private readonly PurchaseRecord _purchase = new()
    {
        PurchaseId = Id(1),
        State = PurchaseState.Completed,
        TotalCents = 1000,
        Lines =
        {
            new PurchaseRecordLine
            {
                ItemId = "3-1",
                Quantity = 2,
                UnitPriceCents = 500,
                SellerId = 1,
            },
        },
    };
    private readonly Dictionary<string, long> _charges = new() { [Hex(1)] = 1000 };
    private SellerBook _sellersBook;
    private BuyerBook _buyersBook;

    public AuditTests()
    {
        _seller.Items.Add("3-1", _own);
        _buyer.Receipts.Add(
            new()
            {
                PurchaseId = Hex(1),
                Lines =
                [
                    new()
                    {
                        ItemId = "3-1",
                        Quantity = 2,
                        UnitPrice = 5m,
                    },
                ],
                Total = 10m,
            }
        );
        _buyer.Votes.Add("3-1", new(1, 0, 0));
        _buyer.SavedCart = new() { ["3-1"] = 4 };
        _sellersBook = new(1, 1, 0, 2, [_item]);
        _buyersBook = new(2, 2, [_purchase], new Dictionary<string, int> { ["3-1"] = 4 });
    }

    [Fact]
    public void Books_that_agree_with_all_answers_balance() => Assert.Empty(Wrong());

    [Fact]
    public void A_lost_unit_is_found()
    {
        _item.Quantity = 6;
        Finds("item 3-1: 10 units registered, but 6 on sale + 1 withdrawn + 2 sold");
    }

    [Fact]
    public void A_unit_too_many_is_found()
    {
        _item.Quantity = 8;
        Finds("10 units registered, but 8 on sale");
    }

    [Fact]
    public void A_withdrawal_without_an_answer_may_have_happened_or_not()
    {
        _own.MaybeWithdrawn = 1;
        Assert.Empty(Wrong());
        _item.Quantity = 6;
        Assert.Empty(Wrong());
        _item.Quantity = 5;
        Finds("perhaps withdrawn");
    }

    [Fact]
    public void A_lost_item_is_found()
    {
        _sellersBook = _sellersBook with { Items = [], ItemsSold = 0, ThumbsUp = 0 };
        Finds("item 3-1 was registered by sam, and is not there");
    }

    [Fact]
    public void An_item_that_nobody_registered_is_found()
    {
        _sellersBook = _sellersBook with { Items = [_item, new() { ItemId = "3-2", Name = "bike" }] };
        Finds("item 3-2 of sam is there, and was never registered");
    }

    [Fact]
    public void An_item_whose_registration_was_not_answered_may_be_there_once()
    {
        _seller.MaybeItems.Add(new("lamp", 5, 1m));
        Assert.Empty(Wrong());
        _sellersBook = _sellersBook with
        {
            Items =
            [
                _item,
                new()
                {
                    ItemId = "3-2",
                    Name = "lamp",
                    PriceCents = 100,
                    Quantity = 5,
                },
            ],
        };
        Assert.Empty(Wrong());
        _sellersBook = _sellersBook with
        {
            Items =
            [
                .. _sellersBook.Items,
                new()
                {
                    ItemId = "3-3",
                    Name = "lamp",
                    PriceCents = 100,
                    Quantity = 5,
                },
            ],
        };
        Finds("item 3-3 of sam is there, and was never registered, or twice");
    }

    [Fact]
    public void A_lost_change_of_price_is_found()
    {
        _own.Price = 6m;
        Finds("item 3-1 costs 5.00, and its price was set to 6.00");
        _own.Price = null;
        Assert.Empty(Wrong());
    }

    [Fact]
    public void A_lost_purchase_is_found()
    {
        _buyersBook = _buyersBook with { Purchases = [], ItemsPurchased = 0 };
        Finds($"purchase {Hex(1)} was answered to bea, and is not in the history");
        Finds($"transaction {Hex(1)} is charged (10.00), and no purchase belongs to it");
    }

    [Fact]
    public void A_purchase_that_is_not_charged_is_found()
    {
        _charges.Clear();
        Finds($"purchase {Hex(1)} is completed, and its charge is not approved");
    }

    [Fact]
    public void A_charge_of_another_amount_is_found()
    {
        _charges[Hex(1)] = 999;
        Finds($"the charge of purchase {Hex(1)} in cents: 999, but 1000 in the history");
    }

    [Fact]
    public void A_second_charge_is_found()
    {
        _charges[Hex(9)] = 1000;
        Finds($"transaction {Hex(9)} is charged (10.00), and no purchase belongs to it");
    }

    [Fact]
    public void A_purchase_with_other_lines_than_answered_is_found()
    {
        _purchase.Lines[0].UnitPriceCents = 400;
        Finds($"purchase {Hex(1)} is not in the history as it was answered");
        Finds("the total of purchase");
    }

    [Fact]
    public void A_purchase_without_a_receipt_is_found_unless_an_answer_is_missing()
    {
        _buyer.Receipts.Clear();
        Finds("bea has 1 purchases without a receipt");
        _buyer.MaybePurchases = 1;
        Assert.Empty(Wrong());
    }

    [Fact]
    public void A_purchase_that_is_twice_in_the_history_is_found()
    {
        _buyersBook = _buyersBook with { Purchases = [_purchase, _purchase] };
        Finds($"purchase {Hex(1)} is twice in the history of bea");
    }

    [Fact]
    public void A_sale_of_an_item_that_no_seller_has_is_found()
    {
        _purchase.Lines[0].ItemId = "8-8";
        Finds("item 8-8 was bought, and no seller has it");
    }

    [Fact]
    public void Counts_that_disagree_with_the_histories_are_found()
    {
        _sellersBook = _sellersBook with { ItemsSold = 3 };
        _buyersBook = _buyersBook with { ItemsPurchased = 1 };
        Finds("itemsSold of sam: 3, but 2 in all histories");
        Finds("itemsPurchased of bea: 1, but 2 in the history");
    }

    [Fact]
    public void A_lost_vote_is_found_on_the_item_and_on_the_seller()
    {
        _item.ThumbsUp = 0;
        Finds("item 3-1 has +0 -0, and was given +1 -0");
        Finds("thumbs up of sam: 1, but 0 of all its items");
    }

    [Fact]
    public void A_vote_that_counts_twice_is_found_unless_an_answer_is_missing()
    {
        _item.ThumbsUp = 2;
        _sellersBook = _sellersBook with { ThumbsUp = 2 };
        Finds("item 3-1 has +2 -0, and was given +1 -0");
        _buyer.Votes["3-1"] = new(1, 0, 1);
        Assert.Empty(Wrong());
    }

    [Fact]
    public void Another_saved_cart_than_the_answered_one_is_found()
    {
        _buyer.SavedCart = new() { ["3-1"] = 3 };
        Finds("the saved cart of bea holds 4 of 3-1, and should hold 3 of 3-1");
        _buyer.SavedCart = [];
        Finds("should hold nothing");
        _buyer.SavedCart = null;
        Assert.Empty(Wrong());
    }

    [Fact]
    public void A_lost_account_is_found_even_where_nothing_else_was_done()
    {
        Books books = new(
            [new(null, 0, 0, 0, [])],
            [new(null, 0, [], new Dictionary<string, int>())],
            new Dictionary<string, long>()
        );

        Assert.Equal(
            ["the account ann was created, and is not there", "the account bob was created, and is not there"],
            Audit.Of([new("ann") { AccountId = 7 }], [new("bob") { AccountId = 8 }], books)
        );
    }

    [Fact]
    public void An_answer_that_contradicts_an_earlier_one_is_wrong()
    {
        _buyer.Contradictions.Add("DisplayCart shows another cart");
        Finds("DisplayCart shows another cart (bea)");
    }

    private IReadOnlyList<string> Wrong() =>
        Audit.Of([_seller], [_buyer], new([_sellersBook], [_buyersBook], _charges));

    private void Finds(string what) => Assert.Contains(Wrong(), line => line.Contains(what, StringComparison.Ordinal));

    private static ByteString Id(byte number) => ByteString.CopyFrom([.. new byte[15], number]);

    private static string Hex(byte number) => Convert.ToHexStringLower(Id(number).Span);
}
