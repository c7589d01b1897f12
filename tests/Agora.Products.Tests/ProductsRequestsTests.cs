using Agora.Contracts.Products;
using Agora.Testing;
using Google.Protobuf;
using Grpc.Core;
using Xunit;

namespace Agora.Products.Tests;

/// <summary>
/// The service refuses what the state machine takes for granted before it is ordered: an exception in the state machine
/// would stop every replica.
/// </summary>
public sealed class ProductsRequestsTests
{
    private static readonly ByteString s_id = DatabaseUnderTest.Id("x");
    private static readonly ReservationLine s_wanted = new() { ItemId = "1-1", Quantity = 1 };

    private static ProductsCommand[] Right =>
        [
            new() { RegisterItem = Item() },
            new() { RegisterItem = Item(item => item.SearchKeywords[0] = new string('k', 192)) },
            new() { RegisterItem = Item(item => item.Keywords.Add("k")) },
            new()
            {
                AddUnits = new()
                {
                    ItemId = "any",
                    Quantity = int.MaxValue,
                    IfVersion = { Enumerable.Range(0, 200).Select(i => (long)i) },
                },
            },
            new()
            {
                Reserve = new()
                {
                    PurchaseId = s_id,
                    CartId = s_id,
                    Lines = { s_wanted },
                    Fingerprint = 65_535,
                    ExpectedTotalCents = 0,
                },
            },
            new()
            {
                ChangePrice = new() { ItemId = "", PriceCents = 1 },
            },
            new()
            {
                WithdrawUnits = new() { ItemId = "any", Quantity = 1 },
            },
            new()
            {
                Reserve = new()
                {
                    PurchaseId = s_id,
                    CartId = s_id,
                    Lines = { s_wanted, s_wanted },
                },
            },
            new() { Confirm = new() { PurchaseIds = { Enumerable.Repeat(s_id, 50) } } },
            new() { Confirm = new() },
            new() { Release = new() { PurchaseId = s_id } },
            new()
            {
                AddFeedback = new() { ItemId = "1-1", VoteId = s_id },
            },
        ];

    private static ProductsCommand?[] Wrong =>
        [
            null,
            new(),
            new() { RegisterItem = Item(item => item.Name = "") },
            new() { RegisterItem = Item(item => item.Name = new string('n', 257)) },
            new() { RegisterItem = Item(item => item.Category = -1) },
            new() { RegisterItem = Item(item => item.Keywords.Add("")) },
            new() { RegisterItem = Item(item => item.Keywords.Add(new string('k', 65))) },
            new() { RegisterItem = Item(item => item.Keywords.AddRange(Enumerable.Repeat("k", 16))) },
            new() { RegisterItem = Item(item => item.SearchKeywords.Clear()) },
            new() { RegisterItem = Item(item => item.SearchKeywords.Add("l")) },
            new() { RegisterItem = Item(item => item.SearchKeywords[0] = "") },
            new() { RegisterItem = Item(item => item.SearchKeywords[0] = new string('k', 193)) },
            new() { RegisterItem = Item(item => item.Condition = Condition.Unspecified) },
            new() { RegisterItem = Item(item => item.Condition = (Condition)3) },
            new() { RegisterItem = Item(item => item.PriceCents = 0) },
            new() { RegisterItem = Item(item => item.Quantity = -1) },
            new()
            {
                ChangePrice = new() { ItemId = "1-1", PriceCents = 0 },
            },
            new()
            {
                WithdrawUnits = new() { ItemId = "1-1", Quantity = 0 },
            },
            new()
            {
                WithdrawUnits = new() { ItemId = "1-1", Quantity = -5 },
            },
            new()
            {
                WithdrawUnits = new()
                {
                    ItemId = "1-1",
                    Quantity = 1,
                    IfVersion = { new long[201] },
                },
            },
            new()
            {
                ChangePrice = new()
                {
                    ItemId = "1-1",
                    PriceCents = 1,
                    IfVersion = { new long[201] },
                },
            },
            new()
            {
                AddUnits = new()
                {
                    ItemId = "1-1",
                    Quantity = 1,
                    IfVersion = { new long[201] },
                },
            },
            new()
            {
                AddUnits = new() { ItemId = "1-1", Quantity = 0 },
            },
            new()
            {
                AddUnits = new() { ItemId = "1-1", Quantity = -1 },
            },
            new()
            {
                Reserve = new()
                {
                    PurchaseId = s_id,
                    CartId = s_id,
                    Lines = { s_wanted },
                    Fingerprint = 65_536,
                },
            },
            new()
            {
                Reserve = new()
                {
                    PurchaseId = s_id,
                    CartId = s_id,
                    Lines = { s_wanted },
                    ExpectedTotalCents = -1,
                },
            },
            new()
            {
                Reserve = new() { PurchaseId = s_id, CartId = s_id },
            },
            new()
            {
                Reserve = new() { CartId = s_id, Lines = { s_wanted } },
            },
            new()
            {
                Reserve = new()
                {
                    PurchaseId = s_id,
                    CartId = s_id,
                    Lines =
                    {
                        new ReservationLine { ItemId = "1-1", Quantity = -1 },
                    },
                },
            },
            new()
            {
                Reserve = new()
                {
                    PurchaseId = s_id,
                    CartId = s_id,
                    Lines = { Enumerable.Repeat(s_wanted, 201) },
                },
            },
            new()
            {
                Reserve = new() { PurchaseId = s_id, Lines = { s_wanted } },
            },
            new()
            {
                Reserve = new()
                {
                    PurchaseId = s_id,
                    CartId = ByteString.CopyFrom(new byte[65]),
                    Lines = { s_wanted },
                },
            },
            new() { Confirm = new() { PurchaseIds = { s_id, ByteString.Empty } } },
            new() { Confirm = new() { PurchaseIds = { Enumerable.Repeat(s_id, 51) } } },
            new() { Release = new() },
            new() { AddFeedback = new() { ItemId = "1-1" } },
        ];

