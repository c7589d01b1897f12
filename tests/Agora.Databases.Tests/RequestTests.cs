using Agora.Contracts.Customers;
using Agora.Customers;
using Agora.Products;
using Google.Protobuf;
using Grpc.Core;
using Xunit;
using P = Agora.Contracts.Products;

namespace Agora.Databases.Tests;

/// <summary>What the state machines take for granted is refused before it is ordered: an exception there would stop every replica.</summary>
public sealed class RequestTests
{
    private static readonly ByteString Id = CustomersUnderTest.Id("x");
    private static readonly Session Buyer = CustomersUnderTest.Token("t");
    private static readonly Session Seller = CustomersUnderTest.Token("t", Role.Seller);
    private static readonly ByteString Cart = new CartId(1, 2, 3).ToBytes();
    private static readonly PurchaseLine Line = CustomersUnderTest.Line("1-1", 1, 1, 1);

    private static Command[] GoodCustomers =>
    [
        new() { CreateAccount = new() { Role = Role.Seller, Name = "n", Username = "u", UsernameKey = "u",
            PasswordHash = "h" } },
        new() { OpenSession = new() { Role = Role.Buyer, AccountId = 1, TokenHash = Buyer.TokenHash } },
        new() { CloseSession = new() { Session = Seller } },
        new() { TouchSession = new() { Session = Buyer } },
        new() { AddToCart = new() { Session = Buyer, ItemId = "1-1", Quantity = 1 } },
        new() { RemoveFromCart = new() { Session = Buyer, ItemId = new('x', 1_000) } },
        new() { RemoveFromCart = new() { Session = Buyer, ItemId = "1-1", Quantity = 1 } },
        new() { SaveCart = new() { Session = Buyer } },
        new() { ClearCart = new() { Session = Buyer } },
        new() { CompletePurchase = new() { PurchaseId = Id, CartId = Cart, Lines = { Line } } },
        new() { AbandonPurchase = new() { PurchaseId = Id, CartId = Cart, Outcome = PurchaseState.Abandoned } },
        new() { AbandonPurchase = Refused(PurchaseState.OutOfStock) },
        new() { AbandonPurchase = Refused(PurchaseState.PriceChanged, abandon => abandon.Fingerprint = 65_535) },
        new() { AbandonPurchase = Refused(PurchaseState.OutOfStock, abandon =>
            abandon.RefusedLines[0].Available = 0, price: 0) },
        new() { RecordVote = new() { Session = Buyer, ItemId = "1-1", VoteId = Id } },
        new() { MarkForwarded = new() { VoteIds = { Id, Id } } },
        new() { MarkForwarded = new() { VoteIds = { Enumerable.Repeat(Id, 200) } } },
    ];

