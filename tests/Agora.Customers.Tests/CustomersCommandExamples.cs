using Agora.Contracts.Customers;
using Google.Protobuf;

namespace Agora.Customers.Tests;

/// <summary>Commands whose shape is right, of every kind, and commands whose shape is wrong in every way.</summary>
internal static class CustomersCommandExamples
{
    private static readonly ByteString s_id = CustomersUnderTest.Id("x");
    private static readonly Session s_buyer = CustomersUnderTest.Token("t");
    private static readonly Session s_seller = CustomersUnderTest.Token("t", Role.Seller);
    private static readonly ByteString s_cart = new CartId(1, 2, 3).ToBytes();
    private static readonly PurchaseRecordLine s_line = CustomersUnderTest.Line("1-1", 1, 1, 1);

    public static CustomersCommand[] Right =>
        [
            new()
            {
                CreateAccount = new()
                {
                    Role = Role.Seller,
                    Name = "n",
                    Username = "u",
                    UsernameKey = "u",
                    PasswordHash = "h",
                },
            },
            new()
            {
                OpenSession = new()
                {
                    Role = Role.Buyer,
                    AccountId = 1,
                    TokenHash = s_buyer.TokenHash,
                },
            },
            new() { CloseSession = new() { Session = s_seller } },
            new() { TouchSession = new() { Session = s_buyer } },
            new()
            {
                AddToCart = new()
                {
                    Session = s_buyer,
                    ItemId = "1-1",
                    Quantity = 1,
                },
            },
            new()
            {
                RemoveFromCart = new() { Session = s_buyer, ItemId = new('x', 1_000) },
            },
            new()
            {
                RemoveFromCart = new()
                {
                    Session = s_buyer,
                    ItemId = "1-1",
                    Quantity = 1,
                },
            },
            new() { SaveCart = new() { Session = s_buyer } },
            new() { ClearCart = new() { Session = s_buyer } },
            new()
            {
                CompletePurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Lines = { s_line },
                },
            },
            new()
            {
                AbandonPurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Outcome = PurchaseState.Abandoned,
                },
            },
            new() { AbandonPurchase = Refusal(PurchaseState.OutOfStock) },
            new() { AbandonPurchase = Refusal(PurchaseState.PriceChanged, abandon => abandon.Fingerprint = 65_535) },
            new()
            {
                AbandonPurchase = Refusal(
                    PurchaseState.OutOfStock,
                    abandon => abandon.RefusedLines[0].Available = 0,
                    price: 0
                ),
            },
            new()
            {
                RecordVote = new()
                {
                    Session = s_buyer,
                    ItemId = "1-1",
                    VoteId = s_id,
                },
            },
            new() { MarkForwarded = new() { VoteIds = { s_id, s_id } } },
            new() { MarkForwarded = new() { VoteIds = { Enumerable.Repeat(s_id, 200) } } },
        ];

    public static CustomersCommand?[] Wrong =>
        [
            null,
            new(),
            new()
            {
                CreateAccount = new()
                {
                    Name = "n",
                    Username = "u",
                    UsernameKey = "u",
                    PasswordHash = "h",
                },
            },
            new()
            {
                CreateAccount = new()
                {
                    Role = (Role)3,
                    Name = "n",
                    Username = "u",
                    UsernameKey = "u",
                    PasswordHash = "h",
                },
            },
            new()
            {
                CreateAccount = new()
                {
                    Role = Role.Buyer,
                    Username = "u",
                    UsernameKey = "u",
                    PasswordHash = "h",
                },
            },
            new()
            {
                CreateAccount = new()
                {
                    Role = Role.Buyer,
                    Name = "n",
                    PasswordHash = "h",
                },
            },
            new()
            {
                CreateAccount = new()
                {
                    Role = Role.Buyer,
                    Name = "n",
                    Username = "u",
                    UsernameKey = "u",
                },
            },
            new()
            {
                CreateAccount = new()
                {
                    Role = Role.Buyer,
                    Name = new('n', 257),
                    Username = "u",
                    UsernameKey = "u",
                    PasswordHash = "h",
                },
            },
            new()
            {
                CreateAccount = new()
                {
                    Role = Role.Buyer,
                    Name = "n",
                    Username = new('u', 257),
                    UsernameKey = "u",
                    PasswordHash = "h",
                },
            },
            new()
            {
                CreateAccount = new()
                {
                    Role = Role.Buyer,
                    Name = "n",
                    Username = "u",
                    PasswordHash = "h",
                },
            },
            new()
            {
                CreateAccount = new()
                {
                    Role = Role.Buyer,
                    Name = "n",
                    Username = "u",
                    UsernameKey = new('u', 4_609),
                    PasswordHash = "h",
                },
            },
            new()
            {
                OpenSession = new()
                {
                    Role = Role.Buyer,
                    AccountId = 1,
                    TokenHash = s_id,
                },
            },
            new()
            {
                OpenSession = new() { AccountId = 1, TokenHash = s_buyer.TokenHash },
            },
            new() { CloseSession = new() },
            new() { CloseSession = new() { Session = new() { Role = Role.Buyer } } },
            new() { TouchSession = new() { Session = new() { TokenHash = s_buyer.TokenHash } } },
            new()
            {
                AddToCart = new()
                {
                    Session = s_seller,
                    ItemId = "1-1",
                    Quantity = 1,
                },
            },
            new()
            {
                AddToCart = new() { Session = s_buyer, Quantity = 1 },
            },
            new()
            {
                AddToCart = new()
                {
                    Session = s_buyer,
                    ItemId = new('1', 41),
                    Quantity = 1,
                },
            },
            new()
            {
                AddToCart = new() { Session = s_buyer, ItemId = "1-1" },
            },
            new()
            {
                AddToCart = new()
                {
                    Session = s_buyer,
                    ItemId = "1-1",
                    Quantity = -1,
                },
            },
            new()
            {
                AddToCart = new()
                {
                    Session = s_buyer,
                    ItemId = "1-1",
                    Quantity = 1,
                    Available = -1,
                },
            },
            new()
            {
                RemoveFromCart = new()
                {
                    Session = s_buyer,
                    ItemId = "1-1",
                    Quantity = 0,
                },
            },
            new()
            {
                RemoveFromCart = new()
                {
                    Session = s_buyer,
                    ItemId = "1-1",
                    Quantity = -1,
                },
            },
            new()
            {
                RemoveFromCart = new() { Session = s_seller, ItemId = "1-1" },
            },
            new() { SaveCart = new() { Session = s_seller } },
            new() { ClearCart = new() { Session = s_seller } },
            new()
            {
                CompletePurchase = new() { PurchaseId = s_id, CartId = s_cart },
            },
            new()
            {
                CompletePurchase = new() { CartId = s_cart, Lines = { s_line } },
            },
            new()
            {
                CompletePurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Lines = { s_line, s_line },
                },
            },
            new()
            {
                CompletePurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Lines = { CustomersUnderTest.Line("1-1", 0, 1, 1) },
                },
            },
            new()
            {
                CompletePurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Lines = { CustomersUnderTest.Line("1-1", 1, 0, 1) },
                },
            },
            new()
            {
                CompletePurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Lines =
                    {
                        CustomersUnderTest.Line("1-1", 2, long.MaxValue / 2, 1),
                        CustomersUnderTest.Line("1-2", 2, 1, 1),
                    },
                },
            },
            new()
            {
                CompletePurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Lines = { Enumerable.Range(0, 201).Select(i => CustomersUnderTest.Line($"1-{i}", 1, 1, 1)) },
                },
            },
            new()
            {
                AbandonPurchase = new() { PurchaseId = s_id, CartId = s_cart },
            },
            new()
            {
                CompletePurchase = new() { PurchaseId = s_id, Lines = { s_line } },
            },
            new()
            {
                AbandonPurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_id,
                    Outcome = PurchaseState.Abandoned,
                },
            },
            new()
            {
                AbandonPurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Outcome = PurchaseState.PriceChanged + 1,
                },
            },
            new()
            {
                AbandonPurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Outcome = PurchaseState.Completed,
                },
            },
            new()
            {
                AbandonPurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Outcome = PurchaseState.Abandoned,
                    Reason = new('x', 2_001),
                },
            },
            new()
            {
                CompletePurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Lines = { s_line },
                    Fingerprint = 65_536,
                },
            },
            new()
            {
                AbandonPurchase = new()
                {
                    PurchaseId = s_id,
                    CartId = s_cart,
                    Outcome = PurchaseState.Abandoned,
                    Fingerprint = 65_536,
                },
            },
            new() { AbandonPurchase = Refusal(PurchaseState.Declined) },
            new() { AbandonPurchase = Refusal(PurchaseState.OutOfStock, abandon => abandon.RefusedTotalCents = -1) },
            new()
            {
                AbandonPurchase = Refusal(PurchaseState.OutOfStock, abandon => abandon.RefusedLines[0].ItemId = ""),
            },
            new()
            {
                AbandonPurchase = Refusal(PurchaseState.OutOfStock, abandon => abandon.RefusedLines[0].Quantity = 0),
            },
            new()
            {
                AbandonPurchase = Refusal(
                    PurchaseState.OutOfStock,
                    abandon => abandon.RefusedLines[0].Name = new('n', 257)
                ),
            },
            new()
            {
                AbandonPurchase = Refusal(PurchaseState.OutOfStock, abandon => abandon.RefusedLines[0].Available = -1),
            },
            new() { AbandonPurchase = Refusal(PurchaseState.OutOfStock, price: -1) },
            new()
            {
                AbandonPurchase = Refusal(
                    PurchaseState.OutOfStock,
                    abandon => abandon.RefusedLines.Add(Enumerable.Repeat(abandon.RefusedLines[0], 200))
                ),
            },
            new()
            {
                RecordVote = new()
                {
                    Session = s_seller,
                    ItemId = "1-1",
                    VoteId = s_id,
                },
            },
            new()
            {
                RecordVote = new() { Session = s_buyer, ItemId = "1-1" },
            },
            new() { MarkForwarded = new() { VoteIds = { s_id, ByteString.Empty } } },
            new() { MarkForwarded = new() { VoteIds = { Enumerable.Repeat(s_id, 201) } } },
        ];

    private static AbandonPurchase Refusal(
        PurchaseState outcome,
        Action<AbandonPurchase>? change = null,
        long price = 5
    )
    {
        var line = new RefusedLine
        {
            ItemId = "1-1",
            Quantity = 2,
            Name = "n",
            UnitPriceCents = price,
            Available = 1,
        };
        var abandon = new AbandonPurchase
        {
            PurchaseId = s_id,
            CartId = s_cart,
            Outcome = outcome,
            RefusedLines = { line },
            RefusedTotalCents = 10,
        };
        change?.Invoke(abandon);
        return abandon;
    }
}