    public static IEnumerable<TheoryDataRow<int>> EachWrong() =>
        Enumerable.Range(0, Wrong.Length).Select(i => new TheoryDataRow<int>(i));

    [Fact]
    public void Every_kind_of_command_is_let_through_and_applied_where_its_shape_is_right()
    {
        using var db = new ProductsUnderTest();
        Assert.All(
            Right,
            command =>
            {
                Check(command);
                db.Do(command);
            }
        );
        Assert.Equal(
            ProductsCommand.Descriptor.Oneofs[0].Fields.Count,
            Right.Select(command => command.KindCase).Distinct().Count()
        );
    }

    [Theory]
    [MemberData(nameof(EachWrong))]
    public void A_wrong_command_is_refused(int index) => Refused(() => Check(Wrong[index]));

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    public void A_request_id_has_sixteen_bytes(int length)
    {
        var id = ByteString.CopyFrom(new byte[length]);
        Refused(() => ProductsRequests.Check(new ProductsRequest { RequestId = id, Command = Right[0] }));
    }

    [Theory]
    [InlineData(0, 50)]
    [InlineData(1, 1)]
    [InlineData(200, 200)]
    [InlineData(201, null)]
    [InlineData(-1, null)]
    public void A_page_has_1_to_200_rows_and_50_by_default(int limit, int? rows)
    {
        if (rows is null)
        {
            Refused(() => ProductsRequests.Limit(limit));
            return;
        }

        Assert.Equal(rows, ProductsRequests.Limit(limit));
    }

    [Fact]
    public void Wrong_queries_are_refused()
    {
        Refused(() => ProductsRequests.Check(new SearchQuery { Category = -1 }));
        Refused(() => ProductsRequests.Check(new SearchQuery { Keywords = { "" } }));
        Refused(() => ProductsRequests.Check(new SearchQuery { Keywords = { new string('k', 193) } }));
        Refused(() => ProductsRequests.Check(new SearchQuery { Keywords = { Enumerable.Repeat("k", 17) } }));
        Refused(() => ProductsRequests.Check(new ItemsQuery { ItemIds = { Enumerable.Repeat("1-1", 201) } }));
    }

    private static void Check(ProductsCommand? command) =>
        ProductsRequests.Check(new ProductsRequest { RequestId = s_id, Command = command });

    private static RegisterItem Item(Action<RegisterItem>? change = null)
    {
        var item = new RegisterItem
        {
            SellerId = 1,
            Name = "n",
            Keywords = { "K" },
            SearchKeywords = { "k" },
            Condition = Condition.New,
            PriceCents = 1,
        };
        change?.Invoke(item);
        return item;
    }

    private static void Refused(Action check)
    {
        var status = Assert.Throws<RpcException>(check).Status;
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.StartsWith("Required: ", status.Detail, StringComparison.Ordinal);
    }
}