    private static Command?[] BadCustomers =>
    [
        null,
        new(),
        new() { CreateAccount = new() { Name = "n", Username = "u", UsernameKey = "u", PasswordHash = "h" } },
        new() { CreateAccount = new() { Role = (Role)3, Name = "n", Username = "u", UsernameKey = "u",
            PasswordHash = "h" } },
        new() { CreateAccount = new() { Role = Role.Buyer, Username = "u", UsernameKey = "u", PasswordHash = "h" } },
        new() { CreateAccount = new() { Role = Role.Buyer, Name = "n", PasswordHash = "h" } },
        new() { CreateAccount = new() { Role = Role.Buyer, Name = "n", Username = "u", UsernameKey = "u" } },
        new() { CreateAccount = new() { Role = Role.Buyer, Name = new('n', 257), Username = "u", UsernameKey = "u",
            PasswordHash = "h" } },
        new() { CreateAccount = new() { Role = Role.Buyer, Name = "n", Username = new('u', 257), UsernameKey = "u",
            PasswordHash = "h" } },
        new() { CreateAccount = new() { Role = Role.Buyer, Name = "n", Username = "u", PasswordHash = "h" } },
        new() { CreateAccount = new() { Role = Role.Buyer, Name = "n", Username = "u", UsernameKey = new('u', 4_609),
            PasswordHash = "h" } },
        new() { OpenSession = new() { Role = Role.Buyer, AccountId = 1, TokenHash = Id } },
        new() { OpenSession = new() { AccountId = 1, TokenHash = Buyer.TokenHash } },
        new() { CloseSession = new() },
        new() { CloseSession = new() { Session = new() { Role = Role.Buyer } } },
        new() { TouchSession = new() { Session = new() { TokenHash = Buyer.TokenHash } } },
        new() { AddToCart = new() { Session = Seller, ItemId = "1-1", Quantity = 1 } },
        new() { AddToCart = new() { Session = Buyer, Quantity = 1 } },
        new() { AddToCart = new() { Session = Buyer, ItemId = new('1', 41), Quantity = 1 } },
        new() { AddToCart = new() { Session = Buyer, ItemId = "1-1" } },
        new() { AddToCart = new() { Session = Buyer, ItemId = "1-1", Quantity = -1 } },
        new() { AddToCart = new() { Session = Buyer, ItemId = "1-1", Quantity = 1, Available = -1 } },
        new() { RemoveFromCart = new() { Session = Buyer, ItemId = "1-1", Quantity = 0 } },
        new() { RemoveFromCart = new() { Session = Buyer, ItemId = "1-1", Quantity = -1 } },
        new() { RemoveFromCart = new() { Session = Seller, ItemId = "1-1" } },
        new() { SaveCart = new() { Session = Seller } },
        new() { ClearCart = new() { Session = Seller } },
        new() { CompletePurchase = new() { PurchaseId = Id, CartId = Cart } },
        new() { CompletePurchase = new() { CartId = Cart, Lines = { Line } } },
        new() { CompletePurchase = new() { PurchaseId = Id, CartId = Cart, Lines = { Line, Line } } },
        new() { CompletePurchase = new() { PurchaseId = Id, CartId = Cart, Lines = { CustomersUnderTest.Line("1-1", 0, 1, 1) } } },
        new() { CompletePurchase = new() { PurchaseId = Id, CartId = Cart, Lines = { CustomersUnderTest.Line("1-1", 1, 0, 1) } } },
        new() { CompletePurchase = new() { PurchaseId = Id, CartId = Cart, Lines = { CustomersUnderTest.Line("1-1", 2, long.MaxValue / 2, 1), CustomersUnderTest.Line("1-2", 2, 1, 1) } } },
        new() { CompletePurchase = new() { PurchaseId = Id, CartId = Cart, Lines = { Enumerable.Range(0, 201).Select(i => CustomersUnderTest.Line($"1-{i}", 1, 1, 1)) } } },
        new() { AbandonPurchase = new() { PurchaseId = Id, CartId = Cart } },
        new() { CompletePurchase = new() { PurchaseId = Id, Lines = { Line } } },
        new() { AbandonPurchase = new() { PurchaseId = Id, CartId = Id, Outcome = PurchaseState.Abandoned } },
        new() { AbandonPurchase = new() { PurchaseId = Id, CartId = Cart, Outcome = PurchaseState.PriceChanged + 1 } },
        new() { AbandonPurchase = new() { PurchaseId = Id, CartId = Cart, Outcome = PurchaseState.Completed } },
        new() { AbandonPurchase = new() { PurchaseId = Id, CartId = Cart, Outcome = PurchaseState.Abandoned, Reason = new('x', 2_001) } },
        new() { CompletePurchase = new() { PurchaseId = Id, CartId = Cart, Lines = { Line }, Fingerprint = 65_536 } },
        new() { AbandonPurchase = new() { PurchaseId = Id, CartId = Cart, Outcome = PurchaseState.Abandoned,
            Fingerprint = 65_536 } },
        new() { AbandonPurchase = Refused(PurchaseState.Declined) },
        new() { AbandonPurchase = Refused(PurchaseState.OutOfStock, abandon => abandon.RefusedTotalCents = -1) },
        new() { AbandonPurchase = Refused(PurchaseState.OutOfStock, abandon => abandon.RefusedLines[0].ItemId = "") },
        new() { AbandonPurchase = Refused(PurchaseState.OutOfStock, abandon => abandon.RefusedLines[0].Quantity = 0) },
        new() { AbandonPurchase = Refused(PurchaseState.OutOfStock, abandon =>
            abandon.RefusedLines[0].Name = new('n', 257)) },
        new() { AbandonPurchase = Refused(PurchaseState.OutOfStock, abandon =>
            abandon.RefusedLines[0].Available = -1) },
        new() { AbandonPurchase = Refused(PurchaseState.OutOfStock, price: -1) },
        new() { AbandonPurchase = Refused(PurchaseState.OutOfStock, abandon =>
            abandon.RefusedLines.Add(Enumerable.Repeat(abandon.RefusedLines[0], 200))) },
        new() { RecordVote = new() { Session = Seller, ItemId = "1-1", VoteId = Id } },
        new() { RecordVote = new() { Session = Buyer, ItemId = "1-1" } },
        new() { MarkForwarded = new() { VoteIds = { Id, ByteString.Empty } } },
        new() { MarkForwarded = new() { VoteIds = { Enumerable.Repeat(Id, 201) } } },
    ];

    private static AbandonPurchase Refused(
        PurchaseState outcome, Action<AbandonPurchase>? change = null, long price = 5)
    {
        var line = new RefusedLine { ItemId = "1-1", Quantity = 2, Name = "n", UnitPriceCents = price, Available = 1 };
        var abandon = new AbandonPurchase
        {
            PurchaseId = Id,
            CartId = Cart,
            Outcome = outcome,
            RefusedLines = { line },
            RefusedTotalCents = 10,
        };
        change?.Invoke(abandon);
        return abandon;
    }

    private static P.RegisterItem Item(Action<P.RegisterItem>? change = null)
    {
        var item = new P.RegisterItem
        {
            SellerId = 1,
            Name = "n",
            Keywords = { "K" },
            SearchKeywords = { "k" },
            Condition = P.Condition.New,
            PriceCents = 1,
        };
        change?.Invoke(item);
        return item;
    }

    private static readonly P.ReservationLine Wanted = new() { ItemId = "1-1", Quantity = 1 };

    private static P.Command[] GoodProducts =>
    [
        new() { RegisterItem = Item() },
        new() { RegisterItem = Item(item => item.SearchKeywords[0] = new string('k', 192)) },
        new() { RegisterItem = Item(item => item.Keywords.Add("k")) },
        new() { AddUnits = new() { ItemId = "any", Quantity = int.MaxValue,
            IfVersion = { Enumerable.Range(0, 200).Select(i => (long)i) } } },
        new() { Reserve = new() { PurchaseId = Id, CartId = Id, Lines = { Wanted }, Fingerprint = 65_535,
            ExpectedTotalCents = 0 } },
        new() { ChangePrice = new() { ItemId = "", PriceCents = 1 } },
        new() { WithdrawUnits = new() { ItemId = "any", Quantity = 1 } },
        new() { Reserve = new() { PurchaseId = Id, CartId = Id, Lines = { Wanted, Wanted } } },
        new() { Confirm = new() { PurchaseIds = { Enumerable.Repeat(Id, 50) } } },
        new() { Confirm = new() },
        new() { Release = new() { PurchaseId = Id } },
        new() { AddFeedback = new() { ItemId = "1-1", VoteId = Id } },
    ];

    private static P.Command?[] BadProducts =>
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
        new() { RegisterItem = Item(item => item.Condition = P.Condition.Unspecified) },
        new() { RegisterItem = Item(item => item.Condition = (P.Condition)3) },
        new() { RegisterItem = Item(item => item.PriceCents = 0) },
        new() { RegisterItem = Item(item => item.Quantity = -1) },
        new() { ChangePrice = new() { ItemId = "1-1", PriceCents = 0 } },
        new() { WithdrawUnits = new() { ItemId = "1-1", Quantity = 0 } },
        new() { WithdrawUnits = new() { ItemId = "1-1", Quantity = -5 } },
        new() { WithdrawUnits = new() { ItemId = "1-1", Quantity = 1, IfVersion = { new long[201] } } },
        new() { ChangePrice = new() { ItemId = "1-1", PriceCents = 1, IfVersion = { new long[201] } } },
        new() { AddUnits = new() { ItemId = "1-1", Quantity = 1, IfVersion = { new long[201] } } },
        new() { AddUnits = new() { ItemId = "1-1", Quantity = 0 } },
        new() { AddUnits = new() { ItemId = "1-1", Quantity = -1 } },
        new() { Reserve = new() { PurchaseId = Id, CartId = Id, Lines = { Wanted }, Fingerprint = 65_536 } },
        new() { Reserve = new() { PurchaseId = Id, CartId = Id, Lines = { Wanted }, ExpectedTotalCents = -1 } },
        new() { Reserve = new() { PurchaseId = Id, CartId = Id } },
        new() { Reserve = new() { CartId = Id, Lines = { Wanted } } },
        new() { Reserve = new() { PurchaseId = Id, CartId = Id, Lines = { new P.ReservationLine { ItemId = "1-1", Quantity = -1 } } } },
        new() { Reserve = new() { PurchaseId = Id, CartId = Id, Lines = { Enumerable.Repeat(Wanted, 201) } } },
        new() { Reserve = new() { PurchaseId = Id, Lines = { Wanted } } },
        new() { Reserve = new() { PurchaseId = Id, CartId = ByteString.CopyFrom(new byte[65]), Lines = { Wanted } } },
        new() { Confirm = new() { PurchaseIds = { Id, ByteString.Empty } } },
        new() { Confirm = new() { PurchaseIds = { Enumerable.Repeat(Id, 51) } } },
        new() { Release = new() },
        new() { AddFeedback = new() { ItemId = "1-1" } },
    ];

    public static IEnumerable<TheoryDataRow<int>> EachBadCustomers() => Enumerable.Range(0, BadCustomers.Length).Select(i => new TheoryDataRow<int>(i));

    public static IEnumerable<TheoryDataRow<int>> EachBadProducts() => Enumerable.Range(0, BadProducts.Length).Select(i => new TheoryDataRow<int>(i));

    [Fact]
    public void Every_kind_of_command_is_let_through_and_applied_where_its_shape_is_right()
    {
        using var customers = new CustomersUnderTest();
        Assert.All(GoodCustomers, command =>
        {
            CustomersRequests.Check(new ExecuteRequest { RequestId = Id, Command = command });
            customers.Do(command);
        });
        using var products = new ProductsUnderTest();
        Assert.All(GoodProducts, command =>
        {
            ProductsRequests.Check(new P.ExecuteRequest { RequestId = Id, Command = command });
            products.Do(command);
        });
        Assert.Equal(Command.Descriptor.Oneofs[0].Fields.Count,
            GoodCustomers.Select(command => command.KindCase).Distinct().Count());
        Assert.Equal(P.Command.Descriptor.Oneofs[0].Fields.Count,
            GoodProducts.Select(command => command.KindCase).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(EachBadCustomers))]
    public void A_wrong_customers_command_is_refused(int index) =>
        Refused(() => CustomersRequests.Check(new ExecuteRequest { RequestId = Id, Command = BadCustomers[index] }));

    [Theory]
    [MemberData(nameof(EachBadProducts))]
    public void A_wrong_products_command_is_refused(int index) =>
        Refused(() => ProductsRequests.Check(new P.ExecuteRequest { RequestId = Id, Command = BadProducts[index] }));

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    public void A_request_id_has_sixteen_bytes(int length)
    {
        var id = ByteString.CopyFrom(new byte[length]);
        Refused(() => CustomersRequests.Check(new ExecuteRequest { RequestId = id, Command = GoodCustomers[0] }));
        Refused(() => ProductsRequests.Check(new P.ExecuteRequest { RequestId = id, Command = GoodProducts[0] }));
    }

    [Fact]
    public void A_command_too_large_to_order_is_refused()
    {
        var session = new Session { TokenHash = Buyer.TokenHash, Role = Role.Buyer };
        session.MergeFrom(new byte[] { 0x82, 0x7d, 0x80, 0x80, 0x10 }.Concat(new byte[262_144]).ToArray());
        Refused(() => CustomersRequests.Check(new ExecuteRequest { RequestId = Id, Command = new() { TouchSession = new() { Session = session } } }));
    }

    [Theory]
    [InlineData(0, 50)]
    [InlineData(1, 1)]
    [InlineData(200, 200)]
    [InlineData(201, null)]
    [InlineData(-1, null)]
    public void A_page_has_1_to_200_rows_and_50_unless_told(int limit, int? rows)
    {
        if (rows is null)
        {
            Refused(() => CustomersRequests.Limit(limit));
            Refused(() => ProductsRequests.Limit(limit));
            return;
        }

        Assert.Equal(rows, CustomersRequests.Limit(limit));
        Assert.Equal(rows, ProductsRequests.Limit(limit));
    }

    [Fact]
    public void Wrong_queries_are_refused()
    {
        Refused(() => CustomersRequests.Check((Session?)null));
        Refused(() => CustomersRequests.Check(new CredentialsQuery { UsernameKey = "u" }));
        Refused(() => ProductsRequests.Check(new P.SearchQuery { Category = -1 }));
        Refused(() => ProductsRequests.Check(new P.SearchQuery { Keywords = { "" } }));
        Refused(() => ProductsRequests.Check(new P.SearchQuery { Keywords = { new string('k', 193) } }));
        Refused(() => ProductsRequests.Check(new P.ItemsQuery { ItemIds = { Enumerable.Repeat("1-1", 201) } }));
        Refused(() => ProductsRequests.Check(new P.SearchQuery { Keywords = { Enumerable.Repeat("k", 17) } }));
    }

    private static void Refused(Action check)
    {
        var status = Assert.Throws<RpcException>(check).Status;
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.StartsWith("Required: ", status.Detail, StringComparison.Ordinal);
    }
}
